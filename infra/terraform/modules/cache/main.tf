# Valkey as the broker. Replicas follow without being waited for, so a failover may lose what was answered in its last moment:
# where an accepted event must outlive the loss of a zone, broker = "sqs".
resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-valkey8"
  family = "valkey8"

  # Full, it refuses writes and evicts nothing: intake sees it coming and slows the devices down.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

# The same rights as infra/compose/make_secrets.py gives.
resource "aws_elasticache_user" "fleet" {
  user_id       = "${var.name}-fleet"
  user_name     = "fleet"
  engine        = "valkey"
  access_string = "on ~* &* +@all -@admin -@dangerous +info +client|setinfo +client|setname"
  authentication_mode {
    type      = "password"
    passwords = [var.password]
  }
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.fleet.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:Users of a group, each with a password and rights of its own, are in place of one token for all.
  #checkov:skip=CKV2_AWS_50:A replica with failover is a variable: prod has it, dev does not; the tests of both say so.
  replication_group_id       = var.name
  description                = "The broker of ${var.name}"
  engine                     = "valkey"
  engine_version             = var.engine_version
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  node_type                  = var.node_type
  num_cache_clusters         = var.multi_az ? 2 : 1
  multi_az_enabled           = var.multi_az
  automatic_failover_enabled = var.multi_az
  port                       = 6379
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [var.security_group_id]
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn
  snapshot_retention_limit   = 1
  auto_minor_version_upgrade = true
}
