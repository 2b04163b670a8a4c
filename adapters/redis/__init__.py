"""Queues, doors, rates and hints in Redis."""
