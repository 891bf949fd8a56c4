"""How rules say things: dates, spans, and who is what to whom, in sentences a coordinator would write."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.policy import Number
from services.directory.rules import Involvement

_LONDON = ZoneInfo("Europe/London")
_RELATIONS = {"partner_of_parent": "parent's partner", "parent": "parent or carer"}


@lru_cache(maxsize=4096)
def say(day: date) -> str:
    """A date as a person writes it: 4 May 2026."""
    return f"{day.day} {day:%B %Y}"


def day_in_england(instant: datetime) -> date:
    """The calendar day on which an instant falls in England: a rule takes nothing of the clock's."""
    return instant.astimezone(_LONDON).date()


def relation(kind: str) -> str:
    """What a relative is to a child, as it stands after "AB's"."""
    return _RELATIONS.get(kind) or kind.replace("_", " ")


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def age(months: int) -> str:
    """An age in years and months."""
    years, rest = divmod(months, 12)
    if not rest:
        return f"{years} years"
    return f"{years} years and {rest} month{'s' if rest > 1 else ''}"


def earlier(day: date, number: Number) -> date:
    """`number` months, weeks or days before `day`; the end of the month where that month is shorter, and the
    calendar's first day where it would begin before.
    """
    if number.unit in {"months", "years"}:
        month = day.year * 12 + day.month - 1 - number.months
        if month < 12:
            return date.min
        year, month = divmod(month, 12)
        last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
        return date(year, month + 1, min(day.day, last))
    days = round(number.value) * (7 if number.unit == "weeks" else 1)
    return date.fromordinal(max(1, day.toordinal() - days))


def involved(involvement: Involvement, agency: str, who: str, day: date) -> str:
    """How a service is involved with someone on the day of a meeting."""
    since = say(involvement.since)
    if involvement.status == "waiting":
        return (
            f"{capital(who)} has been on the waiting list of {agency} since {since}. "
            "A service is asked while somebody waits for it; it does not count for quoracy."
        )
    if involvement.status == "referred":
        return (
            f"{capital(who)} was referred to {agency} on {since}. "
            "A service is asked from the referral on; it does not count for quoracy."
        )
    if involvement.since > day:
        return f"{agency} will be involved with {who} from {since}."
    if involvement.direct_contact is False:
        return (
            f"{agency} has been involved with {who} since {since}, without direct contact, "
            "so it does not count for quoracy."
        )
    return f"{agency} has been involved with {who} since {since}."
