"""Until when something is owed in writing, by the policy and England's calendar, and which parties do not come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from schemas.policy import Policy
from services.foundation.clock import LONDON, london_date
from services.foundation.working_days import add_working_days
from services.invitations.readers import days_before
from services.invitations.rules import Invitation
from services.meetings.rules import Meeting
from services.meetings.store import HELD, Facts
from services.participation.rules.answers import Answer
from services.participation.rules.register import Attended, noted
from services.participation.rules.reports import Apologies, Terms, apologies_of

REMIND_AT = time(9)  # in England
REMINDED_AFTER = 2  # working days: a whole one lies between


def apologies_among(
    facts: Facts, invited: Mapping[str, Mapping[str, Invitation]], said: Mapping[str, Sequence[Answer]]
) -> dict[str, Apologies]:
    """The apologies of the agencies that are invited to meetings, by invitation: as they answered, and of a held
    meeting as its register says.
    """
    registers = {}
    for meeting_id, of_meeting in facts.items():
        if HELD not in of_meeting:
            continue
        row = of_meeting[HELD]
        lines = [
            Attended(each["agency_id"], each["person_id"], each["status"]) for each in row["document"]["attendance"]
        ]
        registers[meeting_id] = ({each.agency_id: each.status for each in noted(lines).values()}, row["known_from"])
    found = {}
    for meeting_id, invitations_of in invited.items():
        attendance, since = registers.get(meeting_id, ({}, None))
        for each in invitations_of.values():
            if each.agency_id is None:
                continue
            sent = apologies_of(each, said.get(meeting_id, ()), attendance.get(each.agency_id), since)
            if sent is not None:
                found[each.invitation_id] = sent
    return found


def terms(policy: Policy, meeting: Meeting) -> Terms:
    """What the policy asks for a meeting."""
    return _terms(policy, meeting.kind, meeting.day)


@lru_cache(maxsize=1024)
def _terms(policy: Policy, kind: str, day: date) -> Terms:
    today = policy.on(day)
    asked, apologies = (today.number(name) for name in (today.kind(kind).report_before, "report_before_on_apologies"))
    return Terms(
        end_of(days_before(day, asked)) if asked else None,
        end_of(days_before(day, apologies)) if apologies else None,
    )


def end_of(day: date) -> datetime:
    """The moment at which a day in England ends."""
    return datetime.combine(day + timedelta(days=1), time(0), LONDON).astimezone(UTC)


@lru_cache(maxsize=1024)
def remind_at(policy: Policy, day: date, due_at: datetime, asked_at: datetime) -> datetime | None:
    """When whoever owes something for a meeting on that day, and was last asked for it at that moment, is reminded of
    it; None where the policy has no number for that, or less than a whole working day lies between: a reminder so soon
    tells nothing new.
    """
    number = policy.on(day).number("report_reminder_before_due")
    if number is None:
        return None
    reminded_on = days_before(last_day(due_at), number)
    if add_working_days(london_date(asked_at), REMINDED_AFTER) > reminded_on:
        return None
    return datetime.combine(reminded_on, REMIND_AT, LONDON).astimezone(UTC)


@lru_cache(maxsize=1024)
def last_day(due_at: datetime) -> date:
    """The last day on which what is due then is in time."""
    return london_date(due_at - timedelta(microseconds=1))
