"""How the fleet is run: images, compose, Terraform, Kubernetes, deployments."""
