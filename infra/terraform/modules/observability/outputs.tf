output "topic_arn" {
  value       = aws_sns_topic.alarms.arn
  description = "Where alarms go."
}

output "alarms" {
  value       = { for name, one in aws_cloudwatch_metric_alarm.this : name => { of = one.dimensions, threshold = one.threshold, missing = one.treat_missing_data } }
  description = "Alarm -> what it looks at, as tests look at it."
}
