# One program as an ECS service on Fargate.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:What must outlive a month is in the ledger; logs are for the weeks in which somebody asks.
  name              = "/waste/${var.name}/${var.program}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

locals {
  # Fargate's root is read-only; these two are empty volumes with the owner and mode that the image's VOLUME gives them.
  folders = { tmp = "/tmp", state = "/var/lib/waste" }

  container = {
    name                   = var.program
    image                  = var.image
    essential              = true
    command                = var.command
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    privileged             = false
    stopTimeout            = var.stop_timeout_s
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    environment            = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets                = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
    mountPoints            = [for name in sort(keys(local.folders)) : { sourceVolume = name, containerPath = local.folders[name], readOnly = false }]
    portMappings           = [for port in distinct(compact([var.port, var.health_port])) : { containerPort = tonumber(port), protocol = "tcp" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.program
        mode                  = "non-blocking"
        max-buffer-size       = "4m"
      }
    }
  }
  # By progress, as infra/Dockerfile has it: ECS does not read the image's own.
  health = { healthCheck = { command = ["CMD", "alive"], interval = 10, timeout = 5, retries = 3, startPeriod = 60 } }
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-${var.program}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = var.task_role_arn
  execution_role_arn       = var.execution_role_arn
  container_definitions    = jsonencode([merge(local.container, var.health_check ? local.health : {})])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
  dynamic "volume" {
    for_each = local.folders
    content {
      name = volume.key
    }
  }
}

resource "aws_ecs_service" "this" {
  name                               = var.program
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.tasks
  deployment_minimum_healthy_percent = var.min_healthy_percent
  deployment_maximum_percent         = var.max_percent
  health_check_grace_period_seconds  = var.door == null ? null : 60
  enable_execute_command             = false
  # It starts a task elsewhere before it ends one, so there has to be room for both.
  availability_zone_rebalancing = var.max_percent > 100 ? "ENABLED" : "DISABLED"
  propagate_tags                = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity
    content {
      capacity_provider = capacity_provider_strategy.value.provider
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.this
    content {
      target_group_arn = load_balancer.value.arn
      container_name   = var.program
      container_port   = tonumber(var.port)
    }
  }

  # How many run is autoscaling's matter, which image runs the deployment's: see the README.
  lifecycle {
    ignore_changes = [desired_count, task_definition]
  }
}
