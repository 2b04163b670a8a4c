"""The ledger, the outcomes, the review desk's lanes and the programs' roles."""

from migrations.run import execute_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything; there is nothing older to go back to."""
    execute_file("0001_ledger.sql")
