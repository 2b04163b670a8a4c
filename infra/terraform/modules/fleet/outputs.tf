output "dns_name" {
  value       = module.balancer.dns_name
  description = "What both names are a CNAME or alias of."
}

output "database_address" {
  value       = module.database.address
  description = "The ledger's host, for put_secrets.py."
}

output "broker_address" {
  value       = local.on_sqs ? "" : module.cache[0].address
  description = "With redis: Valkey's host, for put_secrets.py."
}

output "repository_urls" {
  value       = module.registry.urls
  description = "Image -> where it is pushed to."
}

output "deploy_role_arn" {
  value       = module.identity.deploy_role_arn
  description = "What GitHub's workflows assume."
}

output "migrate" {
  value = {
    cluster         = aws_ecs_cluster.this.name
    task            = aws_ecs_task_definition.migrate.family
    subnets         = module.network.private_subnet_ids
    security_groups = [module.network.tasks_group_id]
  }
  description = "What the migrate task is run with."
}

output "maintenance" {
  value = {
    schedule      = aws_scheduler_schedule.maintenance.schedule_expression
    task          = aws_ecs_task_definition.migrate.family
    ledger_months = one([for one in jsondecode(aws_ecs_task_definition.migrate.container_definitions)[0].environment : one.value if one.name == "LEDGER_MONTHS"])
  }
  description = "What sees to the ledger's months, as tests look at it."
}

output "database" {
  value       = { public = module.database.publicly_accessible, multi_az = module.database.multi_az, protected = module.database.deletion_protection }
  description = "How the ledger is set up, as tests look at it."
}

output "queue_names" {
  value       = local.on_sqs ? module.queues[0].names : []
  description = "The queues on SQS."
}

output "containers" {
  value       = { for program, one in module.service : program => one.container }
  description = "Program -> its container, as tests look at it."
}

output "breakers" {
  value       = { for program, one in module.service : program => one.breaker }
  description = "Program -> what ends a deployment that fails."
}

output "capacity" {
  value       = { for program, one in module.service : program => one.capacity }
  description = "Program -> where its tasks run."
}

output "scaling" {
  value       = { worker = merge(module.worker_scaling.bounds, { tracking = module.worker_scaling.tracking }), gateway = merge(module.gateway_scaling.bounds, { tracking = module.gateway_scaling.tracking }) }
  description = "Service -> how it is scaled."
}

output "alarms" {
  value       = module.observability.alarms
  description = "Alarm -> what it looks at."
}
