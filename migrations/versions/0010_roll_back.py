"""A roll-back goes to the model that was replaced, and never to one of an earlier reign."""

from migrations.run import execute_file

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace a function by one of the same form: what runs of before goes on."""
    execute_file("0010_roll_back.sql")
