mock_provider "aws" {}

variables {
  key_arn = "arn:aws:kms:eu-central-1:123456789012:key/images"
}

run "a_tag_never_moves_and_each_image_is_scanned" {
  assert {
    condition     = length(aws_ecr_repository.this) == 5 && alltrue([for one in aws_ecr_repository.this : one.image_tag_mutability == "IMMUTABLE" && one.image_scanning_configuration[0].scan_on_push])
    error_message = "a tag may move, or an image is not scanned"
  }
}

run "another_account_pulls_only_when_it_is_named" {
  variables {
    pull_accounts = ["210987654321"]
  }
  assert {
    condition = length(aws_ecr_repository_policy.pull) == 5 && alltrue([for one in aws_ecr_repository_policy.pull :
      jsondecode(one.policy).Statement[0].Principal.AWS == ["arn:aws:iam::210987654321:root"] && !contains(jsondecode(one.policy).Statement[0].Action, "ecr:PutImage")
    ])
    error_message = "others may pull, or somebody may push"
  }
}
