# The whole fleet in one account and region: what dev and prod have in common.
data "aws_caller_identity" "here" {}

locals {
  account_id     = data.aws_caller_identity.here.account_id
  images_account = coalesce(var.images_account, local.account_id)
  repositories   = "${local.images_account}.dkr.ecr.${var.region}.amazonaws.com"
  on_sqs         = var.broker == "sqs"
  collector_port = var.traces == null ? null : try(tonumber(regex("^https?://[^/:]+:([0-9]+)", var.traces.endpoint)[0]), startswith(var.traces.endpoint, "https") ? 443 : 80)
  backlog        = { namespace = var.backlog_namespace, name = var.backlog_metric }
}

module "key" {
  for_each = {
    objects  = { says = "Pictures, lake and models", services = [] }
    queues   = { says = "Queues", services = [] }
    database = { says = "Ledger, its backups and its owner's password; the broker's disk", services = [] }
    secrets  = { says = "Secrets of the programs", services = [] }
    images   = { says = "Images", services = [] }
    alarms   = { says = "Alarms on their way", services = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
    logs     = { says = "Logs", services = ["logs.${var.region}.amazonaws.com"] }
  }
  source      = "../key"
  name        = "${var.name}-${each.key}"
  description = each.value.says
  services    = each.value.services
  log_groups  = each.key == "logs" ? "arn:aws:logs:${var.region}:${local.account_id}:log-group:/waste/${var.name}/*" : null
}

module "network" {
  source             = "../network"
  name               = var.name
  region             = var.region
  zones              = var.zones
  cidr               = var.cidr
  endpoint_zones     = var.endpoint_zones
  client_networks    = var.client_networks
  collector_port     = local.collector_port
  log_retention_days = var.log_retention_days
  logs_key_arn       = module.key["logs"].arn
}

module "storage" {
  source       = "../storage"
  name         = var.name
  account_id   = local.account_id
  key_arn      = module.key["objects"].arn
  picture_days = var.picture_days
}

module "queues" {
  count   = local.on_sqs ? 1 : 0
  source  = "../queues"
  key_arn = module.key["queues"].arn
}

module "cache" {
  count             = local.on_sqs ? 0 : 1
  source            = "../cache"
  name              = var.name
  subnet_ids        = module.network.private_subnet_ids
  security_group_id = module.network.cache_group_id
  key_arn           = module.key["database"].arn
  password          = var.broker_password
  node_type         = var.cache_node_type
  multi_az          = var.multi_az
}

module "database" {
  source              = "../database"
  name                = var.name
  subnet_ids          = module.network.private_subnet_ids
  security_group_id   = module.network.database_group_id
  key_arn             = module.key["database"].arn
  instance_class      = var.database_class
  storage_gb          = var.database_storage_gb
  multi_az            = var.multi_az
  backup_days         = var.backup_days
  deletion_protection = var.deletion_protection
}

module "registry" {
  source        = "../registry"
  key_arn       = module.key["images"].arn
  pull_accounts = var.pull_accounts
}

module "balancer" {
  source              = "../balancer"
  name                = var.name
  subnet_ids          = module.network.public_subnet_ids
  security_group_id   = module.network.balancer_group_id
  certificate_arn     = var.certificate_arn
  logs_bucket         = module.storage.logs_name
  deletion_protection = var.deletion_protection
}

module "identity" {
  source                 = "../identity"
  name                   = var.name
  region                 = var.region
  account_id             = local.account_id
  queue_arns             = local.on_sqs ? module.queues[0].arns : {}
  queues_key_arn         = module.key["queues"].arn
  bucket_arns            = module.storage.arns
  objects_key_arn        = module.key["objects"].arn
  repository_arns        = module.registry.arns
  images_account_id      = local.images_account
  images                 = local.images
  secret_arns            = local.secret_arns
  secret_key_arns        = [module.key["secrets"].arn, module.key["database"].arn]
  metric_namespace       = var.backlog_namespace
  github_repository      = var.github_repository
  github_subject         = var.github_subject
  create_github_provider = var.create_github_provider
}

module "observability" {
  source          = "../observability"
  name            = var.name
  account_id      = local.account_id
  alarms_key_arn  = module.key["alarms"].arn
  alarm_mails     = var.alarm_mails
  with_queues     = local.on_sqs
  cache_nodes     = local.on_sqs ? [] : module.cache[0].nodes
  database_id     = module.database.identifier
  cluster_name    = aws_ecs_cluster.this.name
  services        = sort(keys(local.services))
  balancer_suffix = module.balancer.arn_suffix
  backlog         = local.backlog
  budget_usd      = var.budget_usd
}
