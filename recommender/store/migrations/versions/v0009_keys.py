"""What keys at run time need: the keys, and the log of who changed what."""

import sqlalchemy as sa
from alembic import op

from recommender.store.schema import article_id

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; the keys of the settings go on beside."""
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("scopes", sa.String(60), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("old_digest", sa.String(64)),
        sa.Column("old_until", sa.DateTime(timezone=True)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("subject", article_id(), nullable=False),
        sa.Column("change", sa.BigInteger),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"])
    op.create_index("ix_audit_log_subject", "audit_log", ["subject"])


def downgrade() -> None:
    """Forget both: that program knows the keys of its settings only."""
    op.drop_table("audit_log")
    op.drop_table("api_keys")
    op.execute("DELETE FROM store_facts WHERE name = 'keys'")
