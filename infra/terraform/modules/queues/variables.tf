variable "key_arn" {
  type        = string
  description = "The KMS key of the queues."
}
