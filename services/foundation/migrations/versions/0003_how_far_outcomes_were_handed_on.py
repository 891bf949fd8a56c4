"""How far a channel of the outbox has been handed on to a broker.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.foundation.database import RowNumber

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "relayed",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("outbox_id", RowNumber, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_relayed")),
    )


def downgrade() -> None:
    op.drop_table("relayed")
