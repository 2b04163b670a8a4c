"""Devices: their registration with a site, and rotation of credentials with an overlap."""

from migrations.run import execute_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, and columns that an intake of before does not read: it refuses an old generation later, never sooner."""
    execute_file("0004_devices.sql")
