# Production: each part in two zones or more, and hard to delete.
module "fleet" {
  source = "../../modules/fleet"
  name   = "waste-prod"
  region = var.region
  zones  = [for letter in ["a", "b", "c"] : "${var.region}${letter}"]
  broker = var.broker

  broker_password     = var.broker_password
  multi_az            = true
  endpoint_zones      = 3
  database_class      = "db.m7g.large"
  database_storage_gb = 100
  backup_days         = 14
  ledger_months       = var.ledger_months
  deletion_protection = true
  gateway_tasks       = { fewest = 2, most = 10 }
  intake_tasks        = 2
  worker_tasks        = { fewest = 2, most = 40 }
  worker_on_demand    = 1
  log_retention_days  = 90

  image_tag       = var.image_tag
  images_account  = var.images_account
  gateway_host    = var.gateway_host
  review_host     = var.review_host
  certificate_arn = var.certificate_arn
  review_networks = var.review_networks
  traces          = var.traces

  alarm_mails       = var.alarm_mails
  budget_usd        = var.budget_usd
  github_repository = var.github_repository
  github_subject    = "environment:prod"
}
