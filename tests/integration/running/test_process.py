"""A process of parts, in this one: what keeps it going, what wakes it, what it says of itself, and how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from services.bootstrap import House, open_house
from services.foundation import outbox
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from services.intake.accept import Arrival
from services.post.rules import SERVER_WAITS
from services.running import process as harness
from services.running.mail_out import Mailing
from services.running.process import STUCK_AFTER, Part, Process, Pulse
from services.running.timers import ticking
from tests import events
from tests.clock import MovableClock
from tests.mail_server import DROP, MailServer, mail_server

NEVER = 1e6  # seconds: far longer than a test may take
WITHIN = 60.0  # seconds that anything may take that a test waits for
ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"])
ON_POSTGRESQL = pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgres)])


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something, as long as is reasonable."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


@dataclass
class Odd:
    """A part that does as a test tells it: a run does the next of `runs`, and where none is left waits for the stop."""

    name: str = "odd"
    runs: list[Callable[[Process], Awaitable[None]]] = field(default_factory=list)
    opens: Callable[[], Awaitable[None]] | None = None
    told: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        if self.opens is not None:
            await self.opens()
        self.told.append("opened")
        yield
        self.told.append("closed")

    def stop(self) -> None:
        self.told.append("stop")

    async def run(self, process: Process) -> None:
        self.told.append("run")
        if self.runs:
            await self.runs.pop(0)(process)
        else:
            await process.stopping.wait()


def fails_with(failure: BaseException) -> Callable[[Process], Awaitable[None]]:
    async def run(_process: Process) -> None:
        raise failure

    return run


async def ends(_process: Process) -> None:
    """Comes to its end though nobody asked."""


async def hangs(*_asked: object) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def running(
    process: Process, *parts: Part, main: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """The process at work, stopped in order when the block ends."""
    task = asyncio.create_task(process.run(*parts, main=main))
    try:
        yield
    finally:
        process.stop()
        async with asyncio.timeout(WITHIN):
            await task


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    for name in ("FIRST_WAIT", "LONGEST_WAIT", "LONGEST_WAIT_OUTSIDE"):
        monkeypatch.setattr(harness, name, 0.001)


@ON_SQLITE
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "failure",
    [fails_with(ConnectionError()), fails_with(ZeroDivisionError()), fails_with(asyncio.CancelledError()), ends],
    ids=["another machine's fault", "its own fault", "something in it was cancelled", "it just ended"],
)
async def test_however_a_part_is_left_it_is_run_again(
    house: House, failure: Callable[[Process], Awaitable[None]]
) -> None:
    part = Odd(runs=[failure, failure])
    async with running(Process(house), part):
        await until(lambda: part.told == ["opened", "run", "run", "run"])
    assert part.told == ["opened", "run", "run", "run", "stop", "closed"]


@ON_SQLITE
async def test_the_wait_grows_while_a_part_fails_and_begins_anew_once_it_has_got_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(harness, "LONGEST_WAIT", 0.004)

    async def get_on_and_fail(process: Process) -> None:
        process.pulses["odd"].beat()
        raise ZeroDivisionError

    fail = fails_with(ZeroDivisionError())
    part = Odd(runs=[fail, fail, fail, fail, get_on_and_fail, fail])
    with capture_logs() as logged:
        async with running(Process(house), part):
            await until(lambda: part.told.count("run") == 7)
    waits = [each["wait_s"] for each in logged if each["event"] == "part_failed"]
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.001, 0.002]


@ON_SQLITE
async def test_a_stop_while_a_part_is_being_opened_ends_that(house: House) -> None:
    process, first, second = Process(house), Odd("first"), Odd("second", opens=hangs)
    async with running(process, first, second):
        await until(lambda: first.told == ["opened"])
    assert (first.told, second.told) == (["opened", "stop", "closed"], [])


@ON_SQLITE
async def test_what_a_part_cannot_have_ends_the_start_and_is_told(house: House) -> None:
    async def refuse() -> None:
        raise LookupError

    first, second = Odd("first"), Odd("second", opens=refuse)
    with pytest.raises(LookupError):
        await Process(house).run(first, second)
    assert (first.told, second.told) == (["opened", "closed"], [])


@ON_SQLITE
async def test_where_the_main_thing_fails_the_parts_are_stopped_and_the_failure_is_told(house: House) -> None:
    async def fail() -> None:
        await until(lambda: "run" in part.told)
        raise ZeroDivisionError

    part = Odd()
    with pytest.raises(ZeroDivisionError):
        await Process(house).run(part, main=fail)
    assert part.told == ["opened", "run", "stop", "closed"]


@ON_SQLITE
async def test_a_part_that_cannot_be_told_to_stop_keeps_no_other_from_stopping(house: House) -> None:
    class Deaf(Odd):
        def stop(self) -> None:
            raise ZeroDivisionError

    first, second = Deaf("first"), Odd("second")
    with capture_logs() as logged:
        async with running(Process(house), first, second):
            await until(lambda: "run" in second.told)
    assert second.told == ["opened", "run", "stop", "closed"]
    assert "stop_failed" in {each["event"] for each in logged}


@ON_SQLITE
async def test_without_parts_it_runs_until_it_is_told_to_stop(house: House) -> None:
    process = Process(house)
    async with running(process):
        assert await process.ready() is None
    assert await process.ready() == "stopping"


@ON_SQLITE
async def test_a_part_that_does_not_end_is_broken_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "FINISH_WITHIN", 0.01)
    part = Odd(runs=[hangs])
    with capture_logs() as logged:
        async with running(Process(house), part):
            await until(lambda: "run" in part.told)
    assert "broken_off" in {each["event"] for each in logged}
    assert part.told[-1] == "closed"


def test_a_part_is_stuck_once_it_has_neither_got_on_nor_said_that_it_waits() -> None:
    pulse, stuck = Pulse(), []

    def say_that_it_waits() -> None:
        pulse.waits = "the database"

    for act in (pulse.beat, say_that_it_waits, pulse.beat):
        act()
        stuck.append((pulse.stuck, pulse.waits))
        pulse.last -= STUCK_AFTER + 1
        stuck.append((pulse.stuck, pulse.waits))
    of_getting_on = [(False, None), (True, None)]
    assert stuck == [*of_getting_on, (False, "the database"), (True, "the database"), *of_getting_on]


@ON_SQLITE
async def test_patience_is_longer_than_any_step_that_the_settings_allow(
    make_settings: Callable[..., Awaitable[Settings]],
) -> None:
    settings = await make_settings(lock_timeout=600, statement_timeout=3600)
    async with open_house(settings) as house:
        process = Process(house)
        async with running(process, Odd()):
            await until(lambda: bool(process.pulses))
            assert process.pulses["odd"].patience > 600 + 600 + 3600


@ON_SQLITE
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("failure", "alive"), [(ZeroDivisionError(), False), (DatabaseTrouble("gone"), True), (TimeoutError(), True)]
)
async def test_a_part_that_only_ever_fails_is_alive_where_another_machine_is_at_fault_and_never_ready(
    house: House, failure: Exception, alive: bool
) -> None:
    async def fail_long_after(process: Process) -> None:
        process.pulses["odd"].last -= NEVER
        raise failure

    process, part = Process(house), Odd(runs=[fail_long_after])
    async with running(process, part):
        await until(lambda: part.told.count("run") == 2)
        why = await process.ready()
        assert why is not None
        assert type(failure).__name__ in why
        assert await process.ready(parts=False) is None
        assert (process.alive() == {}) is alive
        process.pulses["odd"].beat()
        assert process.alive() == {}
        assert await process.ready() is None


# What wakes a part ----------------------------------------------------------------------------------------------------


def invitation(number: int) -> list[Arrival]:
    """Events that make one invitation."""
    child, family, agency, area = f"c{number}", f"f{number}", f"camhs-{number}", f"area-{number}"
    at = datetime(2090, 4, 3, 9, tzinfo=UTC)
    raws = [
        events.agency(agency, authority=area),
        events.child(child, family_id=family, authority=area),
        events.involvement(person_id=child, agency_id=agency, partition_key=family),
        events.meeting(f"m{number}", children=[child], starts_at=at, partition_key=family, authority=area),
    ]
    return [Arrival(raw, {"http": "test"}) for raw in raws]


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as taking:
        yield taking


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], server: MailServer) -> Settings:
    return await make_settings(smtp=f"smtp://127.0.0.1:{server.port}?tls=none")


@ON_SQLITE
async def test_a_mailer_says_what_it_waits_for_until_the_mail_server_takes_something(
    house: House, server: MailServer, clock: MovableClock
) -> None:
    told: list[tuple[bool, str | None]] = []

    class Heard(Mailing):
        def beat(self, process: Process, *, at_it: bool = True) -> None:
            super().beat(process, at_it=at_it)
            told.append((at_it, process.pulses[self.name].waits))

    server.always["greeting"] = DROP
    await house.intake.accept(invitation(1))
    process, waits = Process(house), "the mail server takes nothing (no connection)"
    async with running(process, Heard(house, look_again=0.01)):
        await until(lambda: (False, waits) in told)
        assert await process.ready() == f"waits for mail: {waits}"
        told.clear()
        tried = server.connections
        clock.advance(SERVER_WAITS[0])
        await until(lambda: server.connections > tried)
        await until(lambda: len({at_it for at_it, _ in told}) == 2)
        assert {why for _, why in told} == {waits}  # also while it was tried again
        assert process.alive() == {}
        server.heal()
        clock.advance(SERVER_WAITS[1])
        await until(lambda: len(server.taken) == 1)
        await until(lambda: ready(process))


@ON_SQLITE
async def test_a_mailer_with_nothing_to_send_any_more_does_not_wait_for_ever(
    house: House, server: MailServer, clock: MovableClock
) -> None:
    server.always["greeting"] = DROP
    await house.intake.accept(invitation(1))
    process = Process(house)
    async with running(process, Mailing(house, look_again=0.01)):
        await until(lambda: not_ready(process))
        async with house.database.write() as db:
            await db.execute(text("UPDATE outbox SET state = 'taken_back'"))
        clock.advance(SERVER_WAITS[0])
        await until(lambda: ready(process))


async def ready(process: Process) -> bool:
    return await process.ready() is None


async def not_ready(process: Process) -> bool:
    return not await ready(process)


class Counted(Mailing):
    """A mailer that looks for work only when it is woken, and counts how often it has looked."""

    def __init__(self, house: House) -> None:
        super().__init__(house, look_again=NEVER)
        self.looks = 0
        look = self.next_due

        async def counted(db: AsyncConnection) -> datetime | None:
            found = await look(db)
            self.looks += 1
            return found

        self.next_due = counted


async def listens(house: House) -> bool:
    """Whether somebody listens on this database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with house.database.read() as db:
        return bool((await db.execute(text(query))).scalar_one())


