"""What the public may be told: whether a deleted article was published when it was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL in what was deleted before, so the public is told nothing of it."""
    op.add_column("articles", sa.Column("was_public", sa.Boolean))


def downgrade() -> None:
    """Forget the column."""
    with op.batch_alter_table("articles") as table:
        table.drop_column("was_public")
