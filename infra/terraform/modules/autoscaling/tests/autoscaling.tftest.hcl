mock_provider "aws" {}

variables {
  cluster_name = "waste-test"
  service_name = "worker"
  fewest       = 2
  most         = 40
}

run "workers_follow_the_backlog_and_go_slower_than_they_come" {
  variables {
    backlog = { namespace = "waste", name = "backlog_seconds_per_task", target_s = 30 }
    load    = { namespace = "waste", name = "worker_utilization", target = 0.8 }
  }
  assert {
    condition     = toset(keys(output.tracking)) == toset(["backlog", "load"])
    error_message = "not both"
  }
  assert {
    condition     = output.tracking.load.customized_metric_specification[0].metric_name == "worker_utilization" && output.tracking.load.target_value == 0.8
    error_message = "another load"
  }
  assert {
    condition     = output.tracking.backlog.customized_metric_specification[0].namespace == "waste" && output.tracking.backlog.customized_metric_specification[0].metric_name == "backlog_seconds_per_task"
    error_message = "another metric"
  }
  assert {
    condition     = output.tracking.backlog.target_value == 30 && output.tracking.backlog.scale_out_cooldown == 60 && output.tracking.backlog.scale_in_cooldown == 600
    error_message = "other numbers"
  }
  assert {
    condition     = length(output.tracking.backlog.predefined_metric_specification) == 0 && aws_appautoscaling_target.this.resource_id == "service/waste-test/worker"
    error_message = "two metrics, or another service"
  }
  assert {
    condition     = output.bounds.fewest == 2 && output.bounds.most == 40
    error_message = "other bounds"
  }
}

run "without_a_backlog_it_is_cpu" {
  assert {
    condition     = output.tracking.cpu.predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization" && output.tracking.cpu.target_value == 60
    error_message = "not by CPU"
  }
}

run "going_as_fast_as_coming_is_refused" {
  command = plan
  variables {
    scale_in_cooldown_s = 60
  }
  expect_failures = [var.scale_in_cooldown_s]
}
