"""What the order of reading needs: whether a writer waits for a text, and an index."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index; nobody waits for what is queued already."""
    op.add_column(
        "pending", sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index("ix_pending_order", "pending", ["bulk", "attempts", "change"])


def downgrade() -> None:
    """Forget both."""
    op.drop_index("ix_pending_order", "pending")
    with op.batch_alter_table("pending") as table:
        table.drop_column("awaited")
