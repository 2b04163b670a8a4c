mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name              = "waste-test"
  image_tag         = "0123abcd"
  gateway_host      = "bins.example.org"
  review_host       = "review.example.org"
  certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  review_networks   = ["203.0.113.0/24"]
  budget_usd        = 1000
  github_repository = "example/waste-fleet"
  github_subject    = "environment:test"
}

run "every_program_runs_and_a_failed_deployment_of_it_is_taken_back" {
  assert {
    condition = { for program, one in output.containers : program => one.command } == {
      gateway = ["gateway"], intake = ["intake"], worker = ["worker"], drain = ["dlq", "drain"], review = ["dlq", "serve"], learning = ["slow"]
      scaler  = ["fleet", "scale", "publish"]
    }
    error_message = "other programs"
  }
  assert {
    condition     = alltrue([for one in output.breakers : one.enable && one.rollback])
    error_message = "one has no circuit breaker"
  }
  assert {
    condition     = alltrue([for one in output.containers : one.readonlyRootFilesystem && one.user == "10001:10001"])
    error_message = "one may write to its root, or is root"
  }
  assert {
    condition     = alltrue([for one in values(output.containers) : contains(keys(one), "healthCheck")])
    error_message = "one is not asked how it is"
  }
}

run "no_secret_stands_in_the_open" {
  assert {
    condition = alltrue(flatten([for one in output.containers : [
      for said in one.environment : !contains(["DATABASE_URL", "DEVICE_MASTER_KEY", "AWS_SECRET_ACCESS_KEY"], said.name)
    ]]))
    error_message = "a secret is a plain setting"
  }
  assert {
    condition = { for program, one in output.containers : program => [for said in one.secrets : said.name] } == {
      gateway = ["DATABASE_URL", "DEVICE_MASTER_KEY"], intake = ["DATABASE_URL", "DEVICE_MASTER_KEY"], worker = ["DATABASE_URL"]
      drain   = ["DATABASE_URL"], review = ["DATABASE_URL"], learning = ["DATABASE_URL"], scaler = ["DATABASE_URL"]
    }
    error_message = "a program is given another's secret"
  }
}

run "workers_are_on_spot_with_a_base_and_follow_the_backlog" {
  assert {
    condition     = alltrue([for program, one in output.capacity : keys(one) == ["FARGATE"] if program != "worker"])
    error_message = "a program that must not be interrupted is on Spot"
  }
  assert {
    condition     = output.scaling.worker.tracking.backlog.customized_metric_specification[0].metric_name == "backlog_seconds_per_task" && output.scaling.worker.tracking.load.customized_metric_specification[0].metric_name == "worker_utilization" && output.scaling.worker.tracking.backlog.scale_in_cooldown > output.scaling.worker.tracking.backlog.scale_out_cooldown
    error_message = "workers follow something else, or go as fast as they come"
  }
}

run "programs_and_queues_find_each_other" {
  assert {
    condition     = alltrue([for one in output.containers : contains([for said in one.environment : "${said.name}=${said.value}"], "QUEUE_URL=sqs://")])
    error_message = "one has another broker"
  }
  assert {
    condition     = length(output.queue_names) == 6
    error_message = "queues are missing"
  }
}

run "with_valkey_there_are_no_queues_on_sqs_and_its_url_is_a_secret" {
  variables {
    broker          = "redis"
    broker_password = "0123456789abcdef0123456789abcdef"
  }
  assert {
    condition     = length(output.queue_names) == 0 && alltrue([for one in output.containers : contains([for said in one.secrets : said.name], "QUEUE_URL")])
    error_message = "the broker's password stands in the open, or queues remain"
  }
}

run "the_ledgers_months_are_seen_to_once_a_day" {
  assert {
    condition     = startswith(output.maintenance.schedule, "cron(") && output.maintenance.task == "${output.migrate.task}"
    error_message = "another task, or none"
  }
}

run "traces_go_nowhere_unless_it_is_said_where" {
  assert {
    condition     = !anytrue(flatten([for one in output.containers : [for said in one.environment : startswith(said.name, "OTEL_")]]))
    error_message = "a program tells somebody"
  }
}

run "every_program_is_told_the_same_collector_and_share" {
  variables {
    traces = { endpoint = "http://collector.internal:4318", share = 0.05 }
  }
  assert {
    condition = alltrue([for one in output.containers : toset([for said in one.environment : "${said.name}=${said.value}" if startswith(said.name, "OTEL_")]) == toset([
      "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.internal:4318", "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.05"
    ])])
    error_message = "programs would not agree on which events are traced"
  }
}

run "a_share_of_more_than_all_is_refused" {
  command = plan
  variables {
    traces = { endpoint = "http://collector.internal:4318", share = 5 }
  }
  expect_failures = [var.traces]
}

run "a_collector_without_a_scheme_is_refused" {
  command = plan
  variables {
    traces = { endpoint = "collector.internal:4318" }
  }
  expect_failures = [var.traces]
}
