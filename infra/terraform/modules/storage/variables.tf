variable "name" {
  type        = string
  description = "Begins the buckets' names; without dots, which S3's certificate does not cover."
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,30}$", var.name))
    error_message = "Lower case letters, digits and hyphens."
  }
}

variable "account_id" {
  type        = string
  description = "Ends the buckets' names, which are the whole world's."
}

variable "key_arn" {
  type        = string
  description = "The KMS key of pictures, lake and models."
}

variable "picture_days" {
  type        = number
  default     = 120
  description = "How long pictures are kept: longer than the 90 days that a training looks back."
  validation {
    condition     = var.picture_days > 90
    error_message = "A training looks at pictures of the last 90 days."
  }
}
