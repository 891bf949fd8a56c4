"""The database is gone in the middle of a step, again and again, under load: nothing is lost and nothing is doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from services.bootstrap import House, open_house
from services.foundation import outbox
from services.foundation.database import Database
from services.foundation.servers import SmtpServer
from services.foundation.trouble import DatabaseTrouble
from services.intake import store
from services.intake.accept import Arrival
from services.intake.journal import verify
from services.invitations.store import invitations
from services.post import mailer as post
from services.post.mailer import Mailer
from tests.bench import partnership
from tests.clock import MovableClock
from tests.integration.postgres.own_server import OwnServer, own_server
from tests.mail_server import MailServer, mail_server, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

ROUNDS = 7  # times that the server goes down in each of the three steps
INVITEES = 8
AT_ONCE = 5  # meetings in a batch
# Where a transaction of each step is in the middle: after its first writing, long before its commit.
MIDDLE = {"accept": (store, "append"), "claim": (outbox, "claim"), "settle": (outbox, "settle")}


class Faults:
    """What is to happen the next time that a step is in the middle of its transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed: dict[str, Callable[[], Awaitable[None]]] = {}
        self.happened: Counter[str] = Counter()
        for step, (module, name) in MIDDLE.items():
            monkeypatch.setattr(module, name, self._interrupted(step, getattr(module, name)))

    def _interrupted(self, step: str, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def interrupted(*given: Any, **more: Any) -> Any:
            result = await original(*given, **more)
            fault = self.armed.pop(step, None) if result or step == "settle" else None  # a claim of nothing is no claim
            if fault is not None:
                self.happened[step] += 1
                await fault()
            return result

        return interrupted


async def keep_taking_in(house: House, batches: Iterator[list[Arrival]], over: asyncio.Event) -> Counter[str]:
    """Take events in as a worker does: the same batch again until it is in. Returns the verdicts, and the repeats."""
    counts: Counter[str] = Counter()
    for batch in batches:
        while True:
            try:
                verdicts = await house.intake.accept(batch)
                break
            except DatabaseTrouble as trouble:
                if not trouble.passes:
                    raise
                counts["repeats"] += 1
                await asyncio.sleep(0.02)
        counts.update(verdict.state for verdict in verdicts)
        if over.is_set():
            break
    return counts


async def keep_mailing(mailer: Mailer, over: asyncio.Event) -> int:
    """Drain as a process does: again after a failure, until there is nothing to do. Returns the failures."""
    failures = 0
    while True:
        last = over.is_set()
        before = mailer.tally.sent
        try:
            await mailer.drain()
        except DatabaseTrouble as trouble:
            if not trouble.passes:
                raise
            failures += 1
        else:
            if last and mailer.tally.sent == before:
                return failures
        await asyncio.sleep(0.02)


def meetings(numbers: Iterator[int]) -> Iterator[list[Arrival]]:
    for number in numbers:
        some = range(number * AT_ONCE, (number + 1) * AT_ONCE)
        yield [Arrival(partnership.meeting(n, n % 40), {"file": "load", "line": n}) for n in some]


async def count_of(database: Database, query: Any) -> int:
    async with database.read() as db:
        return int((await db.execute(query)).scalar_one())


async def states(database: Database) -> dict[str, int]:
    query = select(outbox.outbox.c.state, func.count()).where(outbox.outbox.c.channel == outbox.MAIL)
    async with database.read() as db:
        rows = await db.execute(query.group_by(outbox.outbox.c.state))
        return {row[0]: row[1] for row in rows}


async def nothing_lost_or_doubled(house: House, server: MailServer, events: int) -> None:
    """Every event is in the journal once, every invitation exists once, and every message went out once."""
    walk, faults = await verify(house.database)
    assert faults == []
    assert walk.rows == events
    assert await count_of(house.database, select(func.count()).select_from(store.dead_letters)) == 0
    written = await count_of(house.database, select(func.count()).select_from(invitations))
    assert await states(house.database) == {"sent": written}
    sent = Counter(each.uid_and_sequence for each in server.taken)
    assert len(sent) == written
    assert set(sent.values()) == {1}
    assert all(len(each) == 1 for each in server.ids().values())


@pytest.fixture
async def server(require: Callable[[str, bool, str], None]) -> Any:
    async with own_server(require) as own:
        yield own


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr(post, "BATCH", 30)
    return Faults(monkeypatch)


def houses(server: OwnServer, tmp_path: Path, clock: MovableClock) -> list[Any]:
    """Three processes' worth: one that takes events in, and two that send."""
    return [open_house(server.settings(tmp_path / name, smtp_connections=4), clock) for name in ("in", "m1", "m2")]


async def record_the_partnership(house: House) -> int:
    """The directory that the meetings are about; returns how many events that is."""
    raw = [*partnership.agencies(), *(each for n in range(40) for each in partnership.family(n))]
    verdicts = await house.intake.accept([Arrival(each, {"file": "directory"}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    return len(raw)


async def test_a_server_that_restarts_in_the_middle_of_every_step_costs_nothing(
    server: OwnServer, tmp_path: Path, faults: Faults, clock: MovableClock, counted: Callable[[str], None]
) -> None:
    opened = houses(server, tmp_path, clock)
    async with opened[0] as intake, opened[1] as first, opened[2] as second, mail_server() as mail:
        events = await record_the_partnership(intake)
        address = SmtpServer(f"smtp://127.0.0.1:{mail.port}?tls=none")
        done, numbers = asyncio.Event(), iter(range(1_000_000))
        async with first.mailer(address) as one, second.mailer(address) as other:
            taking = asyncio.create_task(keep_taking_in(intake, meetings(numbers), done))
            mailing = [asyncio.create_task(keep_mailing(each, done)) for each in (one, other)]
            for turn in range(ROUNDS * len(MIDDLE)):
                step = list(MIDDLE)[turn % len(MIDDLE)]
                over = asyncio.Event()

                async def go_down(over: asyncio.Event = over) -> None:
                    await server.restart()
                    over.set()

                faults.armed[step] = go_down
                async with asyncio.timeout(60):
                    await over.wait()
            done.set()
            async with asyncio.timeout(120):
                counts = await taking
                failures = await asyncio.gather(*mailing)
            clock.advance(post.LEASE)  # for what a claim whose answer was lost may have left behind
            await one.drain()
            batches = next(numbers)
            await nothing_lost_or_doubled(intake, mail, events + batches * AT_ONCE)
            taken_in = batches * AT_ONCE
            counted(
                f"{server.restarts} restarts in the middle of {dict(faults.happened)}: {taken_in} meetings taken in, "
                f"{counts['repeats']} repeats, {len(mail.taken)} messages for {taken_in * INVITEES} invitations; "
                f"mailers began anew {failures} times"
            )
    assert counts["accepted"] + counts["known"] == taken_in
    assert len(mail.taken) == taken_in * INVITEES
    assert dict(faults.happened) == dict.fromkeys(MIDDLE, ROUNDS)


@contextmanager
def answers_lost(database: Database, monkeypatch: pytest.MonkeyPatch, every: int) -> Iterator[list[int]]:
    """The answer to every so manieth commit is lost on its way; yields a list that holds how many were."""
    dialect = database.engine.sync_engine.dialect
    original = dialect.do_commit
    commits, lost = iter(range(1, 1_000_000)), [0]

    def do_commit(connection: Any) -> None:
        original(connection)
        if next(commits) % every == 0:
            lost[0] += 1
            raise ConnectionResetError(104, "connection reset by peer")

    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", do_commit)
        yield lost


async def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    server: OwnServer,
    tmp_path: Path,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    counted: Callable[[str], None],
) -> None:
    monkeypatch.setattr(post, "BATCH", 30)
    opened = houses(server, tmp_path, clock)
    async with opened[0] as intake, opened[1] as first, mail_server() as mail:
        events = await record_the_partnership(intake)
        done, numbers = asyncio.Event(), iter(range(12))
        async with first.mailer(SmtpServer(f"smtp://127.0.0.1:{mail.port}?tls=none")) as mailer:
            with (
                answers_lost(intake.database, monkeypatch, 3) as lost_in,
                answers_lost(first.database, monkeypatch, 4) as lost_out,
            ):
                counts = await keep_taking_in(intake, meetings(numbers), done)
                done.set()
                while (await states(intake.database)).get("pending"):
                    await keep_mailing(mailer, done)
                    clock.advance(post.LEASE)  # a claim whose answer was lost runs out
            await nothing_lost_or_doubled(intake, mail, events + 12 * AT_ONCE)
    counted(f"{lost_in[0]} answers to intake lost ({dict(counts)}), {lost_out[0]} to the mailer")
    assert counts["known"] == lost_in[0] * AT_ONCE
    assert counts["accepted"] + counts["known"] == 12 * AT_ONCE
    assert min(lost_in[0], lost_out[0]) > 2
    assert len(mail.taken) == 12 * AT_ONCE * INVITEES


async def test_what_was_sent_while_the_database_is_away_is_noted_when_it_is_back(
    server: OwnServer, tmp_path: Path, clock: MovableClock
) -> None:
    async with (
        open_house(server.settings(tmp_path / "home", smtp_connections=4), clock) as house,
        mail_server() as mail,
    ):
        await record_the_partnership(house)
        await house.intake.accept(next(meetings(iter([0]))))
        mail.gate, mail.gated = asyncio.Event(), {"police-0.example"}
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{mail.port}?tls=none")) as mailer:
            waited = asyncio.Event()

            def look() -> None:
                if len(mailer.ended) == 40:
                    waited.set()

            draining = asyncio.create_task(mailer.drain(progress=look))
            async with asyncio.timeout(30):
                await until(lambda: mail.out["police-0.example"] > 0)
                await server.stop()
                mail.gate.set()
                await waited.wait()
            assert not draining.done()
            await server.start()
            async with asyncio.timeout(30):
                await asyncio.wait([draining])
            assert await states(house.database) == {"sent": 40}
        assert len(mail.taken) == 40


async def test_a_mailer_that_is_stopped_while_the_database_is_away_ends_and_its_messages_go_again_after_the_lease(
    server: OwnServer, tmp_path: Path, clock: MovableClock
) -> None:
    async with (
        open_house(server.settings(tmp_path / "home", smtp_connections=4), clock) as house,
        mail_server() as mail,
    ):
        await record_the_partnership(house)
        await house.intake.accept(next(meetings(iter([0]))))
        address = SmtpServer(f"smtp://127.0.0.1:{mail.port}?tls=none")
        async with house.mailer(address) as mailer:
            draining = asyncio.create_task(mailer.drain())
            mail.gate, mail.gated = asyncio.Event(), {"police-0.example"}
            async with asyncio.timeout(30):
                await until(lambda: mail.out["police-0.example"] > 0)
                await server.stop()
                mail.gate.set()
                mailer.stop(within=1)
                with pytest.raises(DatabaseTrouble):
                    await draining
            first = len(mail.taken)
            assert first > 0
        await server.start()
        async with house.mailer(address) as another:
            assert (await another.drain()).sent == 0
            clock.advance(post.LEASE)
            assert (await another.drain()).sent == 40
        assert len(mail.taken) == first + 40
        assert all(len(each) == 1 for each in mail.ids().values())
        assert len(mail.ids()) == 40
