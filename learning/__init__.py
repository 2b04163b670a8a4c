"""Where a model is made, calibrated and judged."""
