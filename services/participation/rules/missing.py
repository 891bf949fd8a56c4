"""What was due from a party and did not come: what an exception is raised about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.meetings.rules import Meeting


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that did not happen. `kind` is the exception's, `about` names within the meeting what it is about:
    `invitation:<id>` for one party, `meeting` for the whole.
    """

    kind: str
    about: str
    text: str
    agency_id: str | None = None
    person_id: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was looked at in one meeting: of these kinds exactly `missing` is missing now, and nothing else."""

    meeting: Meeting
    kinds: frozenset[str]
    missing: tuple[Missing, ...] = ()
