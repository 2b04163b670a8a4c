output "names" {
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.bucket }
  description = "pictures and kept -> the bucket's name."
}

output "arns" {
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.arn }
  description = "pictures and kept -> the bucket's ARN."
}

output "logs_name" {
  value       = aws_s3_bucket_policy.logs.bucket
  description = "The bucket of access logs, ready to be written to."
}
