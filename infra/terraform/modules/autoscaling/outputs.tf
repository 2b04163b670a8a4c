output "bounds" {
  value       = { fewest = aws_appautoscaling_target.this.min_capacity, most = aws_appautoscaling_target.this.max_capacity }
  description = "How many run at least and at most."
}

output "tracking" {
  value       = one(aws_appautoscaling_policy.this.target_tracking_scaling_policy_configuration)
  description = "What is tracked, as tests look at it."
}
