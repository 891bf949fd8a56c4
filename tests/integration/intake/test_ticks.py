"""A timer that trips the software up holds up no other: it is put off and told of, and the others are done."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO

import pytest
import structlog
from sqlalchemy import event

from services.bootstrap import TIMERS, House
from services.foundation import logs, timers
from services.foundation.timers import Timer
from services.foundation.trouble import DatabaseTrouble
from services.foundation.work import Work
from services.intake.ticks import FAILURES, FIRST_WAIT, LONGEST_WAIT, Ticker
from services.meetings import handlers as meetings
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.mailbox import messages


@pytest.fixture(autouse=True)
def log() -> Iterator[StringIO]:
    """What is logged, as in production: drawing an error, as is done otherwise, takes seconds."""
    written = StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    logs.configure("info", written)
    yield written
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()


AFTER_ALL = events.MEETING_AT + timedelta(hours=3)


@dataclass
class Tripping:
    """What a timer stands for, but that it trips over some of its keys, with what was begun for the others."""

    name: str
    over: set[str]
    slip: Exception = field(default_factory=lambda: KeyError("Anna Example"))
    asked: list[list[str]] = field(default_factory=list)

    async def __call__(self, work: Work, keys: Sequence[str]) -> None:
        self.asked.append(sorted(keys))
        await TIMERS[self.name](work, keys)
        if self.over & set(keys):
            raise self.slip


def trip(house: House, *over: str, name: str = meetings.STARTS, slip: Exception | None = None) -> Tripping:
    """Have the house trip over the timers with these keys."""
    tripping = Tripping(name, set(over), slip or KeyError("Anna Example"))
    house.ticker = Ticker(house.intake, {**TIMERS, name: tripping})
    return tripping


async def families(door: Embedded, count: int) -> list[str]:
    """So many families with a meeting for which somebody's letter waits."""
    names = [f"m{number}" for number in range(count)]
    some = [events.agency("camhs-1")]
    for number, name in enumerate(names):
        of = f"f{number}"
        some += [
            events.child(f"c{number}", family_id=of, partition_key=of),
            events.involvement(person_id=f"c{number}", agency_id="camhs-1", partition_key=of),
            events.meeting(name, children=[f"c{number}"], partition_key=of),
        ]
    await door.take(*some)
    return names


async def not_invited(house: House) -> set[str]:
    """The meetings of which it is told that somebody was not asked to them."""
    async with house.database.read() as db:
        listed = await list_exceptions(db)
    return {each["meeting_id"] for each in listed if each["kind"] == "not_invited" and each.get("agency_id")}


async def waiting(house: House, name: str = meetings.STARTS) -> dict[str, Timer]:
    """The timers of this name that wait, by key."""
    async with house.database.read() as db:
        rows = await db.execute(timers.timers.select().where(timers.timers.c.name == name))
        return {row.key: Timer(row.name, row.key, row.due_at, row.params) for row in rows}


async def test_a_timer_that_trips_the_software_up_holds_up_no_other(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    some = await families(embedded, 4)
    clock.set(AFTER_ALL)
    tripping = trip(house, "m2")
    await house.tick()
    assert tripping.asked[0] == some
    assert sorted(tripping.asked[1:]) == [[each] for each in some]
    assert await not_invited(house) == {"m0", "m1", "m3"}
    assert await waiting(house) == {
        "m2": Timer(meetings.STARTS, "m2", AFTER_ALL + FIRST_WAIT, {FAILURES: 1}),
    }
    assert house.ticker.put_off == 1


async def test_what_was_put_off_is_done_once_the_fault_is_mended(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await families(embedded, 2)
    clock.set(AFTER_ALL)
    trip(house, "m0")
    await house.tick()
    del house.ticker
    await house.tick()
    assert await not_invited(house) == {"m1"}
    clock.advance(FIRST_WAIT)
    assert await house.tick() == 1
    assert await not_invited(house) == {"m0", "m1"}
    assert await waiting(house) == {}


async def test_a_timer_that_trips_each_time_waits_longer_each_time_and_no_longer_than_an_hour(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await families(embedded, 1)
    clock.set(AFTER_ALL)
    trip(house, "m0")
    waits = []
    for _ in range(9):
        await house.tick()
        due_at = (await waiting(house))["m0"].due_at
        waits.append(due_at - clock.now())
        clock.set(due_at)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits == sorted(waits)
    assert waits[-2:] == [LONGEST_WAIT, LONGEST_WAIT]


async def test_letters_leave_though_a_timer_trips(house: House, embedded: Embedded, clock: MovableClock) -> None:
    await families(embedded, 1)
    starts_at = AFTER_ALL + timedelta(days=9)
    await embedded.take(events.meeting("m-later", children=["c0"], starts_at=starts_at, partition_key="f0"))
    clock.set(AFTER_ALL)
    trip(house, "m0")
    await house.drain()
    assert [each["To"] for each in messages(house.settings.home) if "camhs-1" in str(each["To"])]


async def test_a_batch_in_which_nothing_trips_is_one_transaction(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    some = await families(embedded, 3)
    clock.set(AFTER_ALL)
    begun: list[object] = []
    event.listen(house.database.engine.sync_engine, "begin", begun.append)
    tripping = trip(house)
    steps: list[int] = []
    await house.tick(lambda: steps.append(len(begun)))
    assert tripping.asked == [some]
    assert steps == [1]
    assert await not_invited(house) == set(some)


async def test_it_is_logged_which_kind_of_timer_tripped_and_nothing_of_whom_it_was_about(
    house: House, embedded: Embedded, clock: MovableClock, log: StringIO
) -> None:
    await families(embedded, 2)
    clock.set(AFTER_ALL)
    trip(house, "m1")
    await house.tick()
    [line] = [each for each in log.getvalue().splitlines() if "timer_tripped_over" in each]
    assert '"level": "error"' in line
    assert f'"type": "{meetings.STARTS}"' in line
    assert '"failures": 1' in line
    assert "KeyError" in line
    assert "Anna" not in line
    assert "m1" not in line


@pytest.mark.parametrize("slip", [DatabaseTrouble("the server is away", passes=True), OSError("no room left")])
async def test_what_is_no_fault_of_the_software_puts_nothing_off(
    house: House, embedded: Embedded, clock: MovableClock, slip: Exception
) -> None:
    some = await families(embedded, 2)
    clock.set(AFTER_ALL)
    trip(house, "m0", slip=slip)
    with pytest.raises(type(slip)):
        await house.tick()
    assert {each: timer.params for each, timer in (await waiting(house)).items()} == {each: {} for each in some}
    assert await not_invited(house) == set()


async def test_what_is_set_anew_while_it_trips_is_not_put_off(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await families(embedded, 1)
    clock.set(AFTER_ALL)
    [old] = (await waiting(house)).values()
    async with house.database.write() as db:
        await timers.arm(db, [Timer(old.name, old.key, AFTER_ALL + timedelta(days=1), {})])
        await timers.put_off(db, old, AFTER_ALL + FIRST_WAIT, {FAILURES: 1})
    assert (await waiting(house))["m0"].due_at == AFTER_ALL + timedelta(days=1)
