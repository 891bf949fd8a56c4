"""A meeting as it stands."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from dataclasses import dataclass
from datetime import date, datetime

from services.directory.rules import Cause


@dataclass(frozen=True, slots=True)
class AlsoInvite:
    """An agency that the coordinator asks for by name."""

    agency_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class DoNotInvite:
    """Who is not to be asked, with the reason from the closed list."""

    agency_id: str | None
    person_id: str | None
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as it stands. `day` is the date in England on which it begins."""

    meeting_id: str
    kind: str
    authority: str
    partition_key: str
    state: str
    child_ids: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    day: date
    follows: str | None
    also_invite: tuple[AlsoInvite, ...]
    do_not_invite: tuple[DoNotInvite, ...]
    cause: Cause
    place: str | None = None
    joining_url: str | None = None
    organiser: str = ""
    chair: str | None = None
    core_group: tuple[str, ...] = ()
    held_by: Cause | None = None
    organiser_email: str = ""


def reference(meeting_id: str) -> str:
    """What a subject line and a telephone call name the meeting by: eight letters and digits that say nothing of
    anyone.
    """
    letters = b32encode(hashlib.sha256(f"meeting {meeting_id}".encode()).digest()).decode()
    return f"{letters[:4]}-{letters[4:8]}"
