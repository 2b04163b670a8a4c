variable "name" {
  type        = string
  description = "The replication group's name."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets."
}

variable "security_group_id" {
  type        = string
  description = "Who may connect."
}

variable "key_arn" {
  type        = string
  description = "The KMS key of its disk."
}

variable "password" {
  type        = string
  sensitive   = true
  description = "The password of the user fleet; letters, digits, - and _. It is in the state, which is encrypted."
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,128}$", var.password))
    error_message = "32 to 128 letters, digits, - and _, so that it needs no escape in a URL."
  }
}

variable "node_type" {
  type        = string
  default     = "cache.t4g.small"
  description = "Its size."
}

variable "engine_version" {
  type        = string
  default     = "8.1"
  description = "Valkey's version."
}

variable "multi_az" {
  type        = bool
  default     = true
  description = "A replica in another zone that takes over."
}
