"""The mail that came in. The message itself is a document; here stands what is known of it."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text

from services.foundation.database import Instant, metadata

KEPT, UNDERSTOOD, FOR_A_PERSON, SETTLED = "kept", "understood", "for_a_person", "settled"

# `mail_id` is the SHA-256 of the message as it came, and the document's id. `recipients` are the envelope's, where the
# way in has one. `document` says what was read out of it: no word of its text.
received_mail = Table(
    "received_mail",
    metadata,
    Column("mail_id", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("kind", String(16)),
    Column("why", String(32)),
    Column("invitation_id", String(26)),
    Column("meeting_id", String(64)),
    Column("document", JSON, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text),
)
_kept = received_mail.c.state == "kept"
_waits = received_mail.c.state == "for_a_person"
Index("ix_received_mail_kept", received_mail.c.received_at, sqlite_where=_kept, postgresql_where=_kept)
Index("ix_received_mail_waits", received_mail.c.received_at, sqlite_where=_waits, postgresql_where=_waits)
Index("ix_received_mail_meeting_id", received_mail.c.meeting_id)
