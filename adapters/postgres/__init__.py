"""The ledger and what stands beside it, in Postgres: one table's or one reader's questions a file."""
