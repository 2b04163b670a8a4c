"""What the fleet looks like from outside, as metrics for Prometheus."""
