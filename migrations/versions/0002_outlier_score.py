"""How likely a picture shows none of the five categories. Programs of before write and read rows without it."""

from migrations.run import execute_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column where predictions are kept and where people see them."""
    execute_file("0002_outlier_score.sql")
