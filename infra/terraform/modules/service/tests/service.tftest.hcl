mock_provider "aws" {}

variables {
  name               = "waste-test"
  program            = "gateway"
  region             = "eu-central-1"
  cluster_arn        = "arn:aws:ecs:eu-central-1:123456789012:cluster/waste-test"
  image              = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/waste-gateway:0123abcd"
  command            = ["gateway"]
  cpu                = 1024
  memory             = 2048
  environment        = { HEALTH_PORT = "8000" }
  secrets            = { DATABASE_URL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-url" }
  task_role_arn      = "arn:aws:iam::123456789012:role/task"
  execution_role_arn = "arn:aws:iam::123456789012:role/start"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id  = "sg-tasks"
  tasks              = 2
  logs_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/logs"
}

run "a_program_runs_without_root_and_writes_to_its_volumes_alone" {
  assert {
    condition     = output.container.user == "10001:10001" && output.container.readonlyRootFilesystem && !output.container.privileged
    error_message = "it has rights that it does not need"
  }
  assert {
    condition     = output.container.linuxParameters.capabilities.drop == ["ALL"]
    error_message = "it keeps capabilities"
  }
  assert {
    condition     = [for one in output.container.mountPoints : one.containerPath] == ["/var/lib/waste", "/tmp"]
    error_message = "other folders"
  }
}

run "it_is_asked_whether_it_makes_progress" {
  assert {
    condition     = output.container.healthCheck.command == ["CMD", "alive"]
    error_message = "another question"
  }
}

run "a_deployment_that_fails_is_taken_back" {
  assert {
    condition     = output.breaker.enable && output.breaker.rollback
    error_message = "it is not"
  }
}

run "secrets_come_by_reference_and_tasks_have_no_public_address" {
  assert {
    condition     = output.container.secrets == [{ name = "DATABASE_URL", valueFrom = var.secrets.DATABASE_URL }]
    error_message = "a secret comes another way"
  }
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && !aws_ecs_service.this.enable_execute_command
    error_message = "it can be reached from outside"
  }
}

run "without_a_door_there_is_no_way_in" {
  assert {
    condition     = length(aws_lb_target_group.this) == 0 && length(aws_lb_listener_rule.this) == 0 && length(aws_ecs_service.this.load_balancer) == 0
    error_message = "there is one"
  }
}

run "a_door_is_for_one_name_and_its_networks" {
  variables {
    port        = "8000"
    health_port = "8000"
    door        = { listener_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/1", priority = 10, host = "bins.example.org", networks = ["203.0.113.0/24"] }
  }
  assert {
    condition     = anytrue([for one in aws_lb_listener_rule.this[0].condition : try(one.host_header[0].values == toset(["bins.example.org"]), false)])
    error_message = "another name"
  }
  assert {
    condition     = anytrue([for one in aws_lb_listener_rule.this[0].condition : try(one.source_ip[0].values == toset(["203.0.113.0/24"]), false)])
    error_message = "other networks"
  }
  assert {
    condition     = aws_lb_target_group.this[0].health_check[0].path == "/health/ready" && aws_lb_target_group.this[0].health_check[0].port == "8000"
    error_message = "requests would go to what is not ready"
  }
}
