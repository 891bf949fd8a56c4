"""A claim goes beside intake: at whatever statement of one the other comes, whoever was taken back learns of both the
invitation and the cancellation, or of neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.util import await_only

from services.bootstrap import LETTERS, House, open_house
from services.foundation import outbox
from services.foundation.database import Database
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.post import mailer as post
from tests import events
from tests.clock import MovableClock
from tests.mail_server import mail_server

pytestmark = pytest.mark.postgres

RESTRICTED = {"agency_id": "camhs-1", "reason": "chairs_restriction", "note": "Decided by the chair"}


class Steps:
    """Lets the transactions of one database go no further than to a given statement, commits counted as statements.

    `held` is set once that point is reached, `go` lets it go on.
    """

    def __init__(self, database: Database, stop_before: int) -> None:
        self.engine = database.engine.sync_engine
        self.stop_before = stop_before
        self.count = 0
        self.held, self.go = asyncio.Event(), asyncio.Event()

    def __enter__(self) -> Steps:
        event.listen(self.engine, "before_cursor_execute", self._statement)
        event.listen(self.engine, "commit", self._step)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._statement)
        event.remove(self.engine, "commit", self._step)

    def _statement(self, *_: Any) -> None:
        self._step()

    def _step(self, *_: Any) -> None:
        if self.count == self.stop_before:
            self.held.set()
            await_only(self.go.wait())
        self.count += 1


async def until_done_or_blocked(task: asyncio.Task[Any], watch: Database) -> None:
    """Wait until the task has ended, or waits in the database for a lock that another holds."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while not task.done():
            async with watch.read() as db:
                if (await db.execute(waits)).scalar_one():
                    return
            await asyncio.wait([task], timeout=0.01)


