variable "cluster_name" {
  type        = string
  description = "The ECS cluster."
}

variable "service_name" {
  type        = string
  description = "The service."
}

variable "fewest" {
  type        = number
  description = "How many run at least."
}

variable "most" {
  type        = number
  description = "How many run at most."
}

variable "backlog" {
  type        = object({ namespace = string, name = string, target_s = number })
  default     = null
  description = "The metric of the seconds of work that wait for each task, and what it is held at; null: not tracked."
}

variable "load" {
  type        = object({ namespace = string, name = string, target = number })
  default     = null
  description = "The metric of what comes in as a share of what the tasks can do, and what it is held at; null: not tracked."
}

variable "cpu" {
  type        = number
  default     = 60
  description = "The share of CPU in percent that is held, without a backlog and a load."
}

variable "scale_out_cooldown_s" {
  type        = number
  default     = 60
  description = "The pause after more were started."
}

variable "scale_in_cooldown_s" {
  type        = number
  default     = 600
  description = "The pause after some were ended: what comes in waves is not chased."
  validation {
    condition     = var.scale_in_cooldown_s > var.scale_out_cooldown_s
    error_message = "Fewer comes slower than more."
  }
}
