"""The database's shape: Alembic runs hand-written SQL; `schema.sql` is the sum of it, for reading."""
