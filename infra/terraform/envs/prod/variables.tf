variable "account_id" {
  type        = string
  description = "The account; another one is refused."
}

variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "The region."
}

variable "broker" {
  type        = string
  default     = "sqs"
  description = "sqs, or redis for Valkey on ElastiCache."
}

variable "broker_password" {
  type        = string
  default     = null
  sensitive   = true
  description = "With redis: the password of the programs' user; give it by TF_VAR_broker_password."
}

variable "image_tag" {
  type        = string
  description = "The images' tag, such as the commit."
}

variable "ledger_months" {
  type        = number
  default     = null
  description = "How many months of events the database keeps, this one too; null: all."
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

variable "review_networks" {
  type        = list(string)
  description = "From where the review desk is reached: offices, a VPN. At most four, by the load balancer's limits."
}

variable "alarm_mails" {
  type        = list(string)
  default     = []
  description = "Who hears of alarms."
}

variable "budget_usd" {
  type        = number
  default     = 2500
  description = "What a month may cost, in US dollars."
}

variable "github_repository" {
  type        = string
  description = "OWNER/NAME of the one repository that deploys."
}

variable "images_account" {
  type        = string
  default     = null
  description = "The account in whose ECR the images lie; null: this one."
}

variable "traces" {
  type        = object({ endpoint = string, share = optional(number, 1) })
  default     = null
  description = "Where a collector in the VPC takes OTLP over HTTP, and the share of events that are traced; null: none."
}
