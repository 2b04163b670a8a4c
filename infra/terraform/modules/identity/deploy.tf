# GitHub's workflows of one repository and one environment or branch may deploy, with tokens of an hour and no key that lasts.
locals {
  github = "token.actions.githubusercontent.com"
  issuer = var.create_github_provider ? one(aws_iam_openid_connect_provider.github[*].arn) : "arn:aws:iam::${var.account_id}:oidc-provider/${local.github}"
  ecs    = "arn:aws:ecs:${var.region}:${var.account_id}"
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.create_github_provider ? 1 : 0
  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.issuer }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.github}:aud" = "sts.amazonaws.com"
          "${local.github}:sub" = "repo:${var.github_repository}:${var.github_subject}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "deploy" {
  name = "deploy"
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings",
          "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = values(var.repository_arns)
      },
      # Reading task definitions knows no resource.
      { Sid = "Read", Effect = "Allow", Action = ["ecs:DescribeTaskDefinition"], Resource = ["*"] },
      { Sid = "Revisions", Effect = "Allow", Action = ["ecs:RegisterTaskDefinition"], Resource = ["${local.ecs}:task-definition/${var.name}-*:*"] },
      {
        Sid      = "Services"
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
        Resource = ["${local.ecs}:service/${var.name}/*"]
      },
      {
        # The migration, and `waste model promote` and `rollback` in a task as learning's own.
        Sid       = "RunOnce"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = [for program in ["migrate", "learning"] : "${local.ecs}:task-definition/${var.name}-${program}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = "${local.ecs}:cluster/${var.name}" } }
      },
      { Sid = "RanOnce", Effect = "Allow", Action = ["ecs:DescribeTasks", "ecs:StopTask"], Resource = ["${local.ecs}:task/${var.name}/*"] },
      # What sounds after a deployment takes it back.
      { Sid = "Alarms", Effect = "Allow", Action = ["cloudwatch:DescribeAlarms"], Resource = ["arn:aws:cloudwatch:${var.region}:${var.account_id}:alarm:*"] },
      {
        Sid       = "GiveRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = concat(values(aws_iam_role.task)[*].arn, values(aws_iam_role.execution)[*].arn)
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
