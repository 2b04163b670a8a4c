mock_provider "aws" {}

variables {
  name              = "waste-test"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-database"
  key_arn           = "arn:aws:kms:eu-central-1:123456789012:key/database"
}

run "the_ledger_is_private_encrypted_and_speaks_tls_alone" {
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.vpc_security_group_ids == toset(["sg-database"])
    error_message = "it is public, or open to others"
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.key_arn
    error_message = "its disk is not encrypted with our key"
  }
  assert {
    condition     = anytrue([for one in aws_db_parameter_group.this.parameter : one.name == "rds.force_ssl" && one.value == "1"])
    error_message = "it takes connections without TLS"
  }
}

run "it_is_postgres_18_with_iam_logins_and_a_password_that_rds_keeps" {
  assert {
    condition     = aws_db_instance.this.engine == "postgres" && aws_db_instance.this.engine_version == "18" && aws_db_parameter_group.this.family == "postgres18"
    error_message = "another version"
  }
  assert {
    condition     = aws_db_instance.this.iam_database_authentication_enabled && aws_db_instance.this.manage_master_user_password
    error_message = "no IAM login, or a password in the state"
  }
}

run "it_can_be_taken_back_to_any_second_and_is_hard_to_delete_unless_told" {
  assert {
    condition     = aws_db_instance.this.backup_retention_period == 14 && aws_db_instance.this.multi_az
    error_message = "backups or standby are missing by default"
  }
  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "it can be deleted without a trace"
  }
}

run "no_backups_are_refused" {
  command = plan
  variables {
    backup_days = 0
  }
  expect_failures = [var.backup_days]
}
