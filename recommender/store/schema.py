"""The tables of the article store."""

import sqlalchemy as sa

__all__ = ["articles", "changes", "metadata", "store_facts", "terms", "vectors"]

metadata = sa.MetaData()

store_facts = sa.Table(
    "store_facts",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""`epoch`: a random name of this store, so that a foreign or restored one is noticed."""

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False, index=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("text_hash", sa.String(64)),
    sa.Column("document", sa.Text),
)
"""The newest state of each article; a deleted one keeps its id and change, and loses its text."""

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("article_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)
"""The change log: one row a write, numbered in the order in which writes became visible."""

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
"""float16 unit vectors by text and encoder, so that a rebuild embeds only what changed."""

terms = sa.Table(
    "terms",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("language", sa.String(8)),
    sa.Column("buckets", sa.LargeBinary, nullable=False),
    sa.Column("counts", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)
"""What a text says of itself without an encoder: see `TextTerms`."""
