# Run before the first deployment and before each that brings a migration, by the deployment; and once a day, see maintenance.tf.
resource "aws_cloudwatch_log_group" "migrate" {
  #checkov:skip=CKV_AWS_338:As the services' logs.
  name              = "/waste/${var.name}/migrate"
  retention_in_days = var.log_retention_days
  kms_key_id        = module.key["logs"].arn
}

resource "aws_ecs_task_definition" "migrate" {
  family                   = "${var.name}-migrate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = module.identity.task_role_arns["migrate"]
  execution_role_arn       = module.identity.execution_role_arns["migrate"]
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
  volume {
    name = "tmp"
  }
  container_definitions = jsonencode([{
    name                   = "migrate"
    image                  = "${local.repositories}/waste-database:${var.image_tag}"
    essential              = true
    entryPoint             = ["python3", "-c"]
    command                = [file("${path.module}/migrate.py")]
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    environment = [
      { name = "DATABASE_HOST", value = module.database.address },
      { name = "LEDGER_MONTHS", value = var.ledger_months == null ? "" : tostring(var.ledger_months) },
      { name = "LOG_FORMAT", value = "json" },
    ]
    secrets = concat(
      [{ name = "OWNER_PASSWORD", valueFrom = "${module.database.owner_secret_arn}:password::" }],
      [for login in ["gateway", "intake", "learning", "reader", "review", "worker"] : {
        name = "LOGIN_${upper(login)}", valueFrom = "${aws_secretsmanager_secret.this["logins"].arn}:${login}::"
      }],
    )
    mountPoints = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    logConfiguration = {
      logDriver = "awslogs"
      options   = { awslogs-group = aws_cloudwatch_log_group.migrate.name, awslogs-region = var.region, awslogs-stream-prefix = "migrate" }
    }
  }])
}
