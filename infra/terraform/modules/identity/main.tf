# Two roles for each program: the task role is what the program may do, the execution role what starts it (its image, its secrets, its log).
locals {
  look = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
  use = {
    send  = concat(["sqs:SendMessage"], local.look)
    take  = concat(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"], local.look)
    count = local.look
  }

  # Without queues (broker = "redis") nothing of this remains.
  queue_statements = { for program, does in local.programs : program => [
    for kind in ["send", "take", "count"] : {
      Sid      = title(kind)
      Effect   = "Allow"
      Action   = local.use[kind]
      Resource = [for name in does[kind] : var.queue_arns[name]]
    } if length(does[kind]) > 0 && length(var.queue_arns) > 0
  ] }

  celery_statements = { for program, does in local.programs : program => [
    for action in ["sqs:ListQueues"] : { Sid = "FindByName", Effect = "Allow", Action = [action], Resource = ["*"] }
    if does.celery && length(var.queue_arns) > 0
  ] }

  object_statements = { for program, does in local.programs : program => [
    for kind, patterns in { read = does.read, write = does.write } : {
      Sid                        = "Objects${title(kind)}"
      Effect                     = "Allow"
      Action                     = [{ read = "s3:GetObject", write = "s3:PutObject" }[kind]]
      Resource                   = [for one in patterns : join("/", [var.bucket_arns[split("/", one)[0]], trimprefix(trimprefix(one, "pictures/"), "kept/")])]
    } if length(patterns) > 0
  ] }

  # Without it S3 answers 403 for an object that is not there (yet): a picture that is late would be a failure at once.
  list_statements = { for program, does in local.programs : program => [
    for kind in ["ToldWhatIsMissing"] : {
      Sid      = kind
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [for bucket in distinct([for one in does.read : split("/", one)[0]]) : var.bucket_arns[bucket]]
    } if length(does.read) > 0
  ] }

  key_statements = { for program, does in local.programs : program => [
    for one in [
      {
        sid   = "QueueKey", via = "sqs", key = var.queues_key_arn, makes = length(does.send) > 0
        needs = length(concat(does.send, does.take)) > 0 && length(var.queue_arns) > 0
      },
      {
        sid   = "ObjectKey", via = "s3", key = var.objects_key_arn, makes = length(does.write) > 0
        needs = length(concat(does.read, does.write)) > 0
      },
      ] : {
      Sid       = one.sid
      Effect    = "Allow"
      Action    = one.makes ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      Resource  = [one.key]
      Condition = { StringEquals = { "kms:ViaService" = "${one.via}.${var.region}.amazonaws.com" } }
    } if one.needs
  ] }

  metric_statements = { for program, does in local.programs : program => [
    for action in ["cloudwatch:PutMetricData"] : {
      Sid       = "OwnMetrics"
      Effect    = "Allow"
      Action    = [action]
      Resource  = ["*"]
      Condition = { StringEquals = { "cloudwatch:namespace" = var.metric_namespace } }
    } if does.metrics
  ] }

  # As texts, since statements with and without conditions are of different types.
  statements = { for program, _ in local.programs : program => concat(
    [for one in local.queue_statements[program] : jsonencode(one)],
    [for one in local.celery_statements[program] : jsonencode(one)],
    [for one in local.object_statements[program] : jsonencode(one)],
    [for one in local.list_statements[program] : jsonencode(one)],
    [for one in local.key_statements[program] : jsonencode(one)],
    [for one in local.metric_statements[program] : jsonencode(one)],
  ) }

  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:${var.region}:${var.account_id}:*" }
      }
    }]
  })
}

resource "aws_iam_role" "task" {
  for_each           = local.programs
  name               = "${var.name}-${each.key}"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "task" {
  for_each = { for program, statements in local.statements : program => statements if length(statements) > 0 }
  name     = "program"
  role     = aws_iam_role.task[each.key].id
  policy   = "{\"Version\":\"2012-10-17\",\"Statement\":[${join(",", each.value)}]}"
}

resource "aws_iam_role" "execution" {
  for_each           = local.programs
  name               = "${var.name}-${each.key}-start"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.programs
  name     = "start"
  role     = aws_iam_role.execution[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:${var.region}:${var.images_account_id}:repository/${var.images[each.key]}"]
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:/waste/${var.name}/${each.key}:*"]
      },
      { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = var.secret_arns[each.key] },
      {
        Sid       = "SecretsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.secret_key_arns
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      },
    ]
  })
}
