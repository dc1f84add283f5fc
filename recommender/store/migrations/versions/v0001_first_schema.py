"""Articles, their change log, and the cache of vectors and terms."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table and give the store its epoch."""
    facts = op.create_table(
        "store_facts",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.bulk_insert(facts, [{"name": "epoch", "value": secrets.token_hex(8)}])
    _create_articles()
    _create_caches()


def _create_articles() -> None:
    op.create_table(
        "articles",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False, index=True),
        sa.Column("version", sa.BigInteger),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("text_hash", sa.String(64)),
        sa.Column("document", sa.Text),
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("article_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )


def _create_caches() -> None:
    op.create_table(
        "vectors",
        *_cache_key(),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "terms",
        *_cache_key(),
        sa.Column("language", sa.String(8)),
        sa.Column("buckets", sa.LargeBinary, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )


def _cache_key() -> "tuple[sa.Column[str], ...]":
    return (
        sa.Column("text_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(80), primary_key=True),
    )


def downgrade() -> None:
    """Drop everything; only an empty store goes back before its first schema."""
    for table in ("terms", "vectors", "changes", "articles", "store_facts"):
        op.drop_table(table)
