# Once a day the migrate task makes the coming months' partitions and drops those past ledger_months.
resource "aws_scheduler_schedule" "maintenance" {
  #checkov:skip=CKV_AWS_297:Holds no data: the names of a cluster, a task and its network.
  name                = "${var.name}-maintenance"
  schedule_expression = "cron(17 3 * * ? *)"
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }
  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.maintenance.arn
    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 21600
    }
    ecs_parameters {
      # Without its revision: the newest, which the last deployment made.
      task_definition_arn = aws_ecs_task_definition.migrate.arn_without_revision
      launch_type         = "FARGATE"
      task_count          = 1
      network_configuration {
        subnets          = module.network.private_subnet_ids
        security_groups  = [module.network.tasks_group_id]
        assign_public_ip = false
      }
    }
  }
}

resource "aws_iam_role" "maintenance" {
  name = "${var.name}-maintenance"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "maintenance" {
  name = "run-migrate"
  role = aws_iam_role.maintenance.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Run"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = ["${aws_ecs_task_definition.migrate.arn_without_revision}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      {
        Sid       = "GiveRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [module.identity.task_role_arns["migrate"], module.identity.execution_role_arns["migrate"]]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
