variable "name" {
  type        = string
  description = "Begins the roles' names."
}

variable "region" {
  type        = string
  description = "The region."
}

variable "account_id" {
  type        = string
  description = "The account."
}

variable "queue_arns" {
  type        = map(string)
  description = "Name -> ARN of the queues; empty where the broker is Valkey."
}

variable "queues_key_arn" {
  type        = string
  description = "The KMS key of the queues."
}

variable "bucket_arns" {
  type        = map(string)
  description = "pictures and kept -> ARN."
}

variable "objects_key_arn" {
  type        = string
  description = "The KMS key of the buckets."
}

variable "repository_arns" {
  type        = map(string)
  description = "Image -> its repository's ARN."
}

variable "images_account_id" {
  type        = string
  description = "The account in whose ECR the programs' images lie."
}

variable "images" {
  type        = map(string)
  description = "Program -> image."
}

variable "secret_arns" {
  type        = map(list(string))
  description = "Program -> the secrets that it is started with."
}

variable "secret_key_arns" {
  type        = list(string)
  description = "The KMS keys of secrets."
}

variable "metric_namespace" {
  type        = string
  description = "The namespace into which the scaler may put metrics."
}

variable "github_repository" {
  type        = string
  description = "OWNER/NAME of the one repository that deploys."
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "OWNER/NAME, without patterns."
  }
}

variable "github_subject" {
  type        = string
  description = "environment:NAME or ref:refs/heads/NAME, from which alone it deploys."
  validation {
    condition     = can(regex("^(environment:[A-Za-z0-9_-]+|ref:refs/heads/[A-Za-z0-9/._-]+)$", var.github_subject))
    error_message = "environment:NAME or ref:refs/heads/NAME, without patterns."
  }
}

variable "create_github_provider" {
  type        = bool
  default     = true
  description = "GitHub's identity provider is one to an account; false where it is there already."
}
