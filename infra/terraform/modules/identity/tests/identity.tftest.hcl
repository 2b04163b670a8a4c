mock_provider "aws" {}

variables {
  name       = "waste-test"
  region     = "eu-central-1"
  account_id = "123456789012"
  queue_arns = {
    "waste-events"       = "arn:aws:sqs:eu-central-1:123456789012:waste-events"
    "waste-work"         = "arn:aws:sqs:eu-central-1:123456789012:waste-work"
    "waste-work-first"   = "arn:aws:sqs:eu-central-1:123456789012:waste-work-first"
    "waste-dead-letters" = "arn:aws:sqs:eu-central-1:123456789012:waste-dead-letters"
    "waste-slow"         = "arn:aws:sqs:eu-central-1:123456789012:waste-slow"
  }
  queues_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/queues"
  bucket_arns       = { pictures = "arn:aws:s3:::pictures", kept = "arn:aws:s3:::kept" }
  objects_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/objects"
  images_account_id = "210987654321"
  repository_arns   = { "waste-fleet" = "arn:aws:ecr:eu-central-1:123456789012:repository/waste-fleet" }
  images            = { for one in ["gateway", "intake", "scaler", "worker", "drain", "review", "learning", "migrate"] : one => "waste-fleet" }
  secret_arns       = { for one in ["gateway", "intake", "scaler", "worker", "drain", "review", "learning", "migrate"] : one => ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:${one}"] }
  secret_key_arns   = ["arn:aws:kms:eu-central-1:123456789012:key/secrets"]
  metric_namespace  = "waste"

  github_repository = "example/waste-fleet"
  github_subject    = "environment:prod"
}

run "no_program_has_an_action_with_a_star" {
  assert {
    condition = alltrue(flatten([for policy in concat(values(aws_iam_role_policy.task)[*].policy, values(aws_iam_role_policy.execution)[*].policy, [aws_iam_role_policy.deploy.policy]) : [
      for said in jsondecode(policy).Statement : [for action in flatten([said.Action]) : !strcontains(action, "*")]
    ]]))
    error_message = "one has"
  }
}

run "a_star_as_resource_stands_only_where_aws_knows_no_other" {
  assert {
    condition = length(setsubtract(flatten([for policy in concat(values(aws_iam_role_policy.task)[*].policy, values(aws_iam_role_policy.execution)[*].policy, [aws_iam_role_policy.deploy.policy]) : [
      for said in jsondecode(policy).Statement : said.Action if contains(flatten([said.Resource]), "*")
    ]]), ["sqs:ListQueues", "cloudwatch:PutMetricData", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition"])) == 0
    error_message = "another action is for everything"
  }
}

run "each_program_names_its_own_queues_alone" {
  assert {
    condition = jsonencode({ for program, statements in output.task_policies : program => {
      for said in statements : said.Sid => sort([for arn in said.Resource : split(":", arn)[5]]) if contains(["Send", "Take", "Count"], said.Sid)
      } }) == jsonencode({
      gateway  = { Send = ["waste-events"] }
      intake   = { Send = ["waste-dead-letters", "waste-work", "waste-work-first"], Take = ["waste-events"] }
      worker   = { Send = ["waste-dead-letters"], Take = ["waste-work", "waste-work-first"] }
      drain    = { Take = ["waste-dead-letters"] }
      review   = { Send = ["waste-events"], Count = ["waste-dead-letters"] }
      learning = { Send = ["waste-slow"], Take = ["waste-slow"] }
      scaler   = { Count = ["waste-events", "waste-work", "waste-work-first"] }
    })
    error_message = "a program reaches another queue, or lacks one"
  }
}

run "only_who_takes_may_delete_and_nobody_may_make_or_empty_a_queue" {
  assert {
    condition     = alltrue(flatten([for statements in output.task_policies : [for said in statements : contains(said.Action, "sqs:DeleteMessage") == (said.Sid == "Take")]]))
    error_message = "another may"
  }
  assert {
    condition     = alltrue(flatten([for statements in output.task_policies : [for said in statements : !anytrue([for one in ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:PurgeQueue"] : contains(said.Action, one)])]]))
    error_message = "somebody may"
  }
}

run "each_program_reads_and_writes_its_own_objects_alone" {
  assert {
    condition = { for program, statements in output.task_policies : program => {
      for said in statements : said.Action[0] => said.Resource if contains(["s3:GetObject", "s3:PutObject"], said.Action[0])
      } } == {
      gateway = { "s3:PutObject" = ["arn:aws:s3:::pictures/*/????/??/??/*"] }
      intake  = {}
      worker  = { "s3:GetObject" = ["arn:aws:s3:::pictures/*/????/??/??/*", "arn:aws:s3:::kept/models/*"] }
      drain   = {}
      review  = { "s3:GetObject" = ["arn:aws:s3:::pictures/*/????/??/??/*"] }
      learning = {
        "s3:GetObject" = ["arn:aws:s3:::pictures/*/????/??/??/*", "arn:aws:s3:::kept/lake/*", "arn:aws:s3:::kept/models/*"]
        "s3:PutObject" = ["arn:aws:s3:::kept/lake/*", "arn:aws:s3:::kept/models/*"]
      }
      scaler = {}
    }
    error_message = "a program reaches other objects, or lacks some"
  }
}

run "who_reads_is_told_that_a_picture_is_not_there_yet_and_not_that_it_is_forbidden" {
  assert {
    condition = { for program, statements in output.task_policies : program => one([for said in statements : said.Resource if said.Sid == "ToldWhatIsMissing"]) if anytrue([for said in statements : said.Sid == "ObjectsRead"]) } == {
      worker   = ["arn:aws:s3:::pictures", "arn:aws:s3:::kept"]
      review   = ["arn:aws:s3:::pictures"]
      learning = ["arn:aws:s3:::pictures", "arn:aws:s3:::kept"]
    }
    error_message = "without s3:ListBucket a late picture is answered 403 and fails at once"
  }
}

run "the_scaler_puts_into_its_namespace_alone" {
  assert {
    condition = [for said in output.task_policies["scaler"] : said.Condition.StringEquals["cloudwatch:namespace"] if said.Sid == "OwnMetrics"] == ["waste"] && !anytrue(flatten([
      for program, statements in output.task_policies : [for said in statements : said.Sid == "OwnMetrics"] if program != "scaler"
    ]))
    error_message = "metrics come from elsewhere, or go elsewhere"
  }
}

run "each_program_is_started_with_its_own_secrets_and_log" {
  assert {
    condition = alltrue(flatten([for program, one in aws_iam_role_policy.execution : [
      for said in jsondecode(one.policy).Statement : said.Sid == "Secrets" ? endswith(said.Resource[0], ":${program}") : said.Sid != "Log" || strcontains(said.Resource[0], "/waste/waste-test/${program}:")
    ]]))
    error_message = "it is started with another's"
  }
}

run "an_image_of_another_account_may_be_pulled_and_not_pushed" {
  assert {
    condition     = alltrue([for one in aws_iam_role_policy.execution : contains(flatten([for said in jsondecode(one.policy).Statement : said.Resource if said.Sid == "Image"]), "arn:aws:ecr:eu-central-1:210987654321:repository/waste-fleet")])
    error_message = "tasks would not find their image"
  }
  assert {
    condition     = alltrue(flatten([for said in jsondecode(aws_iam_role_policy.deploy.policy).Statement : [for arn in said.Resource : strcontains(arn, ":123456789012:")] if said.Sid == "Push"]))
    error_message = "the deploy role pushes into another account"
  }
}

run "one_repository_and_environment_deploys" {
  assert {
    condition = jsondecode(aws_iam_role.deploy.assume_role_policy).Statement[0].Condition.StringEquals == {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "repo:example/waste-fleet:environment:prod"
    }
    error_message = "others may"
  }
  assert {
    condition     = [for said in jsondecode(aws_iam_role_policy.deploy.policy).Statement : said.Condition.StringEquals["iam:PassedToService"] if said.Sid == "GiveRoles"] == ["ecs-tasks.amazonaws.com"]
    error_message = "it may give roles to others"
  }
}

run "a_pattern_of_branches_is_refused" {
  command = plan
  variables {
    github_subject = "*"
  }
  expect_failures = [var.github_subject]
}

run "with_valkey_nobody_has_a_right_to_a_queue" {
  variables {
    queue_arns = {}
  }
  assert {
    condition     = !anytrue(flatten([for statements in output.task_policies : [for said in statements : [for action in said.Action : startswith(action, "sqs:")]]]))
    error_message = "somebody has"
  }
}
