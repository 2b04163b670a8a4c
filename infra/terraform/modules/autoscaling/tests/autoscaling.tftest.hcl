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
  }
  assert {
    condition     = output.tracking.customized_metric_specification[0].namespace == "waste" && output.tracking.customized_metric_specification[0].metric_name == "backlog_seconds_per_task"
    error_message = "another metric"
  }
  assert {
    condition     = output.tracking.target_value == 30 && output.tracking.scale_out_cooldown == 60 && output.tracking.scale_in_cooldown == 600
    error_message = "other numbers"
  }
  assert {
    condition     = length(output.tracking.predefined_metric_specification) == 0 && aws_appautoscaling_target.this.resource_id == "service/waste-test/worker"
    error_message = "two metrics, or another service"
  }
  assert {
    condition     = output.bounds.fewest == 2 && output.bounds.most == 40
    error_message = "other bounds"
  }
}

run "without_a_backlog_it_is_cpu" {
  assert {
    condition     = output.tracking.predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization" && output.tracking.target_value == 60
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
