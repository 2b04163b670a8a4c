# Empty shells: put_secrets.py makes the values, so that they are in no state and nobody types them.
locals {
  # Program -> whose login it has (migrations/logins.py).
  logins = { gateway = "gateway", intake = "intake", scaler = "intake", worker = "worker", drain = "review", review = "review", learning = "learning" }

  secret_names = toset(concat(
    ["logins", "device-master-key"],
    [for login in distinct(values(local.logins)) : "database-url-${login}"],
    local.on_sqs ? [] : ["queue-url"],
  ))

  secrets = { for program, login in local.logins : program => merge(
    { DATABASE_URL = aws_secretsmanager_secret.this["database-url-${login}"].arn },
    local.on_sqs ? {} : { QUEUE_URL = aws_secretsmanager_secret.this["queue-url"].arn },
    contains(["gateway", "intake"], program) ? { DEVICE_MASTER_KEY = aws_secretsmanager_secret.this["device-master-key"].arn } : {},
  ) }

  secret_arns = merge(
    { for program, named in local.secrets : program => values(named) },
    { migrate = [module.database.owner_secret_arn, aws_secretsmanager_secret.this["logins"].arn] },
  )
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:A new value needs a restart of the program that read the old one, which the README describes; the owner's password is changed by RDS.
  for_each                = local.secret_names
  name                    = "${var.name}/${each.value}"
  kms_key_id              = module.key["secrets"].arn
  recovery_window_in_days = 7
}
