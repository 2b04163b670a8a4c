mock_provider "aws" {}

variables {
  name              = "waste-test"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-balancer"
  certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  logs_bucket       = "waste-test-logs"
}

run "it_speaks_tls_alone_and_lets_nothing_through_that_no_rule_names" {
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && aws_lb_listener.https.port == 443 && startswith(aws_lb_listener.https.ssl_policy, "ELBSecurityPolicy-TLS13-1-2")
    error_message = "plain HTTP, or old TLS"
  }
  assert {
    condition     = aws_lb_listener.https.default_action[0].fixed_response[0].status_code == "404"
    error_message = "something is behind it by default"
  }
}

run "the_state_of_the_fleet_is_not_for_the_world" {
  assert {
    condition = aws_lb_listener_rule.inside.priority == 1 && aws_lb_listener_rule.inside.action[0].type == "fixed-response" && anytrue([
      for one in aws_lb_listener_rule.inside.condition : try(one.path_pattern[0].values == toset(["/health", "/health/*", "/metrics"]), false)
    ])
    error_message = "health or metrics can be read from outside"
  }
}
