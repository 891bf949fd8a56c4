"""How long each thing may take that somebody else can hold up, and what is said then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from services.foundation import database as foundation
from services.foundation.database import Database
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble

pytestmark = pytest.mark.postgres

PASSING = ("40P01", "40001", "55P03", "57P01", "57P03", "08006", "53300")
LASTING = ("53100", "57014", "25006", "42501")


@pytest.fixture
def store() -> str:
    return "postgresql"


@pytest.fixture
async def make(settings: Settings) -> AsyncIterator[Callable[..., Database]]:
    """Databases with limits of their own."""
    made: list[Database] = []

    def one(url: str = settings.database_url, **limits: float) -> Database:
        made.append(Database(url, **limits))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for each in made:
        await each.close()


async def ask(database: Database, statement: str = "SELECT 1") -> Any:
    async with database.write(alone=False) as db:
        return (await db.execute(text(statement))).scalar_one()


class Line:
    """A TCP line to the server, which may go dead without a word."""

    def __init__(self, folder: str) -> None:
        self.path = f"{folder}/.s.PGSQL.5432"
        self.works = asyncio.Event()
        self.works.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self.path)
        try:
            await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))
        finally:
            for each in (writer, far_writer):
                each.close()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.works.wait()
            writer.write(data)
        writer.close()


@asynccontextmanager
async def line_to(settings: Settings) -> AsyncIterator[tuple[Line, str]]:
    """A line, and the URL of the same database over it."""
    beginning, _, folder = settings.database_url.partition("?host=")
    line = Line(folder)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, beginning.replace("@/", f"@127.0.0.1:{port}/")
    finally:
        line.works.set()
        server.close()


async def test_the_server_knows_every_limit(make: Callable[..., Database]) -> None:
    database = make(lock_timeout=7, statement_timeout=11, think_within=13)
    said = {
        name: await ask(database, f"SELECT current_setting('{name}')")
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    }
    assert said == {"lock_timeout": "7s", "statement_timeout": "11s", "idle_in_transaction_session_timeout": "13s"}


async def test_who_stops_in_the_middle_of_a_step_holds_the_others_up_no_longer_than_that(
    make: Callable[..., Database],
) -> None:
    hung, other = make(think_within=1), make()
    holds, others_are_done = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        async with hung.write() as db:
            holds.set()
            await others_are_done.wait()
            await db.execute(text("SELECT 1"))

    hanging = asyncio.create_task(hang())
    await holds.wait()
    async with other.write() as db:  # waits for the lock that the first one holds
        assert (await db.execute(text("SELECT 1"))).scalar_one() == 1
    others_are_done.set()
    with pytest.raises(DatabaseTrouble) as caught:
        await hanging
    assert caught.value.passes
    assert await ask(hung) == 1


async def test_two_that_wait_for_each_other_are_told_and_one_goes_on(make: Callable[..., Database]) -> None:
    database = make()
    async with database.write() as db:
        await db.execute(text("CREATE TABLE counted (number INTEGER)"))
        await db.execute(text("INSERT INTO counted VALUES (1), (2)"))
    both = asyncio.Barrier(2)

    async def change(first: int, second: int) -> bool:
        try:
            async with database.write(alone=False) as db:
                await db.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
                await db.execute(text("UPDATE counted SET number = number WHERE number = :n"), {"n": first})
                await both.wait()
                await db.execute(text("UPDATE counted SET number = number WHERE number = :n"), {"n": second})
        except DatabaseTrouble as trouble:
            return trouble.passes and "got into each other's way" in str(trouble)
        return False

    assert sorted(await asyncio.gather(change(1, 2), change(2, 1))) == [False, True]


async def test_a_connection_that_was_lost_while_it_lay_idle_troubles_nobody(make: Callable[..., Database]) -> None:
    database, other = make(), make()
    number = await ask(database, "SELECT pg_backend_pid()")
    assert await ask(other, f"SELECT pg_terminate_backend({number}, 5000)") is True
    assert await ask(database, "SELECT pg_backend_pid()") != number


async def test_a_server_that_does_not_let_anybody_in_is_given_up(
    make: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foundation, "CONNECT_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        database = make(f"postgresql+asyncpg://quorate@127.0.0.1:{mute.getsockname()[1]}/quorate")
        with pytest.raises(DatabaseTrouble, match="cannot be reached") as caught:
            await ask(database)
    assert caught.value.passes


async def test_a_line_that_goes_dead_in_the_middle_of_a_step_is_given_up_and_the_next_step_works(
    make: Callable[..., Database], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foundation, "ANSWER_LATE", 0.5)
    async with line_to(settings) as (line, url):
        database = make(url, statement_timeout=2)
        assert await ask(database) == 1
        line.works.clear()
        with pytest.raises(DatabaseTrouble, match="the connection broke") as caught:
            await ask(database)
        assert caught.value.passes
        line.works.set()
        assert await ask(database) == 1


async def test_a_peer_that_is_gone_without_a_word_is_noticed_at_both_ends(
    make: Callable[..., Database], settings: Settings
) -> None:
    async with line_to(settings) as (_, url), make(url).read() as db:
        raw: Any = (await db.get_raw_connection()).driver_connection
        end = raw._transport.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == foundation.PROBE_AFTER
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        sent = "SELECT reset_val FROM pg_settings WHERE name = 'tcp_keepalives_idle'"
        assert (await db.execute(text(sent))).scalar_one() == str(foundation.PROBE_AFTER)


async def test_who_finds_every_connection_busy_is_told_after_a_while(make: Callable[..., Database]) -> None:
    database = make(connections=2, lock_timeout=0.1)
    async with database.read() as one, database.read() as two:
        await one.execute(text("SELECT 1"))
        await two.execute(text("SELECT 1"))
        with pytest.raises(DatabaseTrouble, match="kept every connection busy") as caught:
            await ask(database)
    assert caught.value.passes
    assert await ask(database) == 1


async def test_no_more_connections_are_opened_than_the_settings_allow(
    make: Callable[..., Database], settings: Settings
) -> None:
    database = make(connections=3)
    most = 0
    busy = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")

    async def one() -> None:
        nonlocal most
        async with database.read() as db:
            most = max(most, int((await db.execute(busy)).scalar_one()))

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3


async def test_trouble_that_passes_is_told_from_trouble_that_somebody_must_mend(make: Callable[..., Database]) -> None:
    database = make()
    told = {}
    for code in (*PASSING, *LASTING):
        with pytest.raises(DatabaseTrouble) as caught:
            await ask(database, f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")
        told[code] = caught.value.passes
    assert told == dict.fromkeys(PASSING, True) | dict.fromkeys(LASTING, False)
