output "dns_name" {
  value       = module.fleet.dns_name
  description = "What both names are a CNAME or alias of."
}

output "database_address" {
  value       = module.fleet.database_address
  description = "The ledger's host, for put_secrets.py."
}

output "broker_address" {
  value       = module.fleet.broker_address
  description = "With redis: Valkey's host, for put_secrets.py."
}

output "repository_urls" {
  value       = module.fleet.repository_urls
  description = "Image -> where it is pushed to."
}

output "deploy_role_arn" {
  value       = module.fleet.deploy_role_arn
  description = "What GitHub's workflows assume."
}

output "migrate" {
  value       = module.fleet.migrate
  description = "What the migrate task is run with."
}
