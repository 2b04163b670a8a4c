variable "name" {
  type        = string
  description = "Begins the alarms' names."
}

variable "account_id" {
  type        = string
  description = "The account."
}

variable "alarms_key_arn" {
  type        = string
  description = "The KMS key of alarms on their way."
}

variable "alarm_mails" {
  type        = list(string)
  default     = []
  description = "Who hears of alarms, once they have confirmed it."
}

variable "with_queues" {
  type        = bool
  description = "Whether the queues are on SQS."
}

variable "cache_nodes" {
  type        = list(string)
  default     = []
  description = "The nodes of Valkey, where it is the broker."
}

variable "database_id" {
  type        = string
  description = "The RDS instance."
}

variable "storage_free_gb" {
  type        = number
  default     = 10
  description = "Under which free storage of RDS somebody is told."
}

variable "cluster_name" {
  type        = string
  description = "The ECS cluster."
}

variable "services" {
  type        = list(string)
  description = "Services of which at least one task has to run."
}

variable "balancer_suffix" {
  type        = string
  description = "How metrics name the load balancer."
}

variable "backlog" {
  type        = object({ namespace = string, name = string })
  description = "The metric that workers are scaled by."
}

variable "budget_usd" {
  type        = number
  description = "What a month may cost, in US dollars."
}
