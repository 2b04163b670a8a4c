# Who may speak to whom. Rules are resources of their own, so that groups can name each other.
resource "aws_security_group" "balancer" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module.
  name        = "${var.name}-balancer"
  description = "The load balancer: HTTPS from outside"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module.
  name        = "${var.name}-tasks"
  description = "The fleet's programs"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module.
  name        = "${var.name}-database"
  description = "Postgres: from the programs alone"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "cache" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module.
  name        = "${var.name}-cache"
  description = "Valkey: from the programs alone"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS services: from the programs alone"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = toset(var.client_networks)
  security_group_id = aws_security_group.balancer.id
  description       = "Bins and people"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

locals {
  # from -> to, port: both sides of each way
  ways = {
    gateway   = [aws_security_group.balancer.id, aws_security_group.tasks.id, 8000]
    review    = [aws_security_group.balancer.id, aws_security_group.tasks.id, 8080]
    health    = [aws_security_group.balancer.id, aws_security_group.tasks.id, 9000]
    database  = [aws_security_group.tasks.id, aws_security_group.database.id, 5432]
    cache     = [aws_security_group.tasks.id, aws_security_group.cache.id, 6379]
    endpoints = [aws_security_group.tasks.id, aws_security_group.endpoints.id, 443]
  }
}

resource "aws_vpc_security_group_egress_rule" "way" {
  for_each                     = local.ways
  security_group_id            = each.value[0]
  referenced_security_group_id = each.value[1]
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value[2]
  to_port                      = each.value[2]
}

resource "aws_vpc_security_group_ingress_rule" "way" {
  for_each                     = local.ways
  security_group_id            = each.value[1]
  referenced_security_group_id = each.value[0]
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value[2]
  to_port                      = each.value[2]
}

resource "aws_vpc_security_group_egress_rule" "collector" {
  count             = var.collector_port == null ? 0 : 1
  security_group_id = aws_security_group.tasks.id
  description       = "Traces, to a collector in the VPC"
  cidr_ipv4         = aws_vpc.this.cidr_block
  ip_protocol       = "tcp"
  from_port         = var.collector_port
  to_port           = var.collector_port
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.tasks.id
  description       = "S3 through its gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
