"""What sources and editors need: where each source was left, and what editors chose."""

import sqlalchemy as sa
from alembic import op

from recommender.store.schema import article_id

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; no source was pulled yet, and nothing is pinned or blocked."""
    op.create_table(
        "cursors",
        sa.Column("source", sa.String(2_000), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "choices",
        sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("article_id", article_id(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_choices_article_id", "choices", ["article_id"])


def downgrade() -> None:
    """Forget both; the entries of the log stay, or its numbers would be given anew."""
    op.drop_table("choices")
    op.drop_table("cursors")
