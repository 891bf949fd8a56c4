"""A partnership in which everything moves: services open and close, practices change, addresses too, and meetings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, count, islice

from tests import events

PRACTICES = 12
EVERYWHERE = ("childrens-social-care-1", "police-1", "health-visiting-1", "school-nursing-1")
KINDS = ("camhs", "gp", "school", "paediatrics", "youth-justice", "substance-misuse")
# Of those that do not ask who was asked to an earlier one: that hangs on when each was asked, not only on what is so.
MEETINGS = ("strategy_discussion", "initial_conference", "core_group", "professionals", "discharge_planning")
FIRST = datetime(2031, 3, 3, 10, tzinfo=UTC)
BORN = date(2022, 5, 5)


def partnership(number: int) -> list[bytes]:
    """So many events, in the order in which what they say became true."""
    chance = random.Random(5)
    return list(islice(chain(_agencies(), *(_Family(each, chance).happens() for each in range(number // 12))), number))


def _agencies() -> Iterator[bytes]:
    for agency_id in EVERYWHERE:
        yield events.agency(agency_id, id=f"a-{agency_id}")
    for kind in KINDS:
        for practice in range(PRACTICES):
            yield _agency(kind, practice, 0)


def _agency(kind: str, practice: int, version: int) -> bytes:
    """An agency as it stands after so many changes; some have a team for those who wait."""
    agency_id = f"{kind}-{practice}"
    teams = [events.team(f"{agency_id}-duty", "waiting")] if kind == "camhs" and practice % 2 else []
    channels = [events.secure(f"inbox{version}@{agency_id}.example")]
    if version and practice % 5 == 0:
        channels.append(events.insecure(f"old@{agency_id}.example"))
    return events.agency(agency_id, id=f"a-{agency_id}-{version}", channels=channels, teams=teams)


class _Family:
    """A family, the services around it, and for every fifth a meeting."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.number, self.chance = number, chance
        self.key, self.meeting, self.numbers = f"f{number}", f"m{number}", count()
        self.children = [f"c{number}"] + ([f"c{number}-b"] if number % 2 == 0 else [])
        self.here = {kind: chance.randrange(PRACTICES) for kind in KINDS}
        self.at = FIRST + timedelta(hours=number)

    def happens(self) -> Iterator[bytes]:
        """All that is said of it, in order."""
        meets = self.number % 5 == 0
        yield from self._people()
        for kind in KINDS[:4]:
            yield self._involvement(kind, "waiting" if kind == "camhs" else "open")
        if meets:
            yield self._scheduled()
        yield from self._changes()
        if meets:
            yield from self._moves()
        if self.number % 7 == 0:
            yield _agency(KINDS[self.number % len(KINDS)], self.chance.randrange(PRACTICES), self.number // 7 + 1)

    def _people(self) -> Iterator[bytes]:
        for child in self.children:
            yield events.child(child, id=self._id(), family_id=self.key, date_of_birth=BORN)
        ties = [events.tie(child) for child in self.children]
        yield events.relative(f"p{self.number}", id=self._id(), family_id=self.key, relationship=ties)

    def _changes(self) -> Iterator[bytes]:
        if self.chance.random() < 0.7:
            yield self._involvement("camhs", "open")
        if self.chance.random() < 0.5:
            yield self._involvement("gp", "closed")
            self.here["gp"] = (self.here["gp"] + 1) % PRACTICES
            yield self._involvement("gp", "open")
        circumstances = self.chance.sample(["looked_after", "eating_disorder", "homeless"], self.chance.randrange(3))
        yield events.child(
            self.children[0], id=self._id(), family_id=self.key, date_of_birth=BORN, circumstances=circumstances
        )
        for kind in KINDS[4:]:
            yield self._involvement(kind, "referred")
            if self.chance.random() < 0.5:
                yield self._involvement(kind, "closed")

    def _moves(self) -> Iterator[bytes]:
        for days in range(1, 1 + self.chance.randrange(3)):
            yield self._moved(days, f"Room {days}, Council House" if self.chance.random() < 0.5 else None)
        match self.chance.randrange(6):
            case 0:
                yield events.cancelled(self.meeting, id=self._id(), partition_key=self.key)
            case 1:
                yield events.cancelled(self.meeting, id=self._id(), partition_key=self.key)
                yield self._moved(9)
            case 2:
                school = f"school-{self.here['school']}"
                yield self._scheduled({"agency_id": school, "reason": "chairs_restriction", "note": "Decided."})

    def _id(self) -> str:
        return f"{self.key}-{next(self.numbers)}"

    def _involvement(self, kind: str, status: str) -> bytes:
        practice = self.here[kind]
        return events.involvement(
            f"i-{self.number}-{kind}-{practice}",
            id=self._id(),
            person_id=self.children[0],
            agency_id=f"{kind}-{practice}",
            status=status,
            until=date(2026, 2, 1) if status == "closed" else None,
            partition_key=self.key,
        )

    def _scheduled(self, *excluded: dict[str, str]) -> bytes:
        return events.meeting(
            self.meeting,
            MEETINGS[self.number // 5 % len(MEETINGS)],
            id=self._id(),
            children=self.children,
            starts_at=self.at,
            do_not_invite=excluded,
            partition_key=self.key,
        )

    def _moved(self, days: int, place: str | None = None) -> bytes:
        starts_at = self.at + timedelta(days=days)
        return events.rescheduled(self.meeting, id=self._id(), starts_at=starts_at, place=place, partition_key=self.key)
