"""One line of a calendar object: its parameters, its value, and what a value can be.

Source: RFC 5545 section 3.1, RFC 6868; what programs write instead was measured.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

MOST_VALUES = 50
LONGEST_WORDS = 20_000

_PLAIN = r'[^";:,]*+'
_BY_RULE = r'"[^"]*+"'
_WITH_ESCAPES = r'"(?:[^"\\]|\\.)*+"'
_PARAMETER = r";([\w.-]{{1,60}}+)=((?:{0}|{1})(?:,(?:{0}|{1}))*+)(?=[;:])"
_WAYS = tuple(re.compile(_PARAMETER.format(quoted, _PLAIN)) for quoted in (_BY_RULE, _WITH_ESCAPES))
_LISTED = re.compile(r'"((?:[^"\\]|\\.)*+)"|([^",]++)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CARET = re.compile(r"\^([n'^])")
_CARETS = {"n": "\n", "'": '"', "^": "^"}
_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(Z?)", re.IGNORECASE)
_DAYS = r"(?:([0-9]{1,3})W)?(?:([0-9]{1,3})D)?"
_HOURS = r"(?:T(?:([0-9]{1,4})H)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})S)?)?"
_DURATION = re.compile(rf"\+?P{_DAYS}{_HOURS}")
_ZONE = re.compile(r"(?:/.*/)?([A-Za-z]{2,20}/[A-Za-z0-9_+-]{2,30}|UTC|GMT)")


class Line(NamedTuple):
    """A line without its name. The names of parameters are in capitals, their values as they stand."""

    parameters: dict[str, str]
    value: str


NOTHING = Line({}, "")


def split(rest: str) -> Line:
    """Take apart what follows a line's name.

    Some programs put a backslash before a quote within quotes, which is no escape in a calendar: a line that cannot be
    taken apart by the rule is read their way, and failing that from its end.
    """
    if rest.startswith(":"):
        return Line({}, rest[1:])
    for way in _WAYS:
        values: dict[str, str] = {}
        at = 0
        while (found := way.match(rest, at)) is not None:
            values.setdefault(found[1].upper(), found[2])
            at = found.end()
        if rest.startswith(":", at):
            return Line(values, rest[at + 1 :])
    at = rest.lower().rfind(":mailto:")
    at = at if at >= 0 else rest.rfind(":")
    pairs = (each.partition("=") for each in islice(rest[:at].split(";"), MOST_VALUES))
    return Line({name.strip().upper(): value.strip() for name, _, value in pairs}, rest[at + 1 :])


def parameter(line: Line, name: str) -> str | None:
    """The text of a parameter that has one value; None where it is missing or empty."""
    value = line.parameters.get(name)
    if not value:
        return None
    if value[0] == value[-1] == '"' and len(value) > 1:
        value = value[1:-1].replace('\\"', '"')
    return _CARET.sub(lambda found: _CARETS[found[1]], value).strip() or None


def listed(line: Line, name: str) -> list[str]:
    """The texts of a parameter that may have several values."""
    value = line.parameters.get(name, "")
    return [found[1] if found[1] is not None else found[2] for found in islice(_LISTED.finditer(value), MOST_VALUES)]


def words(value: str) -> str:
    """A TEXT value without its escapes."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value[: 2 * LONGEST_WORDS])[
        :LONGEST_WORDS
    ]


def address(value: str) -> str:
    """A calendar address, bare and in small letters; one of another kind than mail stays as it is."""
    value = unquote(value.strip()[:1_000]).strip().lower().removeprefix("mailto:").strip()
    return value[1:-1] if value.startswith("<") and value.endswith(">") else value


def moment(line: Line, zone: tzinfo | None = None) -> datetime | None:
    """An instant in UTC. `zone` holds where the line names none; None where it cannot be told which instant it is."""
    found = _MOMENT.fullmatch(line.value.strip())
    if found is None:
        return None
    name = parameter(line, "TZID")
    where = UTC if found[7] else _zone(name[:200]) if name else zone
    if where is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(each) for each in found.groups()[:6])
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=where).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def duration(value: str) -> timedelta | None:
    """A length of time; None where it is none, or goes backwards."""
    found = _DURATION.fullmatch(value.strip().upper())
    if found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


@lru_cache(maxsize=128)
def _zone(name: str) -> tzinfo | None:
    """The time zone of a name: of the database, of Windows, or with a vendor's path before it."""
    found = _ZONE.fullmatch(WINDOWS_TO_OLSON.get(name, name))
    try:
        return ZoneInfo(found[1]) if found else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
