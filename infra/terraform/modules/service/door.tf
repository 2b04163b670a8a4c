# The way from the load balancer to the program, for those that have one.
resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it is a private subnet into which nothing else may speak.
  count                = var.door == null ? 0 : 1
  name                 = "${var.name}-${var.program}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = tonumber(var.port)
  deregistration_delay = 30

  health_check {
    path                = "/health/ready"
    port                = var.health_port
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener_rule" "this" {
  count        = var.door == null ? 0 : 1
  listener_arn = var.door.listener_arn
  priority     = var.door.priority
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[0].arn
  }
  condition {
    host_header {
      values = [var.door.host]
    }
  }
  condition {
    source_ip {
      values = var.door.networks
    }
  }
}
