"""What a rebuild needs to measure how well vectors tell what belongs together."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; vectors of the present recipe are written with it."""
    op.add_column("vectors", sa.Column("title_and_body", sa.LargeBinary))


def downgrade() -> None:
    """Forget them; the next rebuild of that program embeds by its own recipe."""
    with op.batch_alter_table("vectors") as table:
        table.drop_column("title_and_body")
