variable "name" {
  type        = string
  description = "The fleet's name."
}

variable "program" {
  type        = string
  description = "The service's name."
}

variable "region" {
  type        = string
  description = "The region."
}

variable "cluster_arn" {
  type        = string
  description = "The ECS cluster."
}

variable "image" {
  type        = string
  description = "Its image, with a tag."
}

variable "command" {
  type        = list(string)
  description = "Arguments of `waste`."
}

variable "architecture" {
  type        = string
  default     = "X86_64"
  description = "X86_64 or ARM64, as the images are built."
}

variable "cpu" {
  type        = number
  description = "1024 are one core."
}

variable "memory" {
  type        = number
  description = "MiB."
}

variable "environment" {
  type        = map(string)
  description = "Settings that are no secrets."
}

variable "secrets" {
  type        = map(string)
  description = "Setting -> the secret's ARN; ECS puts its value into the environment."
}

variable "task_role_arn" {
  type        = string
  description = "What the program runs as."
}

variable "execution_role_arn" {
  type        = string
  description = "What starts it."
}

variable "vpc_id" {
  type        = string
  description = "The VPC."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets."
}

variable "security_group_id" {
  type        = string
  description = "Its security group."
}

variable "tasks" {
  type        = number
  description = "How many run at the start."
}

variable "capacity" {
  type        = list(object({ provider = string, base = number, weight = number }))
  default     = [{ provider = "FARGATE", base = 0, weight = 1 }]
  description = "Where tasks run: FARGATE, FARGATE_SPOT, or both by weights."
}

variable "min_healthy_percent" {
  type        = number
  default     = 100
  description = "How many remain while a deployment goes on."
}

variable "max_percent" {
  type        = number
  default     = 200
  description = "How many there are at most while a deployment goes on."
}

variable "stop_timeout_s" {
  type        = number
  default     = 60
  description = "From SIGTERM to SIGKILL; Fargate allows 120."
}

variable "health_check" {
  type        = bool
  default     = true
  description = "Ask `alive`; a program without a health port has nothing to say."
}

variable "health_port" {
  type        = string
  default     = "9000"
  description = "Where it says how it is."
}

variable "port" {
  type        = string
  default     = null
  description = "Where it is served."
}

variable "door" {
  type        = object({ listener_arn = string, priority = number, host = string, networks = list(string) })
  default     = null
  description = "Under which name and from which networks the load balancer lets requests through to it."
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "How long its log is kept."
}

variable "logs_key_arn" {
  type        = string
  description = "The KMS key of logs."
}
