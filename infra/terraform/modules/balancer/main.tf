# One load balancer with TLS for the gateway and the review desk. What matches no rule is answered 404.
resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150:Deletion protection is a variable: prod has it, dev is thrown away; the tests of both say so.
  #checkov:skip=CKV2_AWS_20:There is no listener on port 80: a device that spoke plain HTTP would have sent its token already.
  #checkov:skip=CKV2_AWS_28:Every request of a device is signed and counted by the gateway, and the desk has networks of its own; a firewall is the owner's to add.
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [var.security_group_id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection
  idle_timeout               = 60

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "balancer"
    enabled = true
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

# The state of the fleet is for whoever runs it.
resource "aws_lb_listener_rule" "inside" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
  condition {
    path_pattern {
      values = ["/health", "/health/*", "/metrics"]
    }
  }
}
