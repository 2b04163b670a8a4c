"""Policies of scaling compared on simulated days of fleets of 1,000 to 1,000,000 bins."""
