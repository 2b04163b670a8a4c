output "state_config" {
  value       = "bucket = \"${aws_s3_bucket.state.bucket}\"\nregion = \"${aws_s3_bucket.state.region}\"\nkms_key_id = \"${module.key.arn}\"\n"
  description = "What state.config of each environment holds."
}
