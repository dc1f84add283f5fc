"""What passage matching needs: the passages of a text beside its vector."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; vectors of the present recipe are written with it."""
    op.add_column("vectors", sa.Column("passages", sa.LargeBinary))


def downgrade() -> None:
    """Forget the passages; the next rebuild of that program embeds by its own recipe."""
    with op.batch_alter_table("vectors") as table:
        table.drop_column("passages")
