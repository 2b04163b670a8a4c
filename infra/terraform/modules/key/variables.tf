variable "name" {
  type        = string
  description = "The alias without its alias/."
}

variable "description" {
  type        = string
  description = "What is encrypted with it."
}

variable "services" {
  type        = list(string)
  default     = []
  description = "AWS services that use the key for resources of this account."
}

variable "log_groups" {
  type        = string
  default     = null
  description = "Pattern of log groups' ARNs: the key may be used for these alone."
}
