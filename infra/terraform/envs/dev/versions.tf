terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }

  # The bucket and its key are bootstrap's; their names come by -backend-config=state.config.
  backend "s3" {
    key          = "waste/dev.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
  default_tags {
    tags = { fleet = "waste-dev", managed-by = "terraform" }
  }
}
