mock_provider "aws" {}

variables {
  name       = "waste-test"
  account_id = "123456789012"
  key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/objects"
}

run "every_bucket_refuses_plain_http_and_the_public" {
  assert {
    condition = alltrue([for policy in concat(values(aws_s3_bucket_policy.this)[*].policy, [aws_s3_bucket_policy.logs.policy]) : anytrue([
      for said in jsondecode(policy).Statement : said.Effect == "Deny" && said.Principal == "*" && said.Action == "s3:*" && try(said.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])])
    error_message = "a bucket takes plain HTTP"
  }
  assert {
    condition = alltrue([for one in concat(values(aws_s3_bucket_public_access_block.this), [aws_s3_bucket_public_access_block.logs]) :
      one.block_public_acls && one.block_public_policy && one.ignore_public_acls && one.restrict_public_buckets
    ])
    error_message = "a bucket may be made public"
  }
}

run "pictures_are_encrypted_with_our_key_without_a_header_that_a_bin_would_have_to_send" {
  assert {
    condition = alltrue([for one in aws_s3_bucket_server_side_encryption_configuration.this : alltrue([
      for rule in one.rule : rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.key_arn
    ])])
    error_message = "a bucket has another key, or asks it for each object"
  }
  assert {
    condition     = length(jsondecode(aws_s3_bucket_policy.this["pictures"].policy).Statement) == 1
    error_message = "the policy asks uploads for more than TLS"
  }
}

run "pictures_end_and_models_stay" {
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["pictures"].rule[0].expiration[0].days == 120
    error_message = "pictures are kept for another time"
  }
  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this["kept"].rule[0].expiration) == 0
    error_message = "lake and models would end"
  }
  assert {
    condition     = alltrue([for one in aws_s3_bucket_versioning.this : one.versioning_configuration[0].status == "Enabled"])
    error_message = "a bucket keeps no versions"
  }
}

run "pictures_that_a_training_still_needs_may_not_end" {
  command = plan
  variables {
    picture_days = 90
  }
  expect_failures = [var.picture_days]
}

run "a_name_with_dots_is_refused" {
  command = plan
  variables {
    name = "waste.prod"
  }
  expect_failures = [var.name]
}
