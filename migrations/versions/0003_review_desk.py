"""The review desk: accounts, append-only labels, leases, gold, the audit sample, and what ops did with failures."""

from migrations.run import execute_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables beside the lanes, and columns with defaults to them: a drain of before goes on writing."""
    execute_file("0003_review_desk.sql")
