mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:waste-test-alarms" }
  }
}

variables {
  name            = "waste-test"
  account_id      = "123456789012"
  alarms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/alarms"
  with_queues     = true
  database_id     = "waste-test"
  cluster_name    = "waste-test"
  services        = ["intake", "worker"]
  balancer_suffix = "app/waste-test/1"
  backlog         = { namespace = "waste", name = "backlog_seconds_per_task" }
  budget_usd      = 500
}

run "somebody_is_told_of_old_messages_dead_letters_a_full_disk_and_programs_that_are_gone" {
  assert {
    condition = toset(keys(output.alarms)) == toset([
      "waste-events-oldest", "waste-work-oldest", "waste-work-first-oldest", "waste-dead-letters-oldest", "parked", "dead-letters",
      "database-storage", "database-cpu", "intake-gone", "worker-gone", "backlog-untold", "gateway-errors",
    ])
    error_message = "other alarms"
  }
  assert {
    condition     = output.alarms["parked"].threshold == 0 && output.alarms["parked"].of.QueueName == "waste-parked"
    error_message = "one parked message is not told"
  }
  assert {
    condition     = alltrue([for one in aws_cloudwatch_metric_alarm.this : one.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:waste-test-alarms"])])
    error_message = "an alarm tells nobody"
  }
}

run "silence_is_an_alarm_where_silence_is_the_fault" {
  assert {
    condition     = toset([for name, one in output.alarms : name if one.missing == "breaching"]) == toset(["intake-gone", "worker-gone", "backlog-untold"])
    error_message = "other alarms take silence for a fault"
  }
}

run "with_valkey_its_memory_is_watched_in_place_of_queues" {
  variables {
    with_queues = false
    cache_nodes = ["waste-test-001", "waste-test-002"]
  }
  assert {
    condition     = length([for name in keys(output.alarms) : name if endswith(name, "-memory")]) == 2 && !anytrue([for name in keys(output.alarms) : endswith(name, "-oldest") || name == "parked"])
    error_message = "queues that do not exist are watched"
  }
}

run "the_budget_tells_before_the_money_is_spent" {
  assert {
    condition     = aws_budgets_budget.month.limit_amount == "500" && toset([for one in aws_budgets_budget.month.notification : one.notification_type]) == toset(["ACTUAL", "FORECASTED"])
    error_message = "it does not"
  }
}
