"""The sample partnership, moved to days ahead of the machine's clock, and as many times as wanted.

A composition sends to a mail server, so its clock cannot be set to the days of the story: the story is moved instead,
by whole weeks, with every date in it, so that ages, weekdays and the order of things stay as they are. Copies have
children, families and meetings of their own; the agencies are the same for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.rehearsal import SAMPLE, read_story

AHEAD = timedelta(days=7)  # between now and the first meeting, at least
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=T|$)")
_OWN = {"child_id", "family_id", "person_id", "involvement_id", "meeting_id", "plan_id", "record_id"}


@dataclass(frozen=True, slots=True)
class Day:
    """What comes in on one day of the story, by copy."""

    title: str
    copies: list[list[dict[str, Any]]]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for copy in self.copies for event in copy]


def moved_by(now: datetime) -> timedelta:
    """By how many weeks the story has to be moved for its meetings to lie ahead."""
    first = read_story().days[0].at
    weeks = -((first - now - AHEAD) // timedelta(weeks=1))
    return timedelta(weeks=weeks)


def story(copies: int, now: datetime | None = None) -> list[Day]:
    """The days of the story, each with the events of every copy."""
    moved = moved_by(now or datetime.now(UTC))
    told = [(day.title, [json.loads(line) for line in _lines(day.file)]) for day in read_story().days]
    own = {value for _, events in told for event in events for value in _own_ids(event)}
    return [
        Day(
            title,
            [[_told(event, number, own, moved) for event in events if _in(event, number)] for number in range(copies)],
        )
        for title, events in told
    ]


def _lines(file: str) -> list[str]:
    return (SAMPLE / file).read_text(encoding="utf-8").splitlines()


def _in(event: dict[str, Any], number: int) -> bool:
    """Agencies are told of once."""
    return number == 0 or not event["type"].startswith("quorate.agency.")


def _own_ids(value: Any) -> Iterator[str]:
    """The ids of children, families, people, meetings: of everything that a copy has of its own."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _OWN and isinstance(inner, str):
                yield inner
            else:
                yield from _own_ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _own_ids(inner)


def _told(event: dict[str, Any], number: int, own: set[str], moved: timedelta) -> dict[str, Any]:
    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [told(inner) for inner in value]
        if isinstance(value, str):
            if value in own:
                return f"{value}.{number}"
            return _DAY.sub(lambda day: (date.fromisoformat(day[0]) + moved).isoformat(), value, count=1)
        return value

    again: dict[str, Any] = told(event)
    if not event["type"].startswith("quorate.agency."):
        again["id"] = f"{event['id']}.{number}"
    return again
