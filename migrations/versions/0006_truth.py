"""Ground truth: what plants say was in the bin, and which event that was."""

from migrations.run import execute_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables that nothing of before knows."""
    execute_file("0006_truth.sql")
