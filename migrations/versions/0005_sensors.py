"""Sensors: when each was last heard of, and which of its events never came."""

from migrations.run import execute_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; an intake of before does not write it, and what it takes meanwhile counts as missing until it is sent again."""
    execute_file("0005_sensors.sql")
