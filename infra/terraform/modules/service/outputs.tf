output "name" {
  value       = aws_ecs_service.this.name
  description = "The service's name."
}

output "container" {
  value       = jsondecode(aws_ecs_task_definition.this.container_definitions)[0]
  description = "The container's definition, as tests look at it."
}

output "breaker" {
  value       = one(aws_ecs_service.this.deployment_circuit_breaker)
  description = "What ends a deployment that fails."
}

output "capacity" {
  value       = { for one in aws_ecs_service.this.capacity_provider_strategy : one.capacity_provider => { base = one.base, weight = one.weight } }
  description = "Where its tasks run."
}
