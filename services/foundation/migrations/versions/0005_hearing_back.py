"""What was heard back: mail, answers, reports, verdicts on quoracy, addresses that gave mail back;
and an index on the messages in hand.

Revision: 0005, after 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.foundation.database import Instant, RowNumber

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

IN_HAND = sa.text("state = 'pending' AND claimed_by IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("answer_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("delegate_name", sa.Text(), nullable=True),
        sa.Column("delegate_email", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("will_report", sa.Boolean(), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("stamp", Instant(), nullable=True),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("answer_no", name=op.f("pk_answers")),
        sa.UniqueConstraint("event_source", "event_id", name=op.f("uq_answers_event_source_event_id")),
    )
    op.create_index("ix_answers_meeting_id", "answers", ["meeting_id"])
    op.create_table(
        "asked_again",
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", "why", name=op.f("pk_asked_again")),
    )
    op.create_table(
        "attendances",
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", "agency_id", name=op.f("pk_attendances")),
    )
    op.create_index("ix_attendances_agency_id", "attendances", ["agency_id", "starts_at"])
    op.create_table(
        "bounced_addresses",
        sa.Column("bounce", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_bounced_addresses")),
    )
    counts = sa.text("known_until IS NULL")
    op.create_index(
        "ix_bounced_addresses_bounce",
        "bounced_addresses",
        ["bounce"],
        unique=True,
        sqlite_where=counts,
        postgresql_where=counts,
    )
    op.create_index("ix_bounced_addresses_bounce_past", "bounced_addresses", ["bounce", "known_from"])
    op.create_index(
        "ix_bounced_addresses_address", "bounced_addresses", ["address"], sqlite_where=counts, postgresql_where=counts
    )
    op.create_index("ix_bounced_addresses_address_past", "bounced_addresses", ["address", "known_from"])

    op.create_table(
        "documents",
        sa.Column("document_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("scan", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
    )
    op.create_table(
        "drafts",
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("form", sa.String(length=32), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", "form", name=op.f("pk_drafts")),
    )
    op.create_table(
        "plan_ends",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=True),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_plan_ends")),
    )
    op.create_index("ix_plan_ends_meeting_id", "plan_ends", ["meeting_id"])
    op.create_index(
        "ix_plan_ends_plan_id",
        "plan_ends",
        ["plan_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "proposals",
        sa.Column("proposal_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("proposal_no", name=op.f("pk_proposals")),
        sa.UniqueConstraint("event_source", "event_id", name=op.f("uq_proposals_event_source_event_id")),
    )
    op.create_index("ix_proposals_meeting_id", "proposals", ["meeting_id"])

    op.create_table(
        "quoracy_exceptions",
        sa.Column("exception_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("allows", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("exception_no", name=op.f("pk_quoracy_exceptions")),
        sa.UniqueConstraint("event_source", "event_id", name=op.f("uq_quoracy_exceptions_event_source_event_id")),
    )
    op.create_index("ix_quoracy_exceptions_meeting_id", "quoracy_exceptions", ["meeting_id"])

    op.create_table(
        "received_mail",
        sa.Column("mail_id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("why", sa.String(length=32), nullable=True),
        sa.Column("invitation_id", sa.String(length=26), nullable=True),
        sa.Column("meeting_id", sa.String(length=64), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_received_mail")),
    )
    op.create_index("ix_received_mail_content_id", "received_mail", ["content_id"])
    op.create_index(
        "ix_received_mail_kept",
        "received_mail",
        ["received_at"],
        sqlite_where=sa.text("state = 'kept'"),
        postgresql_where=sa.text("state = 'kept'"),
    )
    op.create_index("ix_received_mail_meeting_id", "received_mail", ["meeting_id"])
    op.create_index(
        "ix_received_mail_waits",
        "received_mail",
        ["received_at"],
        sqlite_where=sa.text("state = 'for_a_person'"),
        postgresql_where=sa.text("state = 'for_a_person'"),
    )

    op.create_table(
        "report_requests",
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("because", sa.String(length=16), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("reminded_at", Instant(), nullable=True),
        sa.Column("told_sequence", sa.Integer(), nullable=True),
        sa.Column("failure", sa.String(length=16), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("invitation_id", "kind", name=op.f("pk_report_requests")),
    )
    op.create_index("ix_report_requests_meeting_id", "report_requests", ["meeting_id"])

    op.create_table(
        "refusals",
        sa.Column("refusal_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("refusal_no", name=op.f("pk_refusals")),
    )
    op.create_index("ix_refusals_meeting_id", "refusals", ["meeting_id"])
    op.create_table(
        "reports",
        sa.Column("report_no", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("document_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("report_no", name=op.f("pk_reports")),
        sa.UniqueConstraint("event_source", "event_id", name=op.f("uq_reports_event_source_event_id")),
    )
    op.create_index("ix_reports_meeting_id", "reports", ["meeting_id"])

    op.create_table(
        "sendings",
        sa.Column("sending_id", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sending_id", name=op.f("pk_sendings")),
    )
    op.create_table(
        "verdicts",
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("quorate", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("judged_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", name=op.f("pk_verdicts")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("since", Instant(), nullable=True))
    op.execute("UPDATE invitations SET since = stamp")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.alter_column("since", existing_type=Instant(), nullable=False)
    op.create_index(
        "ix_outbox_in_hand", "outbox", ["channel", "due_at"], sqlite_where=IN_HAND, postgresql_where=IN_HAND
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_in_hand", "outbox")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_column("since")
    op.drop_table("verdicts")
    op.drop_table("sendings")
    op.drop_table("reports")
    op.drop_table("report_requests")
    op.drop_table("refusals")
    op.drop_table("received_mail")
    op.drop_table("quoracy_exceptions")
    op.drop_table("proposals")
    op.drop_table("plan_ends")
    op.drop_table("drafts")
    op.drop_table("documents")
    op.drop_table("bounced_addresses")
    op.drop_table("attendances")
    op.drop_table("asked_again")
    op.drop_table("answers")
