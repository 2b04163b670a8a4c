"""Sick sensors: how a picture's edge is coloured, what a sensor's days were like, and when its pictures do not count."""

from migrations.run import execute_file

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that may be empty, a table and a view: what runs of before goes on."""
    execute_file("0008_sick_sensors.sql")