async def idle(process: Process, mailing: Counted, house: House) -> None:
    """Wait until a mailer listens, has looked since, and has nothing left to wake it."""
    await until(lambda: listens(house))
    seen = mailing.looks
    process.wake(outbox.MAIL)
    await until(lambda: mailing.looks > seen and not process.woken[outbox.MAIL].is_set())


@ON_POSTGRESQL
async def test_mail_that_another_process_queues_is_sent_because_it_is_announced(
    house: House, settings: Settings, clock: MovableClock, server: MailServer
) -> None:
    process, mailing = Process(house), Counted(house)
    async with open_house(settings, clock) as other, running(process, mailing):
        for number in (1, 2, 3):
            await idle(process, mailing, other)
            await other.intake.accept(invitation(number))
            await until(lambda number=number: len(server.taken) == number)  # type: ignore[misc]  # bound here


@ON_POSTGRESQL
async def test_who_listens_hears_again_after_the_connection_was_lost(
    house: House, settings: Settings, clock: MovableClock, server: MailServer
) -> None:
    process, mailing = Process(house), Counted(house)
    async with open_house(settings, clock) as other, running(process, mailing):
        await idle(process, mailing, other)
        async with other.database.read() as db:
            await db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
            )
        await until(lambda: not_listening(other))
        await idle(process, mailing, other)
        await other.intake.accept(invitation(1))
        await until(lambda: len(server.taken) == 1)


