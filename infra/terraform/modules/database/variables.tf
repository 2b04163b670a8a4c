variable "name" {
  type        = string
  description = "The instance's name."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets in at least two zones."
}

variable "security_group_id" {
  type        = string
  description = "Who may connect."
}

variable "key_arn" {
  type        = string
  description = "The KMS key of the disk, of backups and of the owner's password."
}

variable "instance_class" {
  type        = string
  default     = "db.t4g.medium"
  description = "Its size."
}

variable "storage_gb" {
  type        = number
  default     = 50
  description = "The disk at the start; it grows to four times that."
}

variable "multi_az" {
  type        = bool
  default     = true
  description = "A standby in another zone."
}

variable "backup_days" {
  type        = number
  default     = 14
  description = "To any second of how many days it can be taken back."
  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "From 1 to 35; 0 would end recovery to a moment."
  }
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Refuse to be deleted, and leave a last snapshot."
}
