variable "name" {
  type        = string
  description = "Its name."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Public subnets."
}

variable "security_group_id" {
  type        = string
  description = "Its security group."
}

variable "certificate_arn" {
  type        = string
  description = "A certificate of ACM that covers both names."
}

variable "logs_bucket" {
  type        = string
  description = "Where its access log goes."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Refuse to be deleted."
}
