"""The state of the fleet: what each worker decides and how fast it is, and how fast events come in."""

from migrations.run import execute_file

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that have a default, and an index: what runs of before goes on."""
    execute_file("0011_fleet_status.sql")
