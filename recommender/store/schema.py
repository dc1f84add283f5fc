"""The tables of the article store."""

from typing import Final

import sqlalchemy as sa

from recommender.store.sqlite import UtcTime

__all__ = [
    "EMPTIED_BY_DELETION",
    "ROWS_PER_STATEMENT",
    "api_keys",
    "article_id",
    "articles",
    "audit_log",
    "catalogs",
    "changes",
    "checkpoints",
    "console_sessions",
    "jobs",
    "metadata",
    "overrides",
    "policies",
    "publications",
    "queue",
    "store_facts",
    "terms",
    "texts",
    "vectors",
    "webhooks",
]

ROWS_PER_STATEMENT: Final = 500
"""Databases limit the variables of a statement."""

metadata = sa.MetaData()


def article_id() -> "sa.types.TypeEngine[str]":
    """Make the type of ids: compared by their bytes, whatever the locale of a PostgreSQL server."""
    return sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")


store_facts = sa.Table(
    "store_facts",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""`epoch`: a random name of this store. A foreign or a restored store has another name.

`model`: what `READ_ALSO_MODEL=auto` stands for, as JSON; missing until something was chosen.
`keys`: the version of the set of keys, random; missing until a key was made.
"""

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", article_id(), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("touched", sa.BigInteger, nullable=False, index=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("was_public", sa.Boolean),
    sa.Column("text_hash", sa.String(64)),
    sa.Column("read_hash", sa.String(64)),
    sa.Column("outline", sa.Text),
    sa.Column("document", sa.Text),
)
"""The newest state of each article. A deleted article keeps its id and its numbers only.

`change` is the last write. `touched` is the newest log entry about the article: that write, or the
entry that its text was analyzed, or could not be. `read_hash` is the hash of the text that was
analyzed last, NULL if none was; its features are used until a newer text is analyzed. `outline` is
the document without the texts under the title. `was_public` of a deleted article: whether it was
published when it was deleted; NULL if an older program deleted it.
"""

EMPTIED_BY_DELETION: Final = tuple(
    column.name
    for column in articles.c
    if column.name not in {"id", "change", "touched", "version", "deleted", "was_public"}
)
"""The columns that are NULL in a deleted article: a column that is added is one of them."""

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("article_id", article_id(), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)
"""The change log, numbered in the order in which the entries became visible.

`kind` is `upsert`, `delete`, `read` (a text was analyzed), `parked` (it could not be), `choice`
(pins or blocks of an article were set); or it is about no article, and `article_id` is empty:
`policy`, `published` and `refused`, of which `publications` tells more.
"""

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""Every version of the ranking policy that was set; the newest one is active."""

publications = sa.Table(
    "publications",
    metadata,
    sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.String(80)),
    sa.Column("articles", sa.Integer),
    sa.Column("reason", sa.Text),
)
"""The snapshots that were built, as long as the change log has their entries.

`published`: the name of the generation, and how many articles it has. `refused`: the reason.
"""

overrides = sa.Table(
    "choices",
    metadata,
    sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("article_id", article_id(), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""The `pins` and the `blocks` that editors set for an article: every list, who set it and when.

The newest list of each kind is active; the older ones are the history.
"""

checkpoints = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.String(2_000), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""The checkpoint of each source: how far it was read, as JSON that only the source understands."""

catalogs = sa.Table(
    "catalogs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("oldest_change", sa.BigInteger, nullable=False),
    sa.Column("models", sa.Text, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
)
"""The part of the store that the snapshot catalog of each machine still needs.

That is the change log from `oldest_change` on, and the features made by `models`: a JSON list of
fingerprints of models, analyzers and markup readers. A machine whose `seen_at` is long ago is gone.
"""

queue = sa.Table(
    "pending",
    metadata,
    sa.Column("article_id", article_id(), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("bulk", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_pending_order", "bulk", "attempts", "change"),
)
"""The queue of articles whose text waits to be analyzed.

`fault` is why the last attempt failed. `awaited`: who wrote it waits until it is visible.
"""

texts = sa.Table(
    "texts",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
"""The plain text of an article's markup, by the hash of the text and the version of its reader."""

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(80), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("passages", sa.LargeBinary),
    sa.Column("title_and_body", sa.LargeBinary),
    sa.Column("passage_dim", sa.Integer),
)
"""float16 unit vectors by text and encoder, so that a rebuild embeds only what changed.

`passages` are the codes of the vectors of its passages, int8, one after the other;
`title_and_body` are the codes of its title and of its body, empty if it has only one of them.
Each of these has `passage_dim` numbers; NULL, as in earlier releases, means as many as the vector.
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
"""The features of a text that need no encoder, by the version of the analyzer."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("scopes", sa.String(60), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("old_digest", sa.String(64)),
    sa.Column("old_until", UtcTime),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("last_used_at", UtcTime),
)
"""The keys that were made at run time; `scopes` as they were given, joined by `+`.

`digest` is the SHA-256 of the secret; `old_digest`, until `old_until`, that of the one before the
last rotation. `last_used_at` is a whole hour.
"""

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("subject", article_id(), nullable=False, index=True),
    sa.Column("change", sa.BigInteger),
    sa.Column("address", sa.String(60), nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""Who changed what, when, why and from where; see `AuditEntry`."""

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Column("secret", sa.String(100), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("batch_end", sa.BigInteger),
    sa.Column("replays", sa.Integer, nullable=False),
    sa.Column("sender", sa.String(64)),
    sa.Column("sender_until", UtcTime),
    sa.Column("accepted_at", UtcTime),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcTime),
    sa.Column("retry_at", UtcTime),
    sa.Column("fault", sa.Text),
)
"""The receivers of webhooks, and how far each one is in the change log.

`events` are joined by commas. `secret` is in plain text: messages are signed with it. Everything up
to the change `position` was accepted; the batch that is being sent ends with `batch_end`, NULL if
there is none. `sender` is the machine that sends to it, until `sender_until`. `failures` counts
those since a message was accepted last; `fault` is the last of them.
"""

console_sessions = sa.Table(
    "console_sessions",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("token", sa.String(64), nullable=False, index=True, unique=True),
    sa.Column("old_token", sa.String(64), index=True),
    sa.Column("old_until", UtcTime),
    sa.Column("key_name", sa.String(40), nullable=False),
    sa.Column("key_digest", sa.String(64), nullable=False),
    sa.Column("person", sa.String(60), nullable=False),
    sa.Column("form_token", sa.String(64), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("rotated_at", UtcTime, nullable=False),
    sa.Column("ends_at", UtcTime, nullable=False),
)
"""Who is signed in to the console.

`token` is the SHA-256 of the cookie; `old_token` that of the cookie before the last rotation, which
holds until `old_until`; without end (NULL) before the new one was seen.
`key_digest` is that of the secret that opened the session: it ends with that.
"""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("begun_at", UtcTime),
    sa.Column("beginnings", sa.Integer, nullable=False),
    sa.Column("seen_at", UtcTime),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("fault", sa.Text),
    *(
        sa.Column(name, sa.Text, nullable=False, server_default="")
        for name in ("reason", "notes", "stopped_by", "stop_reason", "counts")
    ),
    sqlite_autoincrement=True,
)
"""Rebuilds and imports that somebody asked for in the console; see `Job`."""
