"""The slow loop from the first drift to the last roll-back, in minutes: the days are simulated, all else is real."""
