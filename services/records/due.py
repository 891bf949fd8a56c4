"""By when a record is wanted of a meeting that was held, and by when a copy is to be in its reader's file.

Days are England's, and those the policy counts as working days are England's working days: an office that is closed
moves nothing. A day counts to its end in England; what is written to somebody is written in the morning. Source of the
numbers: the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from schemas.policy import Number, Policy
from services.foundation.clock import london_date
from services.foundation.working_days import add_working_days
from services.invitations.readers import days_before
from services.meetings.rules import Meeting
from services.meetings.rules.words import earlier
from services.participation.due import morning
from services.participation.report_terms import end_of
from services.records.rules.due import Deadline
from services.records.rules.record import DECISION, MINUTES

ADJOURNED = "adjourned"
_WANTED = ((DECISION, "decision_within"), (MINUTES, "minutes_within"))


def held_at(row: Mapping[Any, Any] | None) -> datetime | None:
    """When a meeting was held, from what was sent of that; None where it was not, or was adjourned."""
    if row is None or ADJOURNED in row["document"]["outcome"]:
        return None
    return datetime.fromisoformat(row["document"]["held_at"])


def days_after(day: date, number: Number) -> date:
    """The date that is so long after another."""
    if number.unit == "working_days":
        return add_working_days(day, int(number.value))
    return day + timedelta(days=int(number.value) * (7 if number.unit == "weeks" else 1))


def deadlines(policy: Policy, meeting: Meeting, held_at: datetime, known_since: datetime) -> list[Deadline]:
    """By when which kinds of record are wanted of a meeting, counted from the day on which it was held.

    None is wanted whose day had long gone by when it became known here that the meeting was held (`known_since`), as of
    the meetings of years that a council hands over when it begins: how long is what the policy looks back.
    """
    held_on = london_date(held_at)
    today = policy.on(held_on)
    kind = today.kind(meeting.kind)
    before = today.number("record_reminder_before_due")
    looks_back = policy.on(london_date(known_since)).number("late_record_look_back")
    first = earlier(london_date(known_since), looks_back) if looks_back is not None else date.min
    found = []
    for wanted, field in _WANTED:
        within = today.number(getattr(kind, field))
        if within is None:
            continue
        last_day = days_after(held_on, within)
        if last_day < first:
            continue
        reminded_on = days_before(last_day, before) if before is not None else None
        if reminded_on is not None and reminded_on <= held_on:
            reminded_on = last_day  # so little time is given that the day for it had come before the meeting was held
        found.append(
            Deadline(
                wanted,
                held_on,
                last_day,
                end_of(last_day),
                morning(reminded_on) if reminded_on is not None else None,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Filing:
    """When a reader is reminded that a copy is to be filed, and until when it is in time; None where the policy has no
    number for it.
    """

    last_day: date | None
    due_at: datetime | None
    remind_at: datetime | None


def filing(policy: Policy, sent_at: datetime) -> Filing:
    """By when a copy that was sent then is to be filed."""
    sent_on = london_date(sent_at)
    today = policy.on(sent_on)
    within, remind = today.number("record_filed_within"), today.number("record_filed_reminder_after")
    last_day = days_after(sent_on, within) if within is not None else None
    return Filing(
        last_day,
        end_of(last_day) if last_day is not None else None,
        morning(days_after(sent_on, remind)) if remind is not None else None,
    )
