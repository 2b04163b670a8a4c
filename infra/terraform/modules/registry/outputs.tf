output "urls" {
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
  description = "Image -> where it is pushed to and pulled from."
}

output "arns" {
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
  description = "Image -> its repository's ARN."
}
