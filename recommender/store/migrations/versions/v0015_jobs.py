"""What is asked for in the console and done apart from it: rebuilds and imports."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nothing is asked for."""
    op.create_table(
        "jobs",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True)),
        sa.Column("beginnings", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("fault", sa.Text),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Forget what was asked for."""
    op.drop_table("jobs")
