mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  account_id        = "123456789012"
  image_tag         = "0123abcd"
  gateway_host      = "bins.example.org"
  review_host       = "review.example.org"
  certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  review_networks   = ["203.0.113.0/24"]
  github_repository = "example/waste-fleet"
}

run "the_ledger_stands_where_this_environment_needs_it_and_keeps_what_it_needs" {
  assert {
    condition     = module.fleet.database == { public = false, multi_az = true, protected = true }
    error_message = "public, or in another number of zones, or protected otherwise"
  }
  assert {
    condition     = module.fleet.maintenance.ledger_months == ""
    error_message = "another retention"
  }
}

run "workers_and_gateways_are_as_many_as_this_environment_needs" {
  assert {
    condition     = module.fleet.capacity["worker"] == { FARGATE = { base = 1, weight = 0 }, FARGATE_SPOT = { base = 0, weight = 1 } }
    error_message = "workers run elsewhere"
  }
  assert {
    condition     = module.fleet.scaling.worker.fewest == 2 && module.fleet.scaling.worker.most == 40 && module.fleet.scaling.gateway.fewest == 2 && module.fleet.scaling.gateway.most == 10
    error_message = "other bounds"
  }
}
