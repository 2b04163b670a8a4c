# Where Terraform keeps what it knows, made once by hand before all else; its own state stays with whoever made it, and can be imported anew.
data "aws_caller_identity" "here" {}

module "key" {
  source      = "../modules/key"
  name        = "waste-terraform-state"
  description = "Terraform's state"
}

resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_144:What is lost with the region is the fleet as well; versions guard against the rest.
  #checkov:skip=CKV2_AWS_62:Nothing listens to it.
  #checkov:skip=CKV_AWS_18:CloudTrail tells who read the state; a bucket of logs would need one of its own.
  bucket        = "waste-terraform-state-${data.aws_caller_identity.here.account_id}"
  force_destroy = false
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.key.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    id     = "older-states-end"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 365
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "NoPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
