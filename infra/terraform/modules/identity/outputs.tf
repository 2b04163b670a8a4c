output "task_role_arns" {
  value       = { for program, role in aws_iam_role.task : program => role.arn }
  description = "Program -> what it runs as."
}

output "execution_role_arns" {
  value       = { for program, role in aws_iam_role.execution : program => role.arn }
  description = "Program -> what starts it."
}

output "deploy_role_arn" {
  value       = aws_iam_role.deploy.arn
  description = "What GitHub's workflows assume."
}

output "task_policies" {
  value       = { for program, policy in aws_iam_role_policy.task : program => jsondecode(policy.policy).Statement }
  description = "Program -> the statements of its policy, as tests look at them."
}
