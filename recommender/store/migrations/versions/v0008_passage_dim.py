"""What two encoders need: how many numbers a passage has, beside the length of the vector."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL means as many numbers as the vector has."""
    op.add_column("vectors", sa.Column("passage_dim", sa.Integer))


def downgrade() -> None:
    """Forget embeddings of two encoders, which that program cannot read, and then the column."""
    op.execute("DELETE FROM vectors WHERE passage_dim <> length(vector) / 2")
    with op.batch_alter_table("vectors") as table:
        table.drop_column("passage_dim")
