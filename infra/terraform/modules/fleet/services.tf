resource "aws_ecs_cluster" "this" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

locals {
  images = {
    gateway = "waste-gateway", intake = "waste-gateway", scaler = "waste-gateway", worker = "waste-worker"
    drain   = "waste-review", review = "waste-review", learning = "waste-learning", migrate = "waste-database"
  }

  common = merge({
    AWS_REGION    = var.region
    S3_REGION     = var.region
    IMAGE_BUCKETS = module.storage.names["pictures"]
    LOG_LEVEL     = var.log_level
    LOG_FORMAT    = "json"
    HEALTH_HOST   = "0.0.0.0"
  }, local.on_sqs ? { QUEUE_URL = "sqs://" } : {}, local.traces)

  # The same share everywhere: programs agree on which events are traced by it.
  traces = var.traces == null ? {} : {
    OTEL_EXPORTER_OTLP_ENDPOINT = var.traces.endpoint
    OTEL_TRACES_SAMPLER         = "traceidratio"
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.traces.share)
  }

  # S3_BUCKET is where a program puts what it makes, or finds its models; pictures are found by their events' image_url.
  puts_pictures = merge(local.common, { S3_BUCKET = module.storage.names["pictures"] })
  puts_models   = merge(local.common, { S3_BUCKET = module.storage.names["kept"] })

  on_demand = [{ provider = "FARGATE", base = 0, weight = 1 }]
  usual     = { command = [], environment = {}, capacity = local.on_demand, tasks = 1, port = null, door = null, health_port = "9000", health_check = true, min_healthy = 100, most = 200 }

  services = {
    gateway = merge(local.usual, {
      command     = ["gateway"], tasks = var.gateway_tasks.fewest, cpu = 1024, memory = 2048, port = "8000", health_port = "8000"
      environment = merge(local.puts_pictures, { HEALTH_PORT = "8000" })
      door        = { listener_arn = module.balancer.listener_arn, priority = 10, host = var.gateway_host, networks = var.client_networks }
    })
    review = merge(local.usual, {
      command = ["dlq", "serve"], cpu = 512, memory = 1024, port = "8080"
      environment = merge(local.puts_pictures, {
        REVIEW_PUBLIC_URL = "https://${var.review_host}"
        REVIEW_PROXIES    = join(",", module.network.public_subnet_cidrs)
      })
      door = { listener_arn = module.balancer.listener_arn, priority = 20, host = var.review_host, networks = var.review_networks }
    })
    intake = merge(local.usual, { command = ["intake"], tasks = var.intake_tasks, cpu = 1024, memory = 2048, environment = local.puts_pictures })
    drain  = merge(local.usual, { command = ["dlq", "drain"], cpu = 256, memory = 512, environment = local.puts_pictures })
    # Two minutes before Spot takes a task it gets SIGTERM, and gives back what it has not begun.
    worker = merge(local.usual, {
      command  = ["worker"], tasks = var.worker_tasks.fewest, cpu = 2048, memory = 4096, environment = local.puts_models
      capacity = [{ provider = "FARGATE", base = var.worker_on_demand, weight = 0 }, { provider = "FARGATE_SPOT", base = 0, weight = 1 }]
    })
    # One: a second one would do no harm, and no good.
    learning = merge(local.usual, {
      command = ["slow"], cpu = 2048, memory = 8192, min_healthy = 0, most = 100, environment = local.puts_models
    })
    # Puts the metric that workers are scaled by, again and again until it is told to end.
    scaler = merge(local.usual, {
      command = var.scaler_command, cpu = 256, memory = 512, min_healthy = 0, most = 100, environment = local.puts_pictures
    })
  }
}

module "service" {
  for_each            = local.services
  source              = "../service"
  name                = var.name
  program             = each.key
  region              = var.region
  cluster_arn         = aws_ecs_cluster.this.arn
  image               = "${local.repositories}/${local.images[each.key]}:${var.image_tag}"
  architecture        = var.architecture
  command             = each.value.command
  cpu                 = each.value.cpu
  memory              = each.value.memory
  environment         = each.value.environment
  secrets             = local.secrets[each.key]
  task_role_arn       = module.identity.task_role_arns[each.key]
  execution_role_arn  = module.identity.execution_role_arns[each.key]
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.private_subnet_ids
  security_group_id   = module.network.tasks_group_id
  tasks               = each.value.tasks
  capacity            = each.value.capacity
  min_healthy_percent = each.value.min_healthy
  max_percent         = each.value.most
  port                = each.value.port
  health_port         = each.value.health_port
  health_check        = each.value.health_check
  door                = each.value.door
  log_retention_days  = var.log_retention_days
  logs_key_arn        = module.key["logs"].arn
  depends_on          = [aws_ecs_cluster_capacity_providers.this]
}

module "worker_scaling" {
  source       = "../autoscaling"
  cluster_name = aws_ecs_cluster.this.name
  service_name = module.service["worker"].name
  fewest       = var.worker_tasks.fewest
  most         = var.worker_tasks.most
  backlog      = merge(local.backlog, { target_s = var.backlog_target_s })
  load         = { namespace = var.backlog_namespace, name = var.load_metric, target = var.load_target }
}

module "gateway_scaling" {
  source              = "../autoscaling"
  cluster_name        = aws_ecs_cluster.this.name
  service_name        = module.service["gateway"].name
  fewest              = var.gateway_tasks.fewest
  most                = var.gateway_tasks.most
  cpu                 = 60
  scale_in_cooldown_s = 300
}
