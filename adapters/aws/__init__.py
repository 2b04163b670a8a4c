"""Services of AWS beside its object store."""
