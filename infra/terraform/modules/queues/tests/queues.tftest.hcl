mock_provider "aws" {}

variables {
  key_arn = "arn:aws:kms:eu-central-1:123456789012:key/queues"
}

run "queues_have_the_names_of_the_code" {
  assert {
    condition     = output.names == tolist(["waste-dead-letters", "waste-events", "waste-parked", "waste-slow", "waste-work", "waste-work-first"])
    error_message = "contracts/names.py has other names, plus waste-parked"
  }
}

run "what_sqs_gives_up_on_is_parked_and_never_mixed_with_the_fleets_own_dead_letters" {
  assert {
    condition     = alltrue([for one in aws_sqs_queue_redrive_policy.this : jsondecode(one.redrive_policy).deadLetterTargetArn == aws_sqs_queue.parked.arn])
    error_message = "a redrive has another target"
  }
  assert {
    condition = { for name, one in aws_sqs_queue_redrive_policy.this : name => jsondecode(one.redrive_policy).maxReceiveCount } == {
      "waste-events" = 1000, "waste-work" = 20, "waste-work-first" = 20, "waste-dead-letters" = 1000
    }
    error_message = "a redrive has another count"
  }
  assert {
    condition     = length(jsondecode(aws_sqs_queue_redrive_allow_policy.parked.redrive_allow_policy).sourceQueueArns) == 4
    error_message = "others may park"
  }
  assert {
    condition     = aws_sqs_queue.parked.message_retention_seconds == 1209600 && aws_sqs_queue.this["waste-events"].message_retention_seconds == 1209600
    error_message = "an event is forgotten sooner than SQS can keep it"
  }
}

run "a_wake_up_is_hidden_longer_than_its_lease" {
  assert {
    condition     = alltrue([for name in ["waste-work", "waste-work-first", "waste-slow"] : aws_sqs_queue.this[name].visibility_timeout_seconds == 300])
    error_message = "VISIBILITY_TIMEOUT_S is 300"
  }
}

run "every_queue_is_encrypted_and_refuses_plain_http" {
  assert {
    condition     = alltrue([for one in concat(values(aws_sqs_queue.this), [aws_sqs_queue.parked]) : one.kms_master_key_id == var.key_arn])
    error_message = "a queue has another key"
  }
  assert {
    condition = length(aws_sqs_queue_policy.tls) == 6 && alltrue([for one in aws_sqs_queue_policy.tls : anytrue([
      for said in jsondecode(one.policy).Statement : said.Effect == "Deny" && said.Principal == "*" && said.Action == "sqs:*" && said.Condition.Bool["aws:SecureTransport"] == "false"
    ])])
    error_message = "a queue takes plain HTTP"
  }
}
