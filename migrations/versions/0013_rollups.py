"""Rollups: what was decided, counted by minute, hour and day, so that figures cost the same however large the ledger is."""

from migrations.run import execute_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables that a chore of the drain fills, and what the console reads; what runs of before goes on."""
    execute_file("0013_rollups.sql")
