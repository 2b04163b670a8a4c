variable "name" {
  type        = string
  description = "Begins the names of all but the queues and images, as waste-prod."
}

variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "The region."
}

variable "zones" {
  type        = list(string)
  default     = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  description = "Three availability zones of the region."
}

variable "cidr" {
  type        = string
  default     = "10.40.0.0/16"
  description = "The VPC's network."
}

variable "endpoint_zones" {
  type        = number
  default     = 3
  description = "In how many zones interface endpoints stand."
}

variable "broker" {
  type        = string
  default     = "sqs"
  description = "sqs, or redis for Valkey on ElastiCache."
  validation {
    condition     = contains(["sqs", "redis"], var.broker)
    error_message = "It is sqs or redis."
  }
}

variable "broker_password" {
  type        = string
  default     = null
  sensitive   = true
  description = "With redis: the password of the programs' user; give it by TF_VAR_broker_password."
  validation {
    condition     = var.broker == "sqs" || var.broker_password != null
    error_message = "Valkey needs a password."
  }
}

variable "cache_node_type" {
  type        = string
  default     = "cache.t4g.small"
  description = "With redis: the node's size."
}

variable "database_class" {
  type        = string
  default     = "db.t4g.medium"
  description = "The size of Postgres."
}

variable "database_storage_gb" {
  type        = number
  default     = 50
  description = "Its disk at the start."
}

variable "multi_az" {
  type        = bool
  default     = true
  description = "A standby of Postgres, and of Valkey, in another zone."
}

variable "backup_days" {
  type        = number
  default     = 14
  description = "To any second of how many days the ledger can be taken back."
}

variable "ledger_months" {
  type        = number
  default     = null
  description = "How many months of events the database keeps, this one too; null: all."
  validation {
    condition     = var.ledger_months == null || try(var.ledger_months >= 3 && floor(var.ledger_months) == var.ledger_months, false)
    error_message = "A whole number, at least 3: younger months are in use."
  }
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Database and load balancer refuse to be deleted."
}

variable "picture_days" {
  type        = number
  default     = 120
  description = "How long pictures are kept."
}

variable "image_tag" {
  type        = string
  description = "The images' tag, such as the commit."
  validation {
    condition     = var.image_tag != "latest"
    error_message = "A tag that never moves."
  }
}
