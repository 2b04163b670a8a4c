"""From a wake-up to one outcome for each of its events."""