async def not_listening(house: House) -> bool:
    return not await listens(house)


@ON_POSTGRESQL
async def test_what_was_announced_while_nobody_listened_is_found_when_somebody_does_again(
    house: House, settings: Settings, clock: MovableClock, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf, announced = asyncio.Event(), house.database.listen

    async def later(told: dict[str, Callable[[], None]]) -> None:
        await deaf.wait()
        await announced(told)

    monkeypatch.setattr(house.database, "listen", later)
    process, mailing = Process(house), Counted(house)
    async with open_house(settings, clock) as other, running(process, mailing):
        await until(lambda: mailing.looks == 1)
        await other.intake.accept(invitation(1))
        assert server.taken == []
        deaf.set()
        await until(lambda: len(server.taken) == 1)


@ON_SQLITE
async def test_a_timer_that_queues_mail_wakes_the_mailer_beside_it(house: House, server: MailServer) -> None:
    process, mailing = Process(house), Counted(house)
    await house.intake.accept(invitation(1))
    async with running(process, mailing, ticking(NEVER)):
        await until(lambda: len(server.taken) == 1)
        seen = mailing.looks
        await until(lambda: not process.woken[outbox.MAIL].is_set())
        async with house.database.write() as db:
            await db.execute(text("UPDATE timers SET due_at = '2000-01-01T00:00:00.000000+00:00'"))
        process.wake("timers")
        await until(lambda: mailing.looks > seen)
    assert process.metrics.registry.get_sample_value("quorate_timers_total")
