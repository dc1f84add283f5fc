"""What a live list needs: outlines, the texts that wait to be read, and what was read last."""

import sqlalchemy as sa
from alembic import op

from recommender.articles import parse_article
from recommender.store.schema import article_id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PAGE = 500


def upgrade() -> None:
    """Add the columns and tables; every article that is there waits to be read."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("articles", "id", type_=article_id())
        op.alter_column("changes", "article_id", type_=article_id())
    with op.batch_alter_table("articles") as table:
        table.drop_index("ix_articles_change")
        table.add_column(sa.Column("touched", sa.BigInteger))
        table.add_column(sa.Column("read_hash", sa.String(64)))
        table.add_column(sa.Column("outline", sa.Text))
    op.execute("UPDATE articles SET touched = change")
    with op.batch_alter_table("articles") as table:
        table.alter_column("touched", existing_type=sa.BigInteger, nullable=False)
        table.create_index("ix_articles_touched", ["touched"])
    _create_pending()
    op.create_table(
        "texts",
        sa.Column("text_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(80), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    _outline(op.get_bind())


def _create_pending() -> None:
    op.create_table(
        "pending",
        sa.Column("article_id", article_id(), primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.Column("bulk", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fault", sa.Text),
    )
    op.execute(
        "INSERT INTO pending (article_id, change, bulk, attempts) "
        "SELECT id, change, true, 0 FROM articles WHERE NOT deleted"
    )


def _outline(connection: sa.Connection) -> None:
    """Write the outline of every article, page by page."""
    table = sa.table("articles", *map(sa.column, ("id", "document", "outline", "deleted")))
    last = ""
    while rows := connection.execute(
        sa.select(table.c.id, table.c.document)
        .where(table.c.id > last, table.c.document.is_not(None))
        .order_by(table.c.id)
        .limit(PAGE)
    ).all():
        for key, document in rows:
            outline = parse_article(document).to_outline()
            connection.execute(sa.update(table).where(table.c.id == key).values(outline=outline))
        last = rows[-1][0]


def downgrade() -> None:
    """Go back to the tables of the first schema."""
    op.drop_table("texts")
    op.drop_table("pending")
    with op.batch_alter_table("articles") as table:
        table.drop_index("ix_articles_touched")
        for name in ("touched", "read_hash", "outline"):
            table.drop_column(name)
        table.create_index("ix_articles_change", ["change"])
