"""What the snapshot catalogs of each machine still need of the change log and the vectors."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; each machine reports its catalog when it next publishes or serves."""
    op.create_table(
        "catalogs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("oldest_change", sa.BigInteger, nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Forget the reports."""
    op.drop_table("catalogs")
