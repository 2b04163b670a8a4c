"""A new model by itself: what the field has taught, examined and passed through a gate."""
