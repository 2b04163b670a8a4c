"""What really was in the bin: joined with what the fleet decided, and what follows for its accuracy."""
