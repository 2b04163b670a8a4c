# How many tasks of one service run. Exactly one of `backlog` and `cpu` says by what.
resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${var.service_name}"
  min_capacity       = var.fewest
  max_capacity       = var.most
}

locals {
  # Out for either, in only when both allow it: seconds of backlog alone are near nothing as soon as enough run.
  tracked = merge(
    var.backlog == null ? {} : { backlog = { namespace = var.backlog.namespace, name = var.backlog.name, target = var.backlog.target_s } },
    var.load == null ? {} : { load = var.load },
    var.backlog == null && var.load == null ? { cpu = { namespace = null, name = null, target = var.cpu } } : {},
  )
}

resource "aws_appautoscaling_policy" "this" {
  for_each           = local.tracked
  name               = each.key
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = var.scale_out_cooldown_s
    scale_in_cooldown  = var.scale_in_cooldown_s

    dynamic "predefined_metric_specification" {
      for_each = each.value.name == null ? ["ECSServiceAverageCPUUtilization"] : []
      content {
        predefined_metric_type = predefined_metric_specification.value
      }
    }
    dynamic "customized_metric_specification" {
      for_each = each.value.name == null ? [] : [each.value]
      content {
        namespace   = customized_metric_specification.value.namespace
        metric_name = customized_metric_specification.value.name
        statistic   = "Average"
      }
    }
  }
}
