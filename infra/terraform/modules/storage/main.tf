# Two buckets, so that each role can be bound to what it needs and a rule of age meets pictures alone:
#   pictures  SENSOR/YYYY/MM/DD/EVENT.jpg, which end after some months
#   kept      lake/ and models/, which stay
locals {
  buckets = toset(["pictures", "kept"])
  named   = { for one in local.buckets : one => "${var.name}-${one}-${var.account_id}" }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:Pictures end after some months and what was learned of them is in the lake; a second region is the owner's decision.
  #checkov:skip=CKV2_AWS_62:Nothing listens to the buckets: each event names its picture.
  for_each      = local.named
  bucket        = each.value
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

# By default and not by a header: a device's presigned PUT signs exactly the headers that the gateway told it.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = aws_s3_bucket.this
  bucket        = each.value.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/${each.key}/"
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  policy   = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only[each.key]] })
}

locals {
  all_buckets = merge(aws_s3_bucket.this, { logs = aws_s3_bucket.logs })
  tls_only = { for name, bucket in local.all_buckets : name => {
    Sid       = "NoPlainHttp"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [bucket.arn, "${bucket.arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    id     = "end"
    status = "Enabled"
    filter {}
    # Pictures end; lake and models stay, but for versions that were overwritten.
    dynamic "expiration" {
      for_each = each.key == "pictures" ? [var.picture_days] : []
      content {
        days = expiration.value
      }
    }
    noncurrent_version_expiration {
      noncurrent_days = each.key == "pictures" ? 7 : 90
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
