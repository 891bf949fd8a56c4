"""By when answers are wanted, in England's working days: when whoever has not answered is reminded, and from when the
answer is missed.

Everything falls due in the morning, when somebody is there to see it. Source of the numbers: the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from schemas.policy import Policy
from services.foundation.clock import LONDON, london_date
from services.foundation.working_days import add_working_days
from services.invitations.readers import days_before
from services.meetings.rules import Meeting
from services.participation.rules.asking import Asked, missed
from services.participation.rules.missing import Missing

MORNING = time(9, 0)
ONE_DAY = timedelta(days=1)


def morning(day: date) -> datetime:
    """When a day's work begins."""
    return datetime.combine(day, MORNING, LONDON).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """When answers to one meeting are wanted: the last day to answer on, and the day on which whoever has not answered
    is reminded (None: nobody is).
    """

    starts_at: datetime
    by: date
    remind_on: date | None

    def last_day(self, asked_at: datetime) -> date:
        """The last day to answer on for a party that was asked then: the next working day where it was asked late."""
        return max(self.by, add_working_days(london_date(asked_at), 1))

    def missed_from(self, asked_at: datetime) -> datetime:
        """From when the answer of a party that was asked then is missed."""
        return morning(self.last_day(asked_at) + ONE_DAY)

    @property
    def first_missed(self) -> datetime:
        """Before when nobody's answer is missed."""
        return morning(self.by + ONE_DAY)

    @property
    def first_look(self) -> datetime:
        """Before when nothing is due, whoever was asked when."""
        return morning(self.remind_on or self.by + ONE_DAY)

    def next_look(self, now: datetime) -> datetime | None:
        """The next morning on which something may be due, whoever was asked when; None where none is left."""
        today = morning(london_date(now))
        found = max(self.first_look, today if today > now else morning(london_date(now) + ONE_DAY))
        return found if found < self.starts_at else None

    def look_from(self, now: datetime) -> datetime | None:
        """When to look next where a change takes the place of whatever look was waited for: at once where that may have
        been due by now; None where the meeting begins before.
        """
        found = max(self.first_look, now)
        return found if found < self.starts_at else None


def wanted(policy: Policy, meeting: Meeting) -> Wanted | None:
    """When answers to a meeting are wanted; None where the policy sets no day."""
    today = policy.on(meeting.day)
    kind = today.kind(meeting.kind)
    before, remind = today.number(kind.answer_before), today.number(kind.remind_before)
    if before is None:
        return None
    remind_on = days_before(meeting.day, remind) if remind is not None else None
    return Wanted(meeting.starts_at, days_before(meeting.day, before), remind_on)


def reminded_at(each: Asked, wanted: Wanted) -> datetime | None:
    """When a party is reminded: on the day for it, and not before a whole working day has gone by since it was last
    sent the invitation. None where it owes nothing, has proposed another time, or would be reminded only when its
    answer is missed already, or the meeting begins.
    """
    first, last = each.first_asked, each.last_asked
    if wanted.remind_on is None or not each.owes or each.proposes or first is None or last is None:
        return None
    moment = morning(max(wanted.remind_on, add_working_days(london_date(last), 2)))
    return moment if moment < min(wanted.missed_from(first), wanted.starts_at) else None


def missed_from(each: Asked, wanted: Wanted) -> datetime | None:
    """From when the answer of a party is missed; None where it owes none, or was asked too late for that."""
    if not each.owes or each.first_asked is None:
        return None
    moment = wanted.missed_from(each.first_asked)
    return moment if moment < wanted.starts_at else None


def missing(each: Asked, wanted: Wanted, now: datetime) -> Missing | None:
    """What is missing by now from one party; None where nothing is."""
    since = missed_from(each, wanted)
    if since is None or since > now or each.first_asked is None:
        return None
    return missed(each, london_date(each.first_asked), wanted.last_day(each.first_asked), since)
