# The queues by the names of contracts/names.py, which have no prefix: one fleet to an account and region.
#
# waste-dead-letters is the fleet's own queue, which the review desk drains: its messages are items with a reason. What SQS itself gives up
# on is something else, an event or a wake-up that nobody could take, and goes to waste-parked, from where it is moved back once the cause is mended.
locals {
  queues = {
    # Intake asks for leases of its own length. It receives nothing while Postgres is away, so a thousand times means a fault of hours.
    "waste-events" = { visibility_s = 30, retention_s = 1209600, receives = 1000 }
    # As adapters/celery/queue.py has it (VISIBILITY_TIMEOUT_S): the ledger's leases end before.
    "waste-work"         = { visibility_s = 300, retention_s = 1209600, receives = 20 }
    "waste-work-first"   = { visibility_s = 300, retention_s = 1209600, receives = 20 }
    "waste-dead-letters" = { visibility_s = 30, retention_s = 1209600, receives = 1000 }
    # What is lost comes again with the next round, so nothing is parked.
    "waste-slow" = { visibility_s = 300, retention_s = 3600, receives = null }
  }
  redriven = { for name, one in local.queues : name => one if one.receives != null }
  parked   = "waste-parked"
}

resource "aws_sqs_queue" "this" {
  for_each                          = local.queues
  name                              = each.key
  visibility_timeout_seconds        = each.value.visibility_s
  message_retention_seconds         = each.value.retention_s
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = 3600
}

resource "aws_sqs_queue" "parked" {
  name                              = local.parked
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = 3600
}

resource "aws_sqs_queue_redrive_policy" "this" {
  for_each  = local.redriven
  queue_url = aws_sqs_queue.this[each.key].id
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.parked.arn
    maxReceiveCount     = each.value.receives
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "parked" {
  queue_url = aws_sqs_queue.parked.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [for name in keys(local.redriven) : aws_sqs_queue.this[name].arn]
  })
}

resource "aws_sqs_queue_policy" "tls" {
  for_each  = merge(aws_sqs_queue.this, { (local.parked) = aws_sqs_queue.parked })
  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "NoPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = each.value.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
