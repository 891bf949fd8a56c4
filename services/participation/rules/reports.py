"""What the party of an invitation owes in writing, until when, and what of it is missing.

What is owed follows from how things stand, and not from the order in which they were learnt: whoever was asked to a
meeting whose kind asks for reports owes one; whoever sends apologies owes one in any kind of meeting, and the child's
care plan where the policy says so. Who takes the apologies back owes what everyone owes who comes. A care plan is not
a report, and a report no care plan: neither stands for the other.

Source: rules of the field, sections 0 (facts 4, 7, 12), 2.2, 2.3 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.invitations.rules import CANCELLED, UNDELIVERED, Invitation
from services.meetings.rules import Meeting
from services.participation.rules.answers import DECLINED, Answer, heard
from services.participation.rules.register import APOLOGIES, PRESENT

REPORT, CARE_PLAN = "report", "care_plan"
FOR_THE_MEETING, FOR_APOLOGIES = "meeting", "apologies"
"""Why something is owed: this kind of meeting asks everyone for it, or the party does not come."""

ASKED, RECEIVED, LATE = "asked", "received", "late"


@dataclass(frozen=True, slots=True)
class Report:
    """A document that came, for an agency as a whole or for one team of it."""

    meeting_id: str
    agency_id: str
    team_id: str | None
    document_id: str
    kind: str
    at: datetime
    by: str | None
    event_source: str
    event_id: str
    known_at: datetime
    child_id: str | None = None

    def is_of(self, invitation: Invitation) -> bool:
        """Whether this answers for that invitation: what comes from a team is from its agency."""
        return self.agency_id == invitation.agency_id and (
            self.team_id is None or invitation.team_id is None or self.team_id == invitation.team_id
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy asks for a meeting. Each is the moment at which the last day for it ends; None where it names no
    day: `report_by` of everyone, `apologies_by` of whoever sends apologies where nothing is asked of everyone.
    """

    report_by: datetime | None
    apologies_by: datetime | None


@dataclass(frozen=True, slots=True)
class Apologies:
    """That a party does not come, or did not: since when that has been known, and whether it answered so, rather than
    the register of the held meeting alone saying it.
    """

    since: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """One thing that the party of an invitation owes: since when it has known that, and until when it has time."""

    kind: str
    because: str
    asked_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """What the party of an invitation was asked for, as it is kept; see the table."""

    invitation_id: str
    kind: str
    meeting_id: str
    agency_id: str
    team_id: str | None
    because: str
    asked_at: datetime
    due_at: datetime
    reminded_at: datetime | None = None
    told_sequence: int | None = None
    failure: str | None = None
    ended_at: datetime | None = None


def owed(
    meeting: Meeting,
    terms: Terms,
    invitation: Invitation,
    asked_at: datetime | None,
    apologies: Apologies | None,
    *,
    gives_care_plan: bool,
) -> tuple[Owed, ...]:
    """What the party of an invitation owes as things stand. `asked_at` is when a message that asks it first went out;
    `gives_care_plan`: its kind is one that is asked for the care plan once it sends apologies. Relatives owe nothing,
    and nobody a care plan whom only the register shows to have sent apologies: there was no time to ask.
    """
    if invitation.agency_id is None or invitation.state == CANCELLED or meeting.state == CANCELLED:
        return ()
    found = []
    asked = None if asked_at is None or invitation.state == UNDELIVERED else max(asked_at, invitation.since)
    if terms.report_by is not None and asked is not None:
        due = _due(meeting, terms.report_by, asked)
        found.append(Owed(REPORT, FOR_APOLOGIES if apologies else FOR_THE_MEETING, asked, due))
    if apologies is not None:
        due = _due(meeting, terms.report_by or terms.apologies_by, apologies.since)
        if not found:
            found.append(Owed(REPORT, FOR_APOLOGIES, apologies.since, due))
        if gives_care_plan and apologies.answered:
            found.append(Owed(CARE_PLAN, FOR_APOLOGIES, apologies.since, due))
    return tuple(found)


def apologies_of(
    invitation: Invitation, answers: Sequence[Answer], attendance: str | None = None, held_since: datetime | None = None
) -> Apologies | None:
    """The apologies of the party of an invitation; None where it did not send any, or said otherwise after them, or was
    there all the same. Whoever says it again has said it since the first time. `attendance` is what the register of a
    held meeting says of the party, and `held_since` since when that has been known.
    """
    if attendance == PRESENT:
        return None
    said = heard(invitation, answers)
    since = None
    for each in reversed((*said.replaced, said.counts) if said.counts else ()):
        if each.answer != DECLINED:
            break
        since = each.known_at if since is None else min(since, each.known_at)
    if since is not None:
        return Apologies(since, answered=True)
    if attendance == APOLOGIES and held_since is not None:
        return Apologies(held_since, answered=False)
    return None


def _due(meeting: Meeting, by: datetime | None, asked_at: datetime) -> datetime:
    """Until when there is time: to the end of the policy's day, where that had not passed when the party was asked, and
    in any case no longer than until the meeting begins.
    """
    return meeting.starts_at if by is None or by <= asked_at else min(by, meeting.starts_at)


def came(kind: str, invitation: Invitation, reports: Sequence[Report]) -> Report | None:
    """The first document of this kind that came from the party of an invitation."""
    found = [each for each in reports if each.kind == kind and each.is_of(invitation)]
    return min(found, key=lambda each: (each.at, each.event_source, each.event_id), default=None)


def state(due_at: datetime | None, first: Report | None, meeting: Meeting, now: datetime) -> str | None:
    """How it stands with one thing: `asked`, `received`, or `late`, which it is where the time has passed without it
    and stays where it came after that. None where it is not owed and has not come. What had not come when the meeting
    was held is late, whatever the time.
    """
    if first is not None:
        return LATE if due_at is not None and first.at > due_at else RECEIVED
    if due_at is None:
        return None
    return LATE if is_over(meeting, due_at, now) else ASKED


def is_over(meeting: Meeting, due_at: datetime, now: datetime) -> bool:
    """Whether there is no time left."""
    return meeting.state == HELD or now >= due_at


HELD = "held"


def may_be_written_to(meeting: Meeting, invitation: Invitation, now: datetime) -> bool:
    """Whether anyone may be asked or reminded for a meeting: only before it begins, and where messages arrive."""
    return (
        meeting.state == "scheduled"
        and now < meeting.starts_at
        and invitation.address is not None
        and invitation.state not in {CANCELLED, UNDELIVERED}
    )


def last_asked(request: Owed, apologies: Apologies | None) -> datetime:
    """When the party was last asked for it: whoever sends apologies was asked by the letter that these brought."""
    return request.asked_at if apologies is None else max(request.asked_at, apologies.since)


def reminder_is_owed(request: Owed, remind_at: datetime | None, reminded_at: datetime | None, now: datetime) -> bool:
    """Whether the one reminder of what is owed is due now: not twice, nor where there is no moment for it. Where the
    time for it was moved to a later day, what was written for the earlier one does not count.
    """
    if remind_at is None or not remind_at <= now < request.due_at:
        return False
    return reminded_at is None or reminded_at < remind_at
