"""The slow loop: what a picture is like, snapshots of labelled items, trainings, and which models are in force."""

from migrations.run import execute_file

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, and columns that may be empty: what runs of before goes on."""
    execute_file("0007_slow_loop.sql")
