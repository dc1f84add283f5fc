"""What came of a job in numbers, apart from the text that says it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the jobs so far there is only the text."""
    op.add_column("jobs", sa.Column("counts", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Forget the numbers."""
    with op.batch_alter_table("jobs") as table:
        table.drop_column("counts")
