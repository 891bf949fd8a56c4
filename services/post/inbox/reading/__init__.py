"""Reads a message that came in, and tells what it is: no network, no database, and nothing in it is believed."""

from __future__ import annotations

from collections.abc import Sequence

from services.post.inbox.reading.found import (
    Attachment,
    Attendee,
    Bounce,
    CalendarAnswer,
    Doubt,
    Kind,
    Reading,
    Sender,
)
from services.post.inbox.reading.told_apart import told_apart

__all__ = ["Attachment", "Attendee", "Bounce", "CalendarAnswer", "Doubt", "Kind", "Reading", "Sender", "read"]


def read(raw: bytes, recipients: Sequence[str] = ()) -> Reading:
    """Read a message. `recipients` are the envelope's, where the way in has one. Raises nothing, whatever the bytes."""
    try:
        return told_apart(raw, recipients)
    except Exception:  # a slip of ours must not keep the messages behind this one waiting: a person looks at this one
        addresses = tuple(each.strip().lower() for each in recipients)
        return Reading("unknown", addresses, doubts=frozenset(("not_readable",)))
