"""What one process announces with its commit the others are told of; and what nobody could be told of is not missed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from services.bootstrap import House
from services.foundation import database as foundation
from services.foundation import outbox, timers
from services.foundation.database import Database, announce
from services.foundation.settings import Settings
from services.foundation.timers import Timer
from services.foundation.trouble import DatabaseTrouble
from services.foundation.work import Work
from services.intake.accept import Arrival
from tests import events

pytestmark = pytest.mark.postgres

MAIL, TIMERS = outbox.MAIL, timers.ARMED


@pytest.fixture
def store() -> str:
    return "postgresql"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foundation, "LISTEN_AGAIN", 0.05)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url, connections=2)
    yield opened
    await opened.close()


class Listener:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def hears(self, name: str) -> Callable[[], None]:
        def tell() -> None:
            self.told[name] += 1
            self._changed.set()

        return tell

    async def until(self, holds: Callable[[Counter[str]], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds(self.told):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def listening(database: Database, *names: str) -> AsyncIterator[Listener]:
    """Somebody who listens, from when everything has been told once."""
    listener = Listener()
    task = asyncio.create_task(database.listen({name: listener.hears(name) for name in names}))
    try:
        await listener.until(lambda told: all(told[name] == 1 for name in names))
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(database: Database, *names: str) -> None:
    async with database.write() as db:
        for name in names:
            await announce(db, name)


async def test_what_another_connection_announces_is_heard_with_its_commit_and_not_before(
    database: Database, settings: Settings
) -> None:
    other = Database(settings.database_url)
    async with listening(database, MAIL, TIMERS) as listener:
        async with other.write() as db:
            await announce(db, MAIL)
            async with database.write(alone=False) as beside:  # whatever was said before has arrived before this
                await announce(beside, TIMERS)
            await listener.until(lambda told: told[TIMERS] == 2)
            assert listener.told[MAIL] == 1
        await listener.until(lambda told: told[MAIL] == 2)
    await other.close()


async def test_nothing_is_heard_of_what_was_undone(database: Database) -> None:
    async with listening(database, MAIL, TIMERS) as listener:
        with pytest.raises(LookupError):
            await _announce_and_fail(database)
        await say(database, TIMERS)  # whatever was said before this has arrived before it
        await listener.until(lambda told: told[TIMERS] == 2)
        assert listener.told[MAIL] == 1


async def _announce_and_fail(database: Database) -> None:
    async with database.write() as db:
        await announce(db, MAIL)
        raise LookupError


async def test_a_burst_in_one_transaction_is_told_once(database: Database) -> None:
    async with listening(database, MAIL, TIMERS) as listener:
        await say(database, *[MAIL] * 500, TIMERS)
        await listener.until(lambda told: told[TIMERS] == 2)
        assert listener.told[MAIL] == 2


async def test_what_is_written_is_announced_by_itself_one_word_for_a_batch(house: House) -> None:
    starts_at = events.MEETING_AT
    async with listening(house.database, MAIL, TIMERS, "never") as listener:
        raw = [events.agency("camhs-1"), events.child()]
        raw.append(events.involvement("i1", person_id="c1", agency_id="camhs-1", service="camhs", status="waiting"))
        raw += [events.meeting(f"m{n}", "strategy_discussion", starts_at=starts_at) for n in range(20)]
        await house.intake.accept([Arrival(each, {"file": "test", "line": 1}) for each in raw])
        await listener.until(lambda told: told[MAIL] == 2 and told[TIMERS] >= 2)
        assert listener.told["never"] == 1
        await house.intake.accept([Arrival(events.child("c9", family_id="f9"), {"file": "test", "line": 1})])
        await say(house.database, "never")
        await listener.until(lambda told: told["never"] == 2)
        assert listener.told[MAIL] == 2


async def test_a_timer_that_is_set_outside_of_intake_is_announced_too(house: House) -> None:
    async with listening(house.database, TIMERS) as listener:
        async with house.database.write() as db:
            work: Work = house.intake.work(db)
            work.alarms.append(Timer("meetings.starts", "m1", house.clock.now(), {}))
            await work.flush()
        await listener.until(lambda told: told[TIMERS] == 2)


async def test_a_listener_whose_connection_was_cut_listens_again_and_is_told_of_everything_once(
    database: Database,
) -> None:
    async with listening(database, MAIL, TIMERS) as listener:
        for turn in range(2, 5):
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = "
            async with database.write() as db:
                assert (await db.execute(text(cut + "current_database()"))).scalars().all() == [True]
            await listener.until(lambda told, turn=turn: told[MAIL] == told[TIMERS] == turn)  # type: ignore[misc]
        await say(database, MAIL)
        await listener.until(lambda told: told[MAIL] == 5)
        assert listener.told[TIMERS] == 4


async def test_a_listener_takes_no_connection_from_the_others_and_gives_back_its_own(
    database: Database, settings: Settings
) -> None:
    watch = Database(settings.database_url)
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    async with watch.read() as db:
        before = (await db.execute(count)).scalar_one()
    async with listening(database, MAIL) as listener:
        async with database.write() as one, database.read() as two:  # both that it may open
            await one.execute(text("SELECT 1"))
            await two.execute(text("SELECT 1"))
        await say(database, MAIL)
        await listener.until(lambda told: told[MAIL] == 2)
    await database.close()
    async with asyncio.timeout(20):
        while True:
            async with watch.read() as db:
                if (await db.execute(count)).scalar_one() == before:
                    break
            await asyncio.sleep(0.01)
    await watch.close()


async def test_a_listener_that_finds_no_server_keeps_asking(settings: Settings) -> None:
    nowhere = Database("postgresql+asyncpg://quorate@127.0.0.1:1/quorate")
    asked = Counter[str]()
    original = nowhere._connection

    def counting(engine: object) -> object:
        asked["times"] += 1
        return original(engine)  # type: ignore[arg-type]

    nowhere._connection = counting  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(nowhere.listen({MAIL: lambda: None}))
    async with asyncio.timeout(20):
        while asked["times"] < 3:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(DatabaseTrouble) as caught:
        async with nowhere.read():
            pass
    assert caught.value.passes
    await nowhere.close()
