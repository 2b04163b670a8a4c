variable "architecture" {
  type        = string
  default     = "X86_64"
  description = "X86_64 or ARM64, as the images are built."
}

variable "gateway_host" {
  type        = string
  description = "The name under which bins reach the gateway."
}

variable "review_host" {
  type        = string
  description = "The name under which people reach the review desk."
}

variable "certificate_arn" {
  type        = string
  description = "A certificate of ACM that covers both names."
}

variable "client_networks" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "From where the load balancer is reached."
}

variable "review_networks" {
  type        = list(string)
  description = "From where the review desk is reached: offices, a VPN. At most four, by the load balancer's limits."
  validation {
    condition     = length(var.review_networks) > 0 && length(var.review_networks) <= 4
    error_message = "From one to four networks."
  }
}

variable "gateway_tasks" {
  type        = object({ fewest = number, most = number })
  default     = { fewest = 2, most = 10 }
  description = "How many gateways."
}

variable "intake_tasks" {
  type        = number
  default     = 2
  description = "How many intakes; one of them reconciles."
}

variable "worker_tasks" {
  type        = object({ fewest = number, most = number })
  default     = { fewest = 2, most = 40 }
  description = "How many workers."
}

variable "worker_on_demand" {
  type        = number
  default     = 1
  description = "How many of the workers are not on Spot."
}

variable "backlog_target_s" {
  type        = number
  default     = 30
  description = "The seconds of work that may wait for each worker."
}

variable "backlog_namespace" {
  type        = string
  default     = "waste"
  description = "The namespace of the metrics that workers are scaled by."
}

variable "load_metric" {
  type        = string
  default     = "worker_utilization"
  description = "The metric of what comes in as a share of what the workers can do."
}

variable "load_target" {
  type        = number
  default     = 0.8
  description = "What it is held at."
}

variable "backlog_metric" {
  type        = string
  default     = "backlog_seconds_per_task"
  description = "Its name."
}

variable "scaler_command" {
  type        = list(string)
  default     = ["fleet", "scale", "publish"]
  description = "Arguments of `waste` that put it."
}

variable "log_level" {
  type        = string
  default     = "info"
  description = "debug, info, warning or error."
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "How long logs are kept."
}

variable "alarm_mails" {
  type        = list(string)
  default     = []
  description = "Who hears of alarms."
}

variable "budget_usd" {
  type        = number
  description = "What a month may cost, in US dollars."
}

variable "github_repository" {
  type        = string
  description = "OWNER/NAME of the one repository that deploys."
}

variable "github_subject" {
  type        = string
  description = "environment:NAME or ref:refs/heads/NAME, from which alone it deploys."
}

variable "create_github_provider" {
  type        = bool
  default     = true
  description = "False where the account has GitHub's identity provider already."
}

variable "pull_accounts" {
  type        = list(string)
  default     = []
  description = "Other accounts whose fleets run these images."
}

variable "images_account" {
  type        = string
  default     = null
  description = "The account in whose ECR the images lie; null: this one."
}

variable "traces" {
  type        = object({ endpoint = string, share = optional(number, 1) })
  default     = null
  description = "Where a collector in the VPC takes OTLP over HTTP, as http://collector.internal:4318, and the share of events that are traced; null: none."
  validation {
    condition     = var.traces == null || can(regex("^https?://[^/:]+(:[0-9]+)?(/.*)?$", var.traces.endpoint))
    error_message = "endpoint: an address that begins with http:// or https://."
  }
  validation {
    condition     = var.traces == null || try(var.traces.share >= 0 && var.traces.share <= 1, false)
    error_message = "share: from 0 to 1."
  }
}
