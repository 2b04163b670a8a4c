variable "images" {
  type        = set(string)
  default     = ["waste-gateway", "waste-worker", "waste-review", "waste-learning", "waste-database"]
  description = "Names of images."
}

variable "key_arn" {
  type        = string
  description = "The KMS key of images."
}

variable "pull_accounts" {
  type        = list(string)
  default     = []
  description = "Other accounts whose fleets run these images."
}
