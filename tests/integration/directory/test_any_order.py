"""Late, repeated and shuffled events end in the same state as orderly ones."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from services.bootstrap import House, open_house
from services.directory import store as directory
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.meetings import store as meetings
from tests import events
from tests.clock import MovableClock

MORNING = datetime.fromisoformat("2026-02-02T09:00:00+00:00")


def at(hours: int, id: str) -> dict[str, Any]:
    return {"time": MORNING + timedelta(hours=hours), "id": id}


# In the order in which they became true; those with the same time follow each other by id.
STORY = [
    events.agency("camhs-1", teams=[events.team("duty", "waiting")], **at(0, "camhs-opens")),
    events.agency("gp-1", **at(0, "gp-opens")),
    events.agency("police-1", **at(0, "police")),
    events.agency("childrens_social_care-1", **at(0, "social-care")),
    events.agency("acute_hospital-1", **at(0, "hospital")),
    events.agency("gp-2", channels=[], **at(1, "second-gp-without-address")),
    events.child("c1", **at(2, "c1-recorded")),
    events.child("c2", initials="CD", **at(2, "c2-recorded")),
    events.relative("p1", relationship=[events.tie("c1")], **at(3, "p1-of-one")),
    events.involvement("i1", status="referred", **at(4, "i1-a-referred")),
    events.involvement("i1", status="waiting", **at(4, "i1-b-waiting")),
    events.involvement("i2", agency_id="gp-1", **at(4, "i2-open")),
    events.meeting("m1", children=["c1"], **at(5, "m1-for-one")),
    events.meeting("m2", "strategy_discussion", children=["c1"], **at(5, "m2")),
    events.child("c1", circumstances=["eating_disorder"], **at(6, "c1-changed")),
    events.relative("p1", relationship=[events.tie("c1"), events.tie("c2")], **at(7, "p1-of-both")),
    events.event(
        "quorate.circumstance.changed.v1",
        "c1",
        {"child_id": "c1", "what": "hospital_admission", "at": MORNING + timedelta(hours=8)},
        **at(8, "admitted"),
    ),
    events.event(
        "quorate.circumstance.changed.v1",
        "c1",
        {"child_id": "c1", "what": "hospital_discharge", "at": MORNING + timedelta(hours=9)},
        **at(9, "discharged"),
    ),
    events.involvement("i2", agency_id="gp-1", status="closed", until=date(2026, 2, 2), **at(10, "i2-closed")),
    events.involvement("i3", agency_id="gp-2", **at(10, "i3-open")),
    events.rescheduled("m1", **at(11, "m1-a-moves")),
    events.rescheduled("m1", starts_at=events.MEETING_AT + timedelta(days=7), place="Room 2", **at(11, "m1-b-moves")),
    events.meeting(
        "m1",
        children=["c1", "c2"],
        starts_at=events.MEETING_AT + timedelta(days=9),
        do_not_invite=[{"person_id": "p1", "reason": "childs_wish", "note": "Said so."}],
        **at(12, "m1-for-both"),
    ),
    events.agency("gp-2", channels=[events.secure("gp-2@surgery.nhs.example")], **at(13, "second-gp-with-address")),
    events.cancelled("m2", **at(14, "m2-cancelled")),
    events.agency("camhs-1", name="Example CAMHS, renamed", **at(15, "camhs-renamed")),
]

NAMED = {json.loads(raw)["id"]: raw for raw in STORY}

HISTORIES = (
    directory.agencies,
    directory.children,
    directory.relatives,
    directory.involvements,
    directory.hospital_stays,
    meetings.meeting_facts,
)
OF_THE_ARRIVAL = {"version", "known_from", "known_until"}


async def take_in(house: House, clock: MovableClock, batches: Sequence[Sequence[str]]) -> None:
    for batch in batches:
        verdicts = await house.intake.accept([Arrival(NAMED[id], {"file": "story", "line": 1}) for id in batch])
        assert {verdict.state for verdict in verdicts} <= {"accepted", "known", "waiting"}
        clock.advance(timedelta(minutes=1))


async def standing(house: House) -> dict[str, Any]:
    """All that counts now, without what tells of the arrival.

    Whoever was asked stays on the list when the reason goes, until a person says otherwise; who was asked hangs on what
    arrived before it was put right. So entries that stand for that alone are left out.
    """

    def plain(row: Any) -> tuple[tuple[str, str], ...]:
        return tuple((name, repr(value)) for name, value in row.items() if name not in OF_THE_ARRIVAL)

    async with house.database.read() as db:

        async def rows(table: Table, *conditions: Any) -> list[Any]:
            return sorted(plain(row) for row in (await db.execute(select(table).where(*conditions))).mappings())

        found: dict[str, Any] = {each.name: await rows(each, each.c.known_until.is_(None)) for each in HISTORIES}
        found |= {each.name: await rows(each) for each in (meetings.meetings, meetings.meeting_children)}
        asked = await meetings.entries_of(db, ["m1"])
        found["entries"] = {
            party: entry
            for party, entry in asked["m1"].items()
            if not any(reason.rule == "asked_before" for reason in entry.reasons)
        }
    return found


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[str]]:
    """The story shuffled, some of it more than once, cut into batches."""
    shuffled = draw(st.permutations(list(NAMED))) + draw(st.lists(st.sampled_from(list(NAMED)), max_size=6))
    if draw(st.booleans()):
        shuffled = draw(st.permutations(shuffled))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=8)))
    return [list(shuffled[start:end]) for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


_homes: Iterator[int] = count(1)
_in_order: dict[str, dict[str, Any]] = {}


@given(batches=arrivals())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_any_order_any_repeats_and_any_batches_end_in_the_same_state(
    batches: list[list[str]], store: str, make_settings: Callable[..., Awaitable[Settings]]
) -> None:
    async def end_of(some: Sequence[Sequence[str]]) -> dict[str, Any]:
        clock = MovableClock()
        async with open_house(await make_settings(home=f"home-{next(_homes)}"), clock) as house:
            await take_in(house, clock, some)
            return await standing(house)

    if store not in _in_order:
        _in_order[store] = await end_of([[id] for id in NAMED])
    assert await end_of(batches) == _in_order[store]
