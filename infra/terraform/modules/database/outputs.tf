output "identifier" {
  value       = aws_db_instance.this.identifier
  description = "The instance's name."
}

output "address" {
  value       = aws_db_instance.this.address
  description = "The host."
}

output "owner_secret_arn" {
  # By lookup, since a schema without computed blocks does not know the attribute.
  value       = try(lookup(aws_db_instance.this, "master_user_secret", [])[0].secret_arn, "")
  description = "The secret of the owner's password, which RDS made and changes; a JSON with username and password."
}

output "publicly_accessible" {
  value       = aws_db_instance.this.publicly_accessible
  description = "Whether it has a public address: false."
}

output "multi_az" {
  value       = aws_db_instance.this.multi_az
  description = "Whether there is a standby."
}

output "deletion_protection" {
  value       = aws_db_instance.this.deletion_protection
  description = "Whether it refuses to be deleted."
}
