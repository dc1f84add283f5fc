"""What is known of a job besides: why it was asked for, who stopped it, what was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAMES = ("reason", "notes", "stopped_by", "stop_reason")


def upgrade() -> None:
    """Add the columns; of the jobs so far nothing is known."""
    for name in NAMES:
        op.add_column("jobs", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Forget them."""
    with op.batch_alter_table("jobs") as table:
        for name in NAMES:
            table.drop_column(name)
