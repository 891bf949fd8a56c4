"""Indexes for what is looked up among many: the entries of a meeting that still look for an agency, the meetings that
have not ended.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MISSING = sa.text("known_until IS NULL AND agency_id IS NULL")


def upgrade() -> None:
    op.drop_index("ix_entries_kind_missing", "entries")
    op.create_index(
        "ix_entries_kind_missing", "entries", ["kind", "meeting_id"], sqlite_where=MISSING, postgresql_where=MISSING
    )
    op.create_index("ix_meetings_ends_at", "meetings", ["ends_at"])


def downgrade() -> None:
    op.drop_index("ix_meetings_ends_at", "meetings")
    op.drop_index("ix_entries_kind_missing", "entries")
    op.create_index("ix_entries_kind_missing", "entries", ["kind"], sqlite_where=MISSING, postgresql_where=MISSING)
