output "address" {
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
  description = "The host; its QUEUE_URL is rediss://fleet:PASSWORD@HOST:6379/0."
}
