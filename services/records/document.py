"""What stands in one reader's copy of a record, ready for the printer: words only, nothing to be looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.policy import Policy
from services.foundation.clock import LONDON
from services.meetings.rules import reference, say
from services.records.readers import Around
from services.records.rules.copies import Copy
from services.records.rules.record import Record

MARKING = "OFFICIAL-SENSITIVE"
KINDS = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision letter"}
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def content(record: Record, copy: Copy, about: Around, policy: Policy) -> dict[str, Any]:
    """The document of one copy, but for whom it is made for."""
    kind = policy.on(about.meeting.day).kind(about.meeting.kind)
    return {
        "marking": MARKING,
        "title": f"{KINDS[record.kind]}: {kind.name}",
        "day": say(about.meeting.day),
        "reference": reference(about.meeting.meeting_id),
        "version": record.version,
        "approved": f"Approved by the chair on {say(_day(record.approved_at))}",
        "sections": [_section(record, number) for number in copy.whole],
    }


def _day(moment: datetime):  # type: ignore[no-untyped-def]
    return moment.astimezone(LONDON).date()


def _section(record: Record, number: int) -> Mapping[str, Any]:
    section = record.sections[number]
    paragraphs = [" ".join(each.split()) for each in _BLANK_LINE.split(section.text.replace("\r", "")) if each.strip()]
    return {"heading": section.heading, "paragraphs": paragraphs}


def for_reader(about: Around, policy: Policy, copy: Copy) -> str:
    """Whom a copy is made for, as it stands on every page: an agency by name, a person by what they are."""
    reader = copy.reader
    if not reader.is_family:
        return f"{reader.name} ({policy.agency_name(reader.kind)})"
    return reader.name


def file_name(record: Record, about: Around) -> str:
    """What the file is called: it says nothing of anyone."""
    return f"{record.kind}-{reference(about.meeting.meeting_id)}-v{record.version}.pdf"
