"""Stories of events whose messages are the same whatever comes between them, as long as each partition keeps its order.

Families come first; then their meetings, each on one topic, so that what is said of a meeting arrives in the order in
which it was said. Newcomers join only families whose meeting stays as it is: they are asked once,
whether they come before the meeting or after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, zip_longest

from tests import events

KINDS = ("strategy_discussion", "initial_conference", "core_group", "professionals")  # one of each topic of meetings
PRACTICES = 5
FIRST = datetime(2031, 3, 3, 10, tzinfo=UTC)
BORN = date(2022, 5, 5)
INVOLVED = ("camhs", "gp", "school")


def agencies() -> Iterator[bytes]:
    """One agency of each kind that is always expected, several of those that are involved."""
    for agency_id in ("childrens-social-care-1", "police-1", "health-visiting-1", "school-nursing-1"):
        yield agency(agency_id)
    for kind in (*INVOLVED, "youth-justice"):
        for number in range(PRACTICES):
            yield agency(f"{kind}-{number}")


def agency(agency_id: str) -> bytes:
    """An agency with one address, at a domain of its own."""
    return events.agency(agency_id, id=f"a-{agency_id}", channels=[events.secure(f"inbox@{agency_id}.example")])


def family(number: int) -> Iterator[bytes]:
    """A child and the services involved, one of which has a waiting list."""
    child, key = f"c{number}", f"f{number}"
    yield events.child(child, id=child, family_id=key, date_of_birth=BORN)
    for kind in INVOLVED:
        yield involvement(number, kind)


def involvement(number: int, kind: str) -> bytes:
    return events.involvement(
        id=f"i-{number}-{kind}",
        person_id=f"c{number}",
        agency_id=f"{kind}-{number % PRACTICES}",
        status="waiting" if kind == "camhs" else "open",
        partition_key=f"f{number}",
    )


def of_meeting(number: int) -> list[bytes]:
    """What is said of one family's meeting, in order: for most, that it moves, or has another room, or is taken back,
    or comes back; for every fourth, that one more service is involved.
    """
    meeting, key = f"m{number}", f"f{number}"
    at = FIRST + timedelta(hours=number)

    def moved(step: int, place: str | None = None) -> bytes:
        later = at + timedelta(days=step)
        return events.rescheduled(meeting, id=f"{meeting}-{step}", starts_at=later, place=place, partition_key=key)

    said = [
        events.meeting(
            meeting, KINDS[number // 4 % 4], id=meeting, children=[f"c{number}"], starts_at=at, partition_key=key
        )
    ]
    match number % 4:
        case 0:
            said.append(involvement(number, "youth-justice"))
        case 1:
            said += [moved(1), moved(2, place="Room 2, Council House")]
        case 2:
            said += [moved(1), events.cancelled(meeting, id=f"{meeting}-x", partition_key=key)]
        case _:
            said += [events.cancelled(meeting, id=f"{meeting}-x", partition_key=key), moved(1), moved(2)]
    return said


def directory(families: Iterable[int]) -> list[bytes]:
    """These families, without their meetings."""
    return list(chain.from_iterable(family(number) for number in families))


def meetings(families: Iterable[int]) -> list[bytes]:
    """What is said of the meetings: of each family in order, the families' between each other."""
    rounds = zip_longest(*(of_meeting(number) for number in families))
    return [raw for some in rounds for raw in some if raw is not None]
