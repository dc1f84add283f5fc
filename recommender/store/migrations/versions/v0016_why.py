"""What the audit log needs to say why something was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what was done before nobody has said why."""
    op.add_column("audit_log", sa.Column("why", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Forget the reasons."""
    with op.batch_alter_table("audit_log") as table:
        table.drop_column("why")
