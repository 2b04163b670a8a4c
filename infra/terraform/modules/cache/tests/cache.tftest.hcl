mock_provider "aws" {}

variables {
  name              = "waste-test"
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-cache"
  key_arn           = "arn:aws:kms:eu-central-1:123456789012:key/database"
  password          = "0123456789abcdef0123456789abcdef"
}

run "valkey_speaks_tls_alone_and_to_users_with_a_password" {
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "it takes connections without TLS"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.at_rest_encryption_enabled && aws_elasticache_replication_group.this.engine == "valkey"
    error_message = "it is not encrypted, or not Valkey"
  }
  assert {
    condition     = length(aws_elasticache_replication_group.this.user_group_ids) == 1 && aws_elasticache_user_group.this.user_ids == toset(["waste-test-fleet"])
    error_message = "it has no group of users, or others in it"
  }
  assert {
    condition     = strcontains(aws_elasticache_user.fleet.access_string, "-@admin -@dangerous") && aws_elasticache_user.fleet.authentication_mode[0].type == "password"
    error_message = "the programs' user may do more than they need"
  }
}

run "a_full_broker_refuses_and_forgets_nothing" {
  assert {
    condition     = anytrue([for one in aws_elasticache_parameter_group.this.parameter : one.name == "maxmemory-policy" && one.value == "noeviction"])
    error_message = "it evicts"
  }
}

run "two_zones_have_a_replica_that_takes_over" {
  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "there is no replica"
  }
}

run "a_short_password_is_refused" {
  command = plan
  variables {
    password = "short"
  }
  expect_failures = [var.password]
}
