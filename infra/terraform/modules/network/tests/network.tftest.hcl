mock_provider "aws" {}

variables {
  name         = "waste-test"
  region       = "eu-central-1"
  zones        = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  logs_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs"
}

run "programs_are_in_three_zones_without_a_way_out" {
  assert {
    condition     = toset(aws_subnet.private[*].availability_zone) == toset(var.zones)
    error_message = "other zones"
  }
  assert {
    condition     = length(aws_route_table.private.route) == 0 && alltrue([for one in aws_route_table_association.private : one.route_table_id == aws_route_table.private.id])
    error_message = "private subnets have a route out"
  }
  assert {
    condition     = length(toset(concat(aws_subnet.private[*].cidr_block, aws_subnet.public[*].cidr_block))) == 6
    error_message = "subnets share a network"
  }
}

run "what_programs_need_of_aws_they_reach_by_endpoints" {
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "sqs", "sts"])
    error_message = "other services"
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.route_table_ids == toset([aws_route_table.private.id])
    error_message = "S3 is reached another way"
  }
  assert {
    condition     = alltrue([for one in aws_vpc_endpoint.interface : one.private_dns_enabled && length(one.subnet_ids) == 3])
    error_message = "an endpoint is in fewer zones, or not found by its usual name"
  }
}

run "the_world_reaches_the_load_balancer_alone_and_by_tls" {
  assert {
    condition     = alltrue([for one in aws_vpc_security_group_ingress_rule.https : one.from_port == 443 && one.to_port == 443 && one.security_group_id == aws_security_group.balancer.id])
    error_message = "another port or group is open"
  }
  assert {
    condition     = alltrue([for one in aws_vpc_security_group_ingress_rule.way : one.cidr_ipv4 == null])
    error_message = "a way is open to addresses"
  }
}

run "without_a_collector_there_is_no_way_to_one" {
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.collector) == 0
    error_message = "a way leads to nobody"
  }
}

run "traces_go_to_the_collectors_port_within_the_vpc" {
  variables {
    collector_port = 4318
  }
  assert {
    condition     = [for one in aws_vpc_security_group_egress_rule.collector : [one.from_port, one.to_port, one.cidr_ipv4]] == [[4318, 4318, aws_vpc.this.cidr_block]]
    error_message = "another way"
  }
}

run "two_zones_are_refused" {
  command = plan
  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }
  expect_failures = [var.zones]
}
