"""What an invitation owes to a change: nothing, an update, a cancellation; and how it is numbered.

Source: RFC 5546 (SEQUENCE, DTSTAMP, CANCEL); what calendar clients do with each was measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from services.meetings.rules import DECIDED_BY_A_PERSON, INVITED, Entry, Meeting

QUEUED, SENT, DELIVERED, UNDELIVERED, CANCELLED = "queued", "sent", "delivered", "undelivered", "cancelled"
REQUEST, CANCEL = "request", "cancel"
BOUNCED = "bounced"

Change = Literal[
    "new", "again", "time", "details", "address", "cancelled", "withdrawn", "earlier_answer", "reminder", "requested"
]


@dataclass(frozen=True, slots=True)
class Told:
    """What the reader of an invitation has been told, or is about to be."""

    starts_at: datetime
    ends_at: datetime
    place: str | None
    joining_url: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as it stands. `revision` counts the messages within one SEQUENCE, and `since` is when that was
    begun: what was answered before it is an answer to something else. `failure` is why it was undelivered last.
    """

    invitation_id: str
    meeting_id: str
    party: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    address: str | None
    state: str
    sequence: int
    revision: int
    stamp: datetime
    since: datetime
    told: Told
    failure: str | None = None

    @property
    def came_back(self) -> bool:
        """Whether its latest message came back after the mail server had taken it."""
        return self.state == UNDELIVERED and self.failure == BOUNCED


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was written for an invitation. `left_at` is when the mail server took it; None where it has
    not.
    """

    sequence: int
    revision: int
    method: str
    change: str
    stamp: datetime
    told: Told
    written_at: datetime
    waits: bool
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One message owed: the invitation as it stands after it, what changed, and what the same reader was told before
    (None: nothing, or not this reader). `answer_by` is the day by which an answer is wanted, where the message says so.
    """

    invitation: Invitation
    method: str
    change: Change
    before: Told | None = None
    answer_by: date | None = None

    @property
    def changed(self) -> tuple[str, ...]:
        """Of what the reader was told: `time`, `place`, `link`, as far as it reads otherwise now."""
        told, before = self.invitation.told, self.before
        if before is None:
            return ()
        compared = {
            "time": (before.starts_at, before.ends_at) == (told.starts_at, told.ends_at),
            "place": before.place == told.place,
            "link": before.joining_url == told.joining_url,
        }
        return tuple(name for name, same in compared.items() if not same)


def told(meeting: Meeting) -> Told:
    """What there is to tell of a meeting's time and place."""
    return Told(meeting.starts_at, meeting.ends_at, meeting.place, meeting.joining_url)


def invitation_id(meeting_id: str, party: str) -> str:
    """The name of an invitation: the same for the same meeting and party for ever, and readable by nobody."""
    return hashlib.sha256(f"invitation {meeting_id} {party}".encode()).hexdigest()[:26]


def next_stamp(now: datetime, before: datetime | None) -> datetime:
    """A DTSTAMP in whole seconds that is later than every one before for the same UID."""
    now = now.replace(microsecond=0)
    return now if before is None or now > before else before + timedelta(seconds=1)


def owed(
    meeting: Meeting, entries: Mapping[str, Entry], standing: Mapping[str, Invitation], now: datetime
) -> list[Step]:
    """The messages that a meeting's entries owe, given the invitations that stand.

    A new time is a new SEQUENCE, so that the reader is asked again; a new room is the same SEQUENCE with a later
    DTSTAMP, so that an answer stands; a new address is a new SEQUENCE, for nobody there has answered. What came back
    from its only address goes there again when somebody has found that it works. Only a person's decision takes an
    invitation back. Nothing is owed once the meeting has ended.
    """
    steps: list[Step] = []
    if meeting.ends_at <= now:
        return steps
    for party, entry in entries.items():
        before = standing.get(party)
        if entry.decision == INVITED and entry.address is not None:
            step = _ask(meeting, party, entry, before, now)
            if step is not None:
                steps.append(step)
        elif before is not None and before.state != CANCELLED and entry.why_not in DECIDED_BY_A_PERSON:
            steps.append(withdraw(before, now, "withdrawn"))
    return steps


def silenced(entries: Mapping[str, Entry], standing: Mapping[str, Invitation]) -> list[str]:
    """The invitations that nothing more may go out for, as things are: their reader is not asked now, and nobody has
    decided to take the invitation back. What still waits to be sent stays unsent.
    """
    return [
        before.invitation_id
        for party, before in standing.items()
        if before.address is not None
        and (entry := entries.get(party)) is not None
        and entry.decision != INVITED
        and entry.why_not not in DECIDED_BY_A_PERSON
    ]


def _ask(meeting: Meeting, party: str, entry: Entry, before: Invitation | None, now: datetime) -> Step | None:
    tell = told(meeting)
    if before is None:
        made = Invitation(
            invitation_id(meeting.meeting_id, party),
            meeting.meeting_id,
            party,
            entry.agency_id,
            entry.person_id,
            entry.team_id,
            entry.address,
            QUEUED,
            0,
            0,
            next_stamp(now, None),
            now,
            tell,
        )
        return Step(made, REQUEST, "new")
    change: Change
    same_time_and_place = before.told == tell
    if before.state == CANCELLED:
        change = "again"
    elif before.address != entry.address:
        change = "address"
    elif before.came_back:
        # Nobody there has read it: it is sent as to a new reader once the address works, or where there is more to tell
        # and it may work by now.
        if entry.back == "for_good" or (entry.back is not None and same_time_and_place):
            return None
        change = "address"
    elif (before.told.starts_at, before.told.ends_at) != (tell.starts_at, tell.ends_at):
        change = "time"
    elif not same_time_and_place:
        change = "details"
    else:
        return None
    sequence, revision = (before.sequence, before.revision + 1) if change == "details" else (before.sequence + 1, 0)
    known = before.told if change in {"time", "details"} else None
    return Step(_moved(before, entry.address, QUEUED, sequence, revision, now, tell), REQUEST, change, known)


def withdraw(before: Invitation, now: datetime, change: Change) -> Step:
    """The cancellation of an invitation: the same UID, a higher SEQUENCE."""
    after = _moved(before, before.address, CANCELLED, before.sequence + 1, 0, now, before.told)
    return Step(after, CANCEL, change, before.told)


def once_more(
    meeting: Meeting,
    entry: Entry | None,
    standing: Invitation,
    change: Change,
    now: datetime,
    before: Told | None = None,
    answer_by: date | None = None,
) -> Step | None:
    """The invitation as it stands, sent once more: the same SEQUENCE, so that an answer to it stands, and the next
    revision. None where the meeting is over or off, or the reader is not to be told this, or not in this way, any more.
    """
    if meeting.state != "scheduled" or meeting.ends_at <= now or standing.state == CANCELLED:
        return None
    if entry is None or entry.decision != INVITED or standing.address is None or entry.address != standing.address:
        return None
    if standing.told != told(meeting) or (standing.came_back and entry.back is not None):
        return None
    after = _moved(standing, standing.address, QUEUED, standing.sequence, standing.revision + 1, now, standing.told)
    return Step(after, REQUEST, change, before, answer_by)


def _moved(
    before: Invitation, address: str | None, state: str, sequence: int, revision: int, now: datetime, tell: Told
) -> Invitation:
    return Invitation(
        before.invitation_id,
        before.meeting_id,
        before.party,
        before.agency_id,
        before.person_id,
        before.team_id,
        address,
        state,
        sequence,
        revision,
        next_stamp(now, before.stamp),
        before.since if sequence == before.sequence else now,
        tell,
    )
