locals {
  usual = { below = false, statistic = "Maximum", minutes = 3, missing = "notBreaching" }

  # Bins may wait, people too; a wake-up that waits means that there are too few workers.
  oldest_s = { "waste-events" = 900, "waste-work" = 900, "waste-work-first" = 300, "waste-dead-letters" = 600 }

  oldest = { for queue, age_s in local.oldest_s : "${queue}-oldest" => merge(local.usual, {
    says      = "The oldest message of ${queue} waits for over ${age_s} s."
    namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", of = { QueueName = queue }, threshold = age_s
  }) if var.with_queues }

  parked = { for queue in ["waste-parked"] : "parked" => merge(local.usual, {
    says      = "SQS gave a message up: mend the cause, then move what is in waste-parked back (README, Dead letters)."
    namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", of = { QueueName = queue }, threshold = 0, minutes = 1
  }) if var.with_queues }

  letters = { for queue in ["waste-dead-letters"] : "dead-letters" => merge(local.usual, {
    says      = "Dead letters gather: the drain files none."
    namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", of = { QueueName = queue }, threshold = 1000
  }) if var.with_queues }

  cache = { for node in var.cache_nodes : "${node}-memory" => merge(local.usual, {
    says      = "The broker's memory is nearly full: the fleet slows its devices down at 75 %."
    namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", of = { CacheClusterId = node }, threshold = 70
  }) }

  database = {
    database-storage = merge(local.usual, {
      says      = "The ledger's disk has less than ${var.storage_free_gb} GB left."
      namespace = "AWS/RDS", metric = "FreeStorageSpace", of = { DBInstanceIdentifier = var.database_id }, statistic = "Minimum"
      threshold = var.storage_free_gb * 1000000000, below = true, minutes = 5
    })
    database-cpu = merge(local.usual, {
      says      = "The ledger's processor is busy for a quarter of an hour."
      namespace = "AWS/RDS", metric = "CPUUtilization", of = { DBInstanceIdentifier = var.database_id }, threshold = 85, minutes = 15
    })
  }

  tasks = { for service in var.services : "${service}-gone" => merge(local.usual, {
    says      = "No task of ${service} runs."
    namespace = "ECS/ContainerInsights", metric = "RunningTaskCount", of = { ClusterName = var.cluster_name, ServiceName = service }
    threshold = 1, below = true, statistic = "Minimum", missing = "breaching", minutes = 5
  }) }

  scaling = {
    backlog-untold = merge(local.usual, {
      says      = "Nobody tells the backlog: workers are not scaled."
      namespace = var.backlog.namespace, metric = var.backlog.name, of = {}, statistic = "SampleCount"
      threshold = 1, below = true, missing = "breaching", minutes = 10
    })
    gateway-errors = merge(local.usual, {
      says      = "The gateway answers with errors."
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", of = { LoadBalancer = var.balancer_suffix }
      statistic = "Sum", threshold = 50, minutes = 5
    })
  }

  alarms = merge(local.oldest, local.parked, local.letters, local.cache, local.database, local.tasks, local.scaling)
}
