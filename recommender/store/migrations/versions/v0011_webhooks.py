"""What webhooks need: their receivers, and what became of the snapshots that were built."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; nothing is sent until a receiver is added."""
    op.create_table(
        "publications",
        sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.String(80)),
        sa.Column("articles", sa.Integer),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "webhooks",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("batch_end", sa.BigInteger),
        sa.Column("replays", sa.Integer, nullable=False),
        sa.Column("sender", sa.String(64)),
        sa.Column("sender_until", sa.DateTime(timezone=True)),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        sa.Column("fault", sa.Text),
    )


def downgrade() -> None:
    """Forget both; the entries of the log stay, or its numbers would be given anew."""
    op.drop_table("webhooks")
    op.drop_table("publications")
