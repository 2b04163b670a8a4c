variable "name" {
  type        = string
  description = "Begins the names of what is made."
}

variable "region" {
  type        = string
  description = "The region."
}

variable "zones" {
  type        = list(string)
  description = "Names of three availability zones."
  validation {
    condition     = length(distinct(var.zones)) >= 3
    error_message = "Three different zones are needed."
  }
}

variable "cidr" {
  type        = string
  default     = "10.40.0.0/16"
  description = "The VPC's network, a /16."
}

variable "endpoint_zones" {
  type        = number
  default     = 3
  description = "In how many zones interface endpoints stand: 3 survive the loss of one, 1 costs a third."
  validation {
    condition     = contains([1, 2, 3], var.endpoint_zones)
    error_message = "It is 1, 2 or 3."
  }
}

variable "client_networks" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "From where the load balancer is reached."
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "How long flow logs are kept."
}

variable "logs_key_arn" {
  type        = string
  description = "The KMS key of logs."
}

variable "collector_port" {
  type        = number
  default     = null
  description = "The port of an OpenTelemetry collector in the VPC; null: there is none, and no way to one."
}
