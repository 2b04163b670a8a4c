output "arns" {
  value       = { for name, queue in aws_sqs_queue.this : name => queue.arn }
  description = "Name -> ARN of each queue that a program uses."
}

output "names" {
  value       = sort(concat(keys(aws_sqs_queue.this), [aws_sqs_queue.parked.name]))
  description = "All names, with that of what SQS gave up on."
}
