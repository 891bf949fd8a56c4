"""What a mailer that is gone had claimed is taken over by another; what one that is alive has in hand is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import LETTERS, House
from services.foundation.servers import SmtpServer
from services.intake.accept import Arrival
from services.post.mailer import GRACE, LEASE, Mailer
from tests import events
from tests.clock import MovableClock
from tests.mail_server import mail_server

pytestmark = pytest.mark.postgres

T = TypeVar("T")


@pytest.fixture
def store() -> str:
    return "postgresql"


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.post.mailer.LOOK_EVERY", 0.02)
    monkeypatch.setattr("services.post.mailer.STAND_AGAIN", 0.02)


def mailer_of(house: House, port: int) -> Mailer:
    return Mailer(house.intake, LETTERS, SmtpServer(f"smtp://127.0.0.1:{port}?tls=none"), house.settings)


@asynccontextmanager
async def standing(mailer: Mailer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(mailer.stand_by())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def claims(house: House) -> list[str | None]:
    async with house.database.read() as db:
        rows = await db.execute(text("SELECT claimed_by FROM outbox WHERE channel = 'mail' AND state = 'pending'"))
        return list(rows.scalars())


async def at_work(house: House) -> set[int]:
    """The connections on which mailers show that they are at work."""
    async with house.database.read() as db:
        query = (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return set((await db.execute(text(query))).scalars())


async def becomes(what: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Wait until the database says so; returns what it says."""
    async with asyncio.timeout(30):
        while True:
            if wanted(found := await what()):
                return found
            await asyncio.sleep(0.01)


async def rows_in_hand(house: House, mailer: Mailer) -> int:
    raws = [events.agency("camhs-1"), events.child("c1"), events.involvement("i1"), events.meeting()]
    await house.intake.accept([Arrival(raw, {"file": "f", "line": n}) for n, raw in enumerate(raws)])
    rows = await mailer._claim()
    assert rows
    return len(rows)


async def test_claims_of_a_mailer_that_is_gone_are_sent_by_another_long_before_the_lease_ends(
    house: House, clock: MovableClock
) -> None:
    async with mail_server() as server:
        gone, other = mailer_of(house, server.port), mailer_of(house, server.port)
        async with standing(gone):
            await becomes(lambda: at_work(house), lambda some: len(some) == 1)
            count = await rows_in_hand(house, gone)
        clock.advance(GRACE + timedelta(seconds=1))
        async with standing(other):
            await becomes(lambda: claims(house), lambda some: some == [None] * count)
        assert (await other.drain()).sent == count
        await other.close()
    assert len(server.taken) == count


async def test_claims_of_a_mailer_that_is_at_work_are_its_own_until_the_lease_ends(
    house: House, clock: MovableClock
) -> None:
    one, other = mailer_of(house, 1), mailer_of(house, 1)
    async with standing(one), standing(other):
        await becomes(lambda: at_work(house), lambda some: len(some) == 2)
        await rows_in_hand(house, one)
        before = await claims(house)
        clock.advance(LEASE - timedelta(seconds=1))
        for _ in range(3):
            await looked(other)
        assert await claims(house) == before


async def test_claims_are_left_alone_for_a_while_so_that_a_mailer_can_find_another_connection(
    house: House, clock: MovableClock
) -> None:
    gone, other = mailer_of(house, 1), mailer_of(house, 1)
    count = await rows_in_hand(house, gone)  # and shows nowhere that it is at work
    before = await claims(house)
    clock.advance(GRACE - timedelta(seconds=1))
    async with standing(other):
        await looked(other)
        assert await claims(house) == before
        clock.advance(timedelta(seconds=1))
        await becomes(lambda: claims(house), lambda some: some == [None] * count)


async def test_a_mailer_that_lost_its_connection_shows_itself_on_another(house: House) -> None:
    mailer = mailer_of(house, 1)
    async with standing(mailer):
        before = await becomes(lambda: at_work(house), lambda some: len(some) == 1)
        async with house.database.read() as db:
            await db.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": next(iter(before))})
        await becomes(lambda: at_work(house), lambda some: len(some) == 1 and some != before)


async def looked(mailer: Mailer) -> None:
    """Wait until this mailer has looked for claims of others, from beginning to end."""
    seen = asyncio.Event()
    take_over = Mailer._take_over

    async def noted(self: Mailer, db: AsyncConnection) -> None:
        await take_over(self, db)
        if self is mailer:
            seen.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mailer, "_take_over", noted)
        await asyncio.wait_for(seen.wait(), 30)
