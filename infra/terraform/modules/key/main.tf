# A key of ours: rotated each year, used by this account's principals under their own policies and by the named services.
data "aws_caller_identity" "here" {}

locals {
  account = {
    Sid       = "AccountDecidesByIam"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.here.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }
  # CloudWatch Logs says whose log group it is. Alarms say nothing when they use a key; what they may reach is the topic's to decide.
  services = merge({
    Sid       = "Services"
    Effect    = "Allow"
    Principal = { Service = var.services }
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = "*"
  }, var.log_groups == null ? {} : { Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = var.log_groups } } })
}

resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.account], [for one in [local.services] : one if length(var.services) > 0])
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
