output "vpc_id" {
  value       = aws_vpc.this.id
  description = "The VPC."
}

output "private_subnet_ids" {
  value       = aws_subnet.private[*].id
  description = "Where programs, database and cache are."
}

output "public_subnet_ids" {
  value       = aws_subnet.public[*].id
  description = "Where the load balancer is."
}

output "public_subnet_cidrs" {
  value       = aws_subnet.public[*].cidr_block
  description = "The load balancer's addresses are among these."
}

output "balancer_group_id" {
  value       = aws_security_group.balancer.id
  description = "The load balancer's security group."
}

output "tasks_group_id" {
  value       = aws_security_group.tasks.id
  description = "The programs' security group."
}

output "database_group_id" {
  value       = aws_security_group.database.id
  description = "Postgres' security group."
}

output "cache_group_id" {
  value       = aws_security_group.cache.id
  description = "Valkey's security group."
}
