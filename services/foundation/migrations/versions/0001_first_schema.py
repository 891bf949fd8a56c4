"""The first schema.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.foundation.database import Instant, RowNumber

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agencies",
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.Text(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_agencies")),
    )
    op.create_index(
        "ix_agencies_agency_id",
        "agencies",
        ["agency_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_agencies_agency_id_past", "agencies", ["agency_id", "known_from"])
    op.create_index(
        "ix_agencies_kind_authority",
        "agencies",
        ["kind", "authority"],
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_agencies_kind_authority_past", "agencies", ["kind", "authority", "known_from"])
    op.create_table(
        "children",
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("family_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_children")),
    )
    op.create_index(
        "ix_children_child_id",
        "children",
        ["child_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_children_child_id_past", "children", ["child_id", "known_from"])
    op.create_index(
        "ix_children_family_id",
        "children",
        ["family_id"],
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_children_family_id_past", "children", ["family_id", "known_from"])
    op.create_table(
        "entries",
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("why_not", sa.String(length=64), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_entries")),
    )
    op.create_index(
        "ix_entries_agency_id",
        "entries",
        ["agency_id"],
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index(
        "ix_entries_kind_missing",
        "entries",
        ["kind"],
        sqlite_where=sa.text("known_until IS NULL AND agency_id IS NULL"),
        postgresql_where=sa.text("known_until IS NULL AND agency_id IS NULL"),
    )
    op.create_index(
        "ix_entries_meeting_id",
        "entries",
        ["meeting_id", "party"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_entries_meeting_id_past", "entries", ["meeting_id", "known_from"])
    op.create_table(
        "exceptions",
        sa.Column("exception_id", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=True),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("child_id", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("exception_id", name=op.f("pk_exceptions")),
    )
    op.create_index("ix_exceptions_meeting_id", "exceptions", ["meeting_id"])
    op.create_index(
        "ix_exceptions_raised_at",
        "exceptions",
        ["raised_at"],
        sqlite_where=sa.text("state != 'resolved'"),
        postgresql_where=sa.text("state != 'resolved'"),
    )
    op.create_table(
        "hospital_stays",
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_hospital_stays")),
    )
    op.create_index(
        "ix_hospital_stays_child_id",
        "hospital_stays",
        ["child_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_hospital_stays_child_id_past", "hospital_stays", ["child_id", "known_from"])
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("team_id", sa.String(length=64), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stamp", Instant(), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("joining_url", sa.Text(), nullable=True),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_invitations")),
    )
    op.create_index("ix_invitations_meeting_id", "invitations", ["meeting_id"])
    op.create_table(
        "involvements",
        sa.Column("involvement_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_involvements")),
    )
    op.create_index(
        "ix_involvements_involvement_id",
        "involvements",
        ["involvement_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_involvements_involvement_id_past", "involvements", ["involvement_id", "known_from"])
    op.create_index(
        "ix_involvements_person_id",
        "involvements",
        ["person_id"],
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_involvements_person_id_past", "involvements", ["person_id", "known_from"])
    op.create_table(
        "journal",
        sa.Column("seq", RowNumber, autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_journal_source_event_id")),
    )
    op.create_table(
        "journal_end",
        sa.Column("only", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", RowNumber, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_journal_end")),
    )
    op.create_table(
        "meeting_children",
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", "child_id", name=op.f("pk_meeting_children")),
    )
    op.create_index("ix_meeting_children_child_id", "meeting_children", ["child_id"])
    op.create_table(
        "meeting_facts",
        sa.Column("fact", sa.String(length=80), nullable=False),
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("aspect", sa.String(length=16), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_meeting_facts")),
    )
    op.create_index(
        "ix_meeting_facts_fact",
        "meeting_facts",
        ["fact"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_meeting_facts_meeting_id", "meeting_facts", ["meeting_id", "known_from"])
    op.create_table(
        "meetings",
        sa.Column("meeting_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("follows", sa.String(length=64), nullable=True),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", name=op.f("pk_meetings")),
    )
    op.create_index("ix_meetings_follows", "meetings", ["follows"])
    op.create_index("ix_meetings_starts_at", "meetings", ["starts_at", "meeting_id"])
    op.create_table(
        "outbox",
        sa.Column("outbox_id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["channel", "due_at", "outbox_id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_outbox_key", "outbox", ["key", "outbox_id"])
    op.create_table(
        "relatives",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("family_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", RowNumber, autoincrement=True, nullable=False),
        sa.Column("event_time", Instant(), nullable=False),
        sa.Column("event_source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("known_from", Instant(), nullable=False),
        sa.Column("known_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_relatives")),
    )
    op.create_index(
        "ix_relatives_family_id",
        "relatives",
        ["family_id"],
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_relatives_family_id_past", "relatives", ["family_id", "known_from"])
    op.create_index(
        "ix_relatives_person_id",
        "relatives",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_index("ix_relatives_person_id_past", "relatives", ["person_id", "known_from"])
    op.create_table(
        "ties",
        sa.Column("child_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("child_id", "person_id", name=op.f("pk_ties")),
    )
    op.create_index("ix_ties_person_id", "ties", ["person_id"])
    op.create_table(
        "timers",
        sa.Column("timer_id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("timer_id", name=op.f("pk_timers")),
        sa.UniqueConstraint("name", "key", name=op.f("uq_timers_name_key")),
    )
    op.create_index("ix_timers_due", "timers", ["due_at", "timer_id"])
    op.create_table(
        "dead_letters",
        sa.Column("deadletter_id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("settled_seq", RowNumber, nullable=True),
        sa.ForeignKeyConstraint(["settled_seq"], ["journal.seq"], name=op.f("fk_dead_letters_settled_seq_journal")),
        sa.PrimaryKeyConstraint("deadletter_id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_digest", "dead_letters", ["digest"])
    op.create_index("ix_dead_letters_state", "dead_letters", ["state", "deadletter_id"])
    op.create_table(
        "waiting",
        sa.Column("seq", RowNumber, autoincrement=False, nullable=False),
        sa.Column("noun", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["journal.seq"], name=op.f("fk_waiting_seq_journal")),
        sa.PrimaryKeyConstraint("seq", "noun", "ref", name=op.f("pk_waiting")),
    )
    op.create_index("ix_waiting_noun_ref", "waiting", ["noun", "ref"])
    op.create_table(
        "dead_letter_parts",
        sa.Column("deadletter_id", RowNumber, autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deadletter_id"],
            ["dead_letters.deadletter_id"],
            name=op.f("fk_dead_letter_parts_deadletter_id_dead_letters"),
        ),
        sa.PrimaryKeyConstraint("deadletter_id", "part", name=op.f("pk_dead_letter_parts")),
    )


def downgrade() -> None:
    for table in [
        "dead_letter_parts",
        "waiting",
        "dead_letters",
        "timers",
        "ties",
        "relatives",
        "outbox",
        "meetings",
        "meeting_facts",
        "meeting_children",
        "journal_end",
        "journal",
        "involvements",
        "invitations",
        "hospital_stays",
        "exceptions",
        "entries",
        "children",
        "agencies",
    ]:
        op.drop_table(table)