async def accept(house: House, *raw: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": 1}) for each in raw])
    assert [verdict.state for verdict in verdicts] == ["accepted"] * len(raw)


async def ask(house: House, meeting_id: str) -> None:
    """Schedule a meeting to which CAMHS is asked, and see to it that nothing else waits to be sent."""
    await accept(house, events.meeting(meeting_id, "strategy_discussion"))


async def take_back(house: House, meeting_id: str) -> None:
    await accept(house, events.meeting(meeting_id, "strategy_discussion", do_not_invite=[RESTRICTED]))


async def drained(house: House, address: SmtpServer) -> int:
    async with house.mailer(address) as mailer:
        return (await mailer.drain()).sent


@pytest.fixture
def store() -> str:
    return "postgresql"


@pytest.fixture
async def other(settings: Settings, clock: MovableClock) -> AsyncIterator[House]:
    """A second process."""
    async with open_house(settings, clock) as opened:
        yield opened


@pytest.fixture
async def ready(house: House) -> House:
    child, agency = events.child(), events.agency("camhs-1")
    waiting = events.involvement("i1", person_id="c1", agency_id="camhs-1", service="camhs", status="waiting")
    await accept(house, agency, child, waiting)
    return house


def uid(each: Any) -> str:
    return str(each.uid_and_sequence[0]).partition("@")[0]


def method(each: Any) -> str:
    part = next(part for part in each.parsed.walk() if part.get_content_type() == "text/calendar")
    return str(part.get_param("method"))


async def uids_of(house: House) -> dict[str, str]:
    """The invitation to CAMHS of each meeting."""
    async with house.database.read() as db:
        query = select(outbox.outbox.c.params, outbox.outbox.c.key).where(outbox.outbox.c.channel == outbox.MAIL)
        rows = (await db.execute(query)).all()
    return {row.params["meeting_id"]: row.key for row in rows}


@pytest.mark.slow
async def test_a_mailer_that_comes_at_any_statement_of_a_taking_back_sends_both_messages_or_none(
    ready: House, other: House
) -> None:
    async with mail_server() as server:
        address = SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")
        seen, number, over = set(), 0, False
        while not over:
            meeting_id = f"m{number}"
            await ask(ready, meeting_id)
            uids = await uids_of(ready)
            with Steps(ready.database, stop_before=number) as steps:
                taking_back = asyncio.create_task(take_back(ready, meeting_id))
                reached = asyncio.create_task(steps.held.wait())
                await asyncio.wait([taking_back, reached], return_when=asyncio.FIRST_COMPLETED)
                over = taking_back.done()
                mailing = asyncio.create_task(drained(other, address))
                await until_done_or_blocked(mailing, other.database)
                steps.go.set()
                await asyncio.gather(taking_back, mailing)
                reached.cancel()
            await drained(other, address)
            sent = tuple(method(each) for each in server.taken if uid(each) == uids[meeting_id])
            assert sent in {(), ("REQUEST", "CANCEL")}, number
            seen.add(sent)
            number += 1
    assert number > 20
    assert len(seen) == 2


@pytest.mark.slow
async def test_a_taking_back_that_comes_at_any_statement_of_a_claim_sends_both_messages_or_none(
    ready: House, other: House
) -> None:
    async with mail_server() as server:
        address = SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")
        seen, number, over = set(), 0, False
        while not over:
            meeting_id = f"m{number}"
            await ask(ready, meeting_id)
            uids = await uids_of(ready)
            with Steps(other.database, stop_before=number) as steps:
                mailing = asyncio.create_task(drained(other, address))
                reached = asyncio.create_task(steps.held.wait())
                await asyncio.wait([mailing, reached], return_when=asyncio.FIRST_COMPLETED)
                over = mailing.done()
                taking_back = asyncio.create_task(take_back(ready, meeting_id))
                await until_done_or_blocked(taking_back, ready.database)
                steps.go.set()
                await asyncio.gather(taking_back, mailing)
                reached.cancel()
            await drained(other, address)
            sent = tuple(method(each) for each in server.taken if uid(each) == uids[meeting_id])
            assert sent in {(), ("REQUEST", "CANCEL")}, number
            seen.add(sent)
            number += 1
    assert number > 10
    assert len(seen) == 2


async def test_a_claim_waits_for_no_writer_and_a_note_does(ready: House, other: House) -> None:
    await ask(ready, "m1")
    async with mail_server() as server, other.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        async with ready.database.write():
            draining = asyncio.create_task(mailer.drain())
            await until_done_or_blocked(draining, ready.database)
            assert not draining.done()
            assert (len(server.taken), mailer.tally.sent) == (1, 0)
        await draining
        assert mailer.tally.sent == 1


async def test_a_row_that_is_taken_back_while_it_is_claimed_is_one_or_the_other(ready: House, other: House) -> None:
    """Row by row: the transaction that locks a row first has it, where it commits."""
    for first_commits in (True, False):
        for claims_first in (True, False):
            key = f"key-{first_commits}-{claims_first}"
            now = ready.clock.now()
            async with ready.database.write() as db:
                await outbox.write(db, [outbox.row(outbox.MAIL, "invitation", key, {"n": n}, now) for n in range(2)])
            first, second = (claim, taken_back) if claims_first else (taken_back, claim)
            begun, finish = asyncio.Event(), asyncio.Event()
            one = asyncio.create_task(first(ready, key, begun, finish, commits=first_commits))
            await begun.wait()
            other_one = asyncio.create_task(second(other, key, asyncio.Event(), None, commits=True))
            await until_done_or_blocked(other_one, ready.database)
            assert other_one.done() is not claims_first  # a claim steps over, a taking back waits
            finish.set()
            results = await asyncio.gather(one, other_one)
            claimed, left = results if claims_first else results[::-1]
            async with ready.database.write() as db:
                query = select(outbox.outbox.c.state, outbox.outbox.c.claimed_by).where(outbox.outbox.c.key == key)
                rows = [tuple(each) for each in await db.execute(query.order_by(outbox.outbox.c.outbox_id))]
                await outbox.take_back(db, [key], now)
                await db.execute(outbox.outbox.update().values(state="sent"))
            if claims_first and first_commits:
                assert (claimed, left) == (1, {key})
                assert rows == [("pending", "w"), (outbox.TAKEN_BACK, None)]
            elif first_commits or claims_first:
                assert (claimed if first_commits else 0, left) == (0, set())
                assert rows == [(outbox.TAKEN_BACK, None)] * 2
            else:
                assert claimed == 0
                assert rows == [("pending", None)] * 2


async def claim(house: House, key: str, begun: asyncio.Event, finish: asyncio.Event | None, *, commits: bool) -> int:
    async with house.database.engine.begin() as db:
        now = house.clock.now()
        rows = await outbox.claim(db, outbox.MAIL, LETTERS, "w", 10, now, post.LEASE)
        assert {row.key for row in rows} <= {key}
        begun.set()
        if finish is not None:
            await finish.wait()
        if not commits:
            await db.rollback()
        return len(rows)


async def taken_back(
    house: House, key: str, begun: asyncio.Event, finish: asyncio.Event | None, *, commits: bool
) -> set[str]:
    async with house.database.write() as db:
        left = await outbox.take_back(db, [key], house.clock.now())
        begun.set()
        if finish is not None:
            await finish.wait()
        if not commits:
            await db.rollback()
        return left


@pytest.mark.slow
async def test_two_mailers_share_the_work_while_intake_writes_and_keep_each_keys_order(
    ready: House, other: House, settings: Settings, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "BATCH", 20)
    meetings, moves = 40, 3
    async with mail_server() as server, open_house(settings, clock) as third:
        address = SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")
        over = asyncio.Event()

        async def keep_mailing(house: House) -> int:
            async with house.mailer(address) as mailer:
                while not over.is_set():
                    await mailer.drain()
                    await asyncio.sleep(0.005)
                return (await mailer.drain()).sent

        mailing = [asyncio.create_task(keep_mailing(each)) for each in (other, third)]
        for number in range(0, meetings, 10):
            some = range(number, number + 10)
            await accept(ready, *(events.meeting(f"m{n}", "strategy_discussion") for n in some))
        for move in range(1, moves + 1):
            for number in range(0, meetings, 10):
                starts_at = events.MEETING_AT + timedelta(days=7 * move)
                moved = [
                    events.rescheduled(f"m{n}", starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
                    for n in range(number, number + 10)
                ]
                await accept(ready, *moved)
        over.set()
        shares = await asyncio.gather(*mailing)
        async with ready.database.read() as db:
            query = select(outbox.outbox.c.state).where(outbox.outbox.c.channel == outbox.MAIL)
            assert set((await db.execute(query)).scalars()) == {"sent"}
    assert sum(shares) == len(server.taken) == len(server.ids()) == meetings * (1 + moves)
    assert min(shares) > 0
    order: dict[str, list[int]] = {}
    for each in server.taken:
        order.setdefault(uid(each), []).append(each.uid_and_sequence[1])
    assert list(order.values()) == [list(range(moves + 1))] * meetings
