"""The tables of the article store."""

import sqlalchemy as sa

__all__ = [
    "article_id",
    "articles",
    "catalogs",
    "changes",
    "cursors",
    "metadata",
    "overrides",
    "pending",
    "policies",
    "store_facts",
    "terms",
    "texts",
    "vectors",
]

metadata = sa.MetaData()


def article_id() -> "sa.types.TypeEngine[str]":
    """Ids compare and sort by their bytes; PostgreSQL would else ask the server's locale."""
    return sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")


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
    sa.Column("id", article_id(), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("touched", sa.BigInteger, nullable=False, index=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("text_hash", sa.String(64)),
    sa.Column("read_hash", sa.String(64)),
    sa.Column("outline", sa.Text),
    sa.Column("document", sa.Text),
)
"""The newest state of each article; a deleted one keeps its id and numbers, and loses its text.

`change` is the write that gave it this state, `touched` the newest entry of the log about it: that
write, or the news that its text was read. `read_hash` names the text that was read last, whose
terms and vector stand in until a newer text is read; NULL if none was. `outline` is the document
without the texts under the title.
"""

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("article_id", article_id(), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)
"""The change log, numbered as the entries became visible.

They are `upsert`, `delete`, `read`, `choice` (pins or blocks of an article were set) or `policy`.

A policy is about no article, and its entry has an empty `article_id`.
"""

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
"""Every version of the ranking policy that was set; the last one holds."""

overrides = sa.Table(
    "choices",
    metadata,
    sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("article_id", article_id(), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
"""What editors chose under an article: every list of its `pins` or `blocks` that was ever set, by
whom and when. Of each kind the last holds; the others are kept for who asks how it came about.
"""

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.String(2_000), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
"""Where each source was left, as JSON that only the source understands."""

catalogs = sa.Table(
    "catalogs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("oldest_change", sa.BigInteger, nullable=False),
    sa.Column("models", sa.Text, nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
)
"""What the snapshot catalog of each machine still needs of the store.

That is the change log from `oldest_change` on, and the vectors of `models`, a JSON list of
fingerprints. A machine whose `seen_at` is long ago is gone.
"""

pending = sa.Table(
    "pending",
    metadata,
    sa.Column("article_id", article_id(), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("bulk", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("fault", sa.Text),
)
"""Articles whose text waits to be read, with what went wrong where that failed before."""

texts = sa.Table(
    "texts",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
"""The plain text that an article's markup holds."""

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("passages", sa.LargeBinary),
)
"""float16 unit vectors by text and encoder, so that a rebuild embeds only what changed.

`passages` are the codes of the vectors of its passages, int8, one after the other.
"""

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
