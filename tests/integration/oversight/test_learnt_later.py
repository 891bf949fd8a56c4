"""Who was involved when a meeting began, and became known only afterwards, is not left out silently."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.meetings import begun
from services.meetings import store as meetings
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Door

CAMHS = "camhs-1"
DAYS = timedelta(days=1)


async def take(door: Door, *raw: bytes) -> None:
    verdicts = await door.take(*raw)
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def missed(house: House, who: str = CAMHS, **which: Any) -> list[str]:
    """What is said of an agency that was not invited."""
    async with house.database.read() as db:
        found = await list_exceptions(db, **which)
    return [each["text"] for each in found if (each["kind"], each.get("agency_id")) == ("not_invited", who)]


async def held_a_while_ago(door: Door, clock: MovableClock, ago: timedelta = 2 * DAYS, **more: Any) -> None:
    """A meeting that becomes known after it began, when nobody is known yet to be involved with the child."""
    meeting = events.meeting(starts_at=clock.now() - ago, **more)
    await take(door, events.agency(CAMHS), events.child(), meeting)
    await door.house.drain()


async def test_whoever_turns_out_to_have_been_involved_was_not_invited_and_nothing_is_sent(
    house: House, door: Door, clock: MovableClock
) -> None:
    await held_a_while_ago(door, clock)
    assert await missed(house) == []
    async with house.database.read() as db:
        before = await meetings.entries_of(db, ["m1"])
    await take(door, events.involvement(status="waiting"))
    [text] = await missed(house)
    assert text.startswith("Example camhs 1 (CAMHS) was not asked. That they belonged there was learnt only after")
    assert (await house.drain()).sent == 0
    async with house.database.read() as db:
        assert await meetings.entries_of(db, ["m1"]) == before


async def test_a_meeting_that_was_known_in_time_is_looked_at_too(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, events.agency(CAMHS), events.child(), events.meeting())
    await house.drain()
    clock.set(events.MEETING_AT + DAYS)
    await take(embedded, events.involvement())
    assert len(await missed(house)) == 1


async def test_it_is_told_once_and_stays_whatever_is_learnt_next(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await held_a_while_ago(embedded, clock)
    await take(embedded, events.involvement())
    first = await missed(house)
    clock.advance(DAYS)
    await take(embedded, events.child(initials="CD"), events.involvement(status="closed", until=date(2025, 9, 2)))
    assert await missed(house) == first


@pytest.mark.parametrize(
    "involvement",
    [
        lambda: events.involvement(since=date(2026, 3, 1)),
        lambda: events.involvement(status="closed", until=date(2026, 2, 1)),
        lambda: events.involvement(status="closed"),
    ],
)
async def test_whoever_was_not_involved_on_the_day_is_not_missed(
    house: House, embedded: Door, clock: MovableClock, involvement: Callable[[], bytes]
) -> None:
    await held_a_while_ago(embedded, clock)
    await take(embedded, involvement())
    assert await missed(house) == []


async def test_whoever_was_involved_then_and_is_not_any_more_was_missed(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await held_a_while_ago(embedded, clock)
    await take(embedded, events.involvement(status="closed", until=date(2026, 3, 1)))
    assert len(await missed(house)) == 1


async def test_of_several_records_the_one_that_was_true_when_the_meeting_began_counts(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await held_a_while_ago(embedded, clock)
    then, since = clock.now() - 9 * DAYS, date(2026, 3, 1)
    waited = events.involvement("i1", status="waiting", time=then)
    await take(embedded, events.involvement("i1", status="open", since=since), waited)
    [text] = await missed(house)
    assert "waiting" in text


async def test_whoever_was_asked_is_not_missed(house: House, embedded: Door, clock: MovableClock) -> None:
    await take(embedded, events.agency(CAMHS), events.child(), events.involvement(), events.meeting())
    await house.drain()
    clock.set(events.MEETING_AT + DAYS)
    await house.drain()
    await take(embedded, events.involvement(status="waiting"))
    assert await missed(house) == []


async def test_whom_a_person_left_out_is_not_missed(house: House, embedded: Door, clock: MovableClock) -> None:
    decided = {"agency_id": CAMHS, "reason": "childs_wish", "note": "Said so."}
    await held_a_while_ago(embedded, clock, do_not_invite=[decided])
    await take(embedded, events.involvement())
    assert await missed(house) == []


async def test_a_meeting_that_was_called_off_missed_nobody(house: House, embedded: Door, clock: MovableClock) -> None:
    await held_a_while_ago(embedded, clock)
    await take(embedded, events.cancelled())
    await take(embedded, events.involvement())
    assert await missed(house, every=True) == []


async def test_a_meeting_that_was_held_is_looked_at_and_one_of_long_ago_is_not(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await held_a_while_ago(embedded, clock)
    await take(embedded, events.held(held_at=clock.now() - 2 * DAYS))
    await take(embedded, events.meeting("m2", "core_group", starts_at=clock.now() - 29 * DAYS))
    await take(embedded, events.involvement())
    async with house.database.read() as db:
        found = {e["meeting_id"] for e in await list_exceptions(db) if e.get("agency_id") == CAMHS}
    assert found == {"m1"}


async def test_more_meetings_than_one_transaction_takes_are_looked_at_by_timers(
    house: House, embedded: Door, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begun, "AT_ONCE", 0)
    await held_a_while_ago(embedded, clock)
    await take(embedded, events.involvement())
    assert await missed(house) == []
    await house.tick()
    assert len(await missed(house)) == 1


async def children_left_out(house: House) -> list[str]:
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return [each["child_id"] for each in found if each["kind"] == "sibling_without_entry"]


@pytest.mark.parametrize("order", ["held, then corrected", "corrected, then held"])
async def test_a_child_that_a_correction_adds_to_a_held_meeting_leaves_nobody_out_silently(
    house: House, embedded: Door, clock: MovableClock, order: str
) -> None:
    await take(embedded, events.agency(CAMHS), events.child(), events.involvement(), events.meeting())
    await take(embedded, events.child("c2"), events.agency("gp-1"))
    await take(embedded, events.involvement(person_id="c2", agency_id="gp-1"))
    await house.drain()
    clock.set(events.MEETING_AT + DAYS)
    await house.drain()
    assert await children_left_out(house) == ["c2"]
    async with house.database.read() as db:
        before = await meetings.entries_of(db, ["m1"])
    held = events.held(time=events.MEETING_AT + DAYS / 12)
    corrected = events.meeting(children=["c1", "c2"], time=events.MEETING_AT + DAYS / 2)
    for each in (held, corrected) if order.startswith("held") else (corrected, held):
        await take(embedded, each)
    await house.drain()
    assert len(await missed(house, "gp-1")) == 1
    assert await missed(house, CAMHS) == []
    assert await children_left_out(house) == []
    if order.startswith("held"):
        async with house.database.read() as db:
            assert await meetings.entries_of(db, ["m1"]) == before


async def test_a_child_that_a_correction_takes_out_of_a_held_meeting_is_told_of(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, events.child(), events.child("c2"), events.meeting(children=["c1", "c2"]))
    clock.set(events.MEETING_AT + DAYS)
    await take(embedded, events.held(time=clock.now()))
    assert await children_left_out(house) == []
    await take(embedded, events.meeting(time=clock.now()))
    assert await children_left_out(house) == ["c2"]
    await take(embedded, events.rescheduled(starts_at=events.MEETING_AT + DAYS / 24, time=clock.now() + DAYS / 24))
    assert await children_left_out(house) == ["c2"]
