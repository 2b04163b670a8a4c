# For trying things out: one zone, small, and easy to throw away. It stands in an account of its own, as the queues' names are fixed.
module "fleet" {
  source = "../../modules/fleet"
  name   = "waste-dev"
  region = var.region
  zones  = [for letter in ["a", "b", "c"] : "${var.region}${letter}"]
  broker = var.broker

  broker_password     = var.broker_password
  multi_az            = false
  endpoint_zones      = 1
  database_class      = "db.t4g.small"
  database_storage_gb = 20
  backup_days         = 3
  ledger_months       = 3
  deletion_protection = false
  gateway_tasks       = { fewest = 1, most = 2 }
  intake_tasks        = 1
  worker_tasks        = { fewest = 1, most = 4 }
  worker_on_demand    = 0
  log_retention_days  = 14

  image_tag       = var.image_tag
  pull_accounts   = var.pull_accounts
  gateway_host    = var.gateway_host
  review_host     = var.review_host
  certificate_arn = var.certificate_arn
  review_networks = var.review_networks
  traces          = var.traces

  alarm_mails       = var.alarm_mails
  budget_usd        = var.budget_usd
  github_repository = var.github_repository
  github_subject    = "environment:dev"
}
