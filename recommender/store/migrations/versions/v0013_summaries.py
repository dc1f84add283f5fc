"""What lists may show: outlines have the beginning of the summary."""

import sqlalchemy as sa
from alembic import op

from recommender.articles import parse_article, parse_outline

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

PAGE = 200
TABLE = sa.table("articles", *map(sa.column, ("id", "document", "outline")))


def upgrade() -> None:
    """Write the outlines of the articles that have a summary."""
    _write_outlines(with_summaries=True)


def downgrade() -> None:
    """Write them without it."""
    _write_outlines(with_summaries=False)


def _write_outlines(*, with_summaries: bool) -> None:
    """Write the outlines, page by page; canonical JSON names a summary only where there is one."""
    connection, last = op.get_bind(), ""
    has_summary = TABLE.c.document.contains('"summary":', autoescape=True)
    while rows := connection.execute(
        sa.select(TABLE.c.id, TABLE.c.document)
        .where(TABLE.c.id > last, TABLE.c.outline.is_not(None), has_summary)
        .order_by(TABLE.c.id)
        .limit(PAGE)
    ).all():
        for key, document in rows:
            outline = parse_article(document).to_outline()
            if not with_summaries:
                bare = parse_outline(outline).model_copy(update={"summary": ""})
                outline = bare.to_outline()
            connection.execute(sa.update(TABLE).where(TABLE.c.id == key).values(outline=outline))
        last = rows[-1][0]
