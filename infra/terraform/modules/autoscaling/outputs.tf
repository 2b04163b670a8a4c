output "bounds" {
  value       = { fewest = aws_appautoscaling_target.this.min_capacity, most = aws_appautoscaling_target.this.max_capacity }
  description = "How many run at least and at most."
}

output "tracking" {
  value       = { for name, one in aws_appautoscaling_policy.this : name => one.target_tracking_scaling_policy_configuration[0] }
  description = "What is tracked by each policy, as tests look at it."
}
