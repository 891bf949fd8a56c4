"""Records in versions, what was sent of them to whom and how far it came, plans and the notices about them.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.foundation.database import Instant, RowNumber

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "codes",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("dispatch_id", sa.String(length=26), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_codes")),
    )
    op.create_index("ix_codes_dispatch_id", "codes", ["dispatch_id", "made_at"])
    op.create_table(
        "dispatches",
        sa.Column("dispatch_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=True),
        sa.Column("child_id", sa.String(length=64), nullable=True),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=64), nullable=True),
        sa.Column("decided", sa.JSON(), nullable=True),
        sa.Column("content", sa.String(length=64), nullable=True),
        sa.Column("document_id", sa.String(length=64), nullable=True),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("confirmed", sa.String(length=16), nullable=True),
        sa.Column("reminded_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("shown", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("dispatch_id", name=op.f("pk_dispatches")),
    )
    op.create_index("ix_dispatches_about", "dispatches", ["about", "version"])
    op.create_index("ix_dispatches_meeting_id", "dispatches", ["meeting_id"])
    op.create_index("ix_dispatches_child_id", "dispatches", ["child_id"])
    op.create_index("ix_dispatches_document_id", "dispatches", ["document_id"])
    notice = sa.text("kind = 'notice'")
    op.create_index("ix_dispatches_notices", "dispatches", ["agency_id"], sqlite_where=notice, postgresql_where=notice)
    lost = sa.text("state IN ('undelivered', 'withheld')")
    op.create_index("ix_dispatches_not_reached", "dispatches", ["agency_id"], sqlite_where=lost, postgresql_where=lost)
    op.create_table(
        "newcomers",
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("notice_id", sa.String(length=26), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("why_not", sa.String(length=32), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("meeting_id", "agency_id", "child_id", name=op.f("pk_newcomers")),
    )
    op.create_index("ix_newcomers_child_id", "newcomers", ["child_id"])
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
    )
    op.create_index("ix_notices_child_id", "notices", ["child_id"])
    op.create_index("ix_notices_plan_id", "notices", ["plan_id"])
    op.create_table(
        "openings",
        sa.Column("opening_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("dispatch_id", sa.String(length=26), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("opening_no", name=op.f("pk_openings")),
    )
    op.create_index("ix_openings_dispatch_id", "openings", ["dispatch_id"])
    op.create_table(
        "plan_facts",
        sa.Column("fact", sa.String(length=160), nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("aspect", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_plan_facts")),
    )
    counts = sa.text("known_until IS NULL")
    op.create_index(
        "ix_plan_facts_fact", "plan_facts", ["fact"], unique=True, sqlite_where=counts, postgresql_where=counts
    )
    op.create_index("ix_plan_facts_child_id", "plan_facts", ["child_id"], sqlite_where=counts, postgresql_where=counts)
    op.create_index("ix_plan_facts_plan_id", "plan_facts", ["plan_id", "known_from"])
    op.create_table(
        "receipts",
        sa.Column("receipt_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("dispatch_id", sa.String(length=26), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_no", name=op.f("pk_receipts")),
    )
    op.create_index("ix_receipts_dispatch_id", "receipts", ["dispatch_id"])
    op.create_table(
        "records",
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("in_place_of_chair", sa.Text(), nullable=True),
        sa.Column("checked_by", sa.Text(), nullable=True),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("checked_event_source", sa.Text(), nullable=True),
        sa.Column("checked_event_id", sa.Text(), nullable=True),
        sa.Column("sections", sa.JSON(), nullable=False),
        sa.Column("approved_at", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.Column("other_text_at", Instant(), nullable=True),
        sa.Column("other_text_event_source", sa.Text(), nullable=True),
        sa.Column("other_text_event_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "version", name=op.f("pk_records")),
    )
    op.create_index("ix_records_meeting_id", "records", ["meeting_id"])
    op.create_table(
        "mesh_messages",
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("dispatch_id", sa.String(length=26), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.Column("look_at", Instant(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_mesh_messages")),
    )
    still_open = sa.text("look_at IS NOT NULL")
    op.create_index(
        "ix_mesh_messages_look_at",
        "mesh_messages",
        ["look_at"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index("ix_mesh_messages_dispatch_id", "mesh_messages", ["dispatch_id"])
    op.create_table(
        "recalls",
        sa.Column("recall_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("recall_no", name=op.f("pk_recalls")),
    )
    op.create_index("ix_recalls_record_id", "recalls", ["record_id"])
    op.create_index("ix_recalls_meeting_id", "recalls", ["meeting_id"])
    op.add_column("reports", sa.Column("child_id", sa.String(length=64), nullable=True))
    plan = sa.text("kind = 'care_plan'")
    for name in ("meeting_id", "document_id"):
        op.create_index(f"ix_reports_care_plans_{name}", "reports", [name], sqlite_where=plan, postgresql_where=plan)


def downgrade() -> None:
    for name in ("document_id", "meeting_id"):
        op.drop_index(f"ix_reports_care_plans_{name}", "reports")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_column("child_id")
    for table in (
        "mesh_messages",
        "recalls",
        "records",
        "receipts",
        "plan_facts",
        "openings",
        "notices",
        "newcomers",
        "dispatches",
        "codes",
    ):
        op.drop_table(table)
