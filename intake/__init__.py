"""The door: what devices send becomes open events in the ledger, or failures with a reason."""
