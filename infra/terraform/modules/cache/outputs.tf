output "address" {
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
  description = "The host; its QUEUE_URL is rediss://fleet:PASSWORD@HOST:6379/0."
}

output "nodes" {
  value       = [for number in range(var.multi_az ? 2 : 1) : format("%s-%03d", var.name, number + 1)]
  description = "The nodes' names, as metrics know them."
}
