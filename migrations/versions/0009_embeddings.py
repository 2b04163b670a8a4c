"""Embeddings: what a model sees in a picture, in sixteen bytes."""

from migrations.run import execute_file

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that may be empty: what runs of before goes on."""
    execute_file("0009_embeddings.sql")
