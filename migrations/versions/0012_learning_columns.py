"""What learning may change of labels, alerts and trainings: what it finds out, not what others said."""

from migrations.run import execute_file

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Narrow rights to the columns that the code of before writes, too."""
    execute_file("0012_learning_columns.sql")
