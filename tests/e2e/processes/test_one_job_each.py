"""One process for each job: what they hand to each other, and what a kill or a lost database does to them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from sqlalchemy.engine import make_url

from services.foundation.database import WRITERS
from services.foundation.settings import Settings
from tests import events
from tests.command import quorate
from tests.mail_server import HANG, MailServer, mail_server
from tests.running import BATCH, COMMAND, TOKEN, Running, environment

WITHIN = 60.0  # seconds that anything may take that a test waits for
BEFORE, AFTER = datetime(2090, 4, 3, 9, tzinfo=UTC), datetime(2090, 4, 3, 10, tzinfo=UTC)
ON_POSTGRESQL = pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgres)])

pytestmark = pytest.mark.slow


def invitation(number: int = 1) -> list[bytes]:
    """Events that make one invitation, to a meeting at `BEFORE`."""
    child, family, agency, area = f"c{number}", f"f{number}", f"camhs-{number}", f"area-{number}"
    return [
        events.agency(agency, authority=area),
        events.child(child, family_id=family, authority=area),
        events.involvement(person_id=child, agency_id=agency, partition_key=family),
        events.meeting(f"m{number}", children=[child], starts_at=BEFORE, partition_key=family, authority=area),
    ]


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something, as long as is reasonable; what is no coroutine is asked in a thread of its own."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = await asyncio.to_thread(holds)
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as taking:
        yield taking


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], server: MailServer) -> Settings:
    return await make_settings(token=TOKEN, smtp=f"smtp://127.0.0.1:{server.port}?tls=none")


def process(command: str, settings: Settings, **others: object) -> Running:
    """A process on the database of these settings."""
    shared = {"database": settings.database, "secret": settings.secret} if settings.database else {}
    smtp = {"smtp": settings.smtp} if command == "mailer" else {}
    return Running(command, settings.home, **{**shared, **smtp, **others})


async def started(stack: ExitStack, *processes: Running) -> None:
    """Start them at once; they end with the stack."""
    for each in await asyncio.gather(*(asyncio.to_thread(each.__enter__) for each in processes)):
        stack.push(each)


async def connected(settings: Settings) -> asyncpg.Connection:
    url = make_url(settings.database_url)
    return await asyncpg.connect(host=url.query["host"], user=url.username, database=url.database)


async def test_what_the_door_takes_in_is_sent_by_a_mailer_and_timed_by_a_scheduler(
    settings: Settings, server: MailServer
) -> None:
    with ExitStack() as stack:
        web, mailer = process("web", settings), process("mailer", settings)
        scheduler = process("scheduler", settings, as_of=AFTER.isoformat())
        await started(stack, web, mailer, scheduler)
        assert [len(each.said) for each in (web, mailer, scheduler)] == [1, 1, 1]
        assert f"127.0.0.1:{server.port}" in mailer.said[0]
        await asyncio.to_thread(web.send_all, invitation())
        await until(lambda: len(server.taken) == 1)
        await until(lambda: scheduler.measure("quorate_timers_total") > 0)
        await until(lambda: mailer.measure('quorate_mails_total{outcome="sent"}') == 1)
        assert server.taken[0].to == "camhs-1@agencies.gov.example"
        assert web.measure('quorate_events_total{verdict="accepted"}') == 4
        assert web.measure('quorate_mails_total{outcome="sent"}') == 0
        assert mailer.measure('quorate_events_total{verdict="accepted"}') == 0
        for each in (web, mailer, scheduler):
            assert each.get("/healthz").status_code == each.get("/readyz").status_code == 200
            assert await asyncio.to_thread(each.stop) == 0
            assert {"started", "stopping"} <= {line["event"] for line in each.logged()}
            assert "camhs-1@" not in each.log.read_text()


@ON_POSTGRESQL
async def test_a_mailer_that_was_killed_with_mail_in_hand_loses_none_of_it(
    settings: Settings, server: MailServer
) -> None:
    server.always = {"end": HANG}
    with ExitStack() as stack:
        web, killed = process("web", settings), process("mailer", settings)
        await started(stack, web, killed)
        await asyncio.to_thread(web.send_all, [each for number in (1, 2, 3) for each in invitation(number)])
        await until(lambda: server.seen["end"] > 0)
        killed.kill()
        server.heal()
        db = await connected(settings)
        try:  # as if its claim had run out
            await db.execute("UPDATE outbox SET due_at = now() WHERE claimed_by IS NOT NULL AND state = 'pending'")
        finally:
            await db.close()
        await started(stack, process("mailer", settings))
        await until(lambda: len(server.ids()) == 3)
    assert all(len(message_ids) == 1 for message_ids in server.ids().values())


async def waits_for_writers(db: asyncpg.Connection) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1"
    return bool(await db.fetchval(query, WRITERS))


@ON_POSTGRESQL
async def test_a_door_that_was_killed_has_taken_the_whole_of_what_it_said_it_took_and_nothing_else(
    settings: Settings,
) -> None:
    first, second = invitation(1), invitation(2)
    db = await connected(settings)
    try:
        with ExitStack() as stack:
            web = process("web", settings)
            await started(stack, web)
            assert (await asyncio.to_thread(web.send_all, first))["accepted"] == len(first)
            await db.execute("SELECT pg_advisory_lock($1)", WRITERS)
            asking = asyncio.create_task(asyncio.to_thread(web.send, b"[" + b",".join(second) + b"]", BATCH))
            await until(lambda: waits_for_writers(db))
            web.kill()
            with pytest.raises(httpx2.TransportError):
                await asking
            await db.execute("SELECT pg_advisory_unlock($1)", WRITERS)
            again = process("web", settings)
            await started(stack, again)
            known = await asyncio.to_thread(again.send_all, first)
            assert known == {"accepted": 0, "known": len(first), "waiting": 0, "rejected": []}
            assert (await asyncio.to_thread(again.send_all, second))["accepted"] == len(second)
    finally:
        await db.close()


@ON_POSTGRESQL
async def test_a_scheduler_that_was_killed_in_the_middle_leaves_its_timers_to_the_next(settings: Settings) -> None:
    db = await connected(settings)
    due = "SELECT count(*) FROM timers WHERE due_at <= $1"
    try:
        with ExitStack() as stack:
            web = process("web", settings)
            await started(stack, web)
            await asyncio.to_thread(web.send_all, [each for number in (1, 2, 3) for each in invitation(number)])
            await asyncio.to_thread(web.stop)
            before = await db.fetchval(due, AFTER)
            assert before >= 3
            await db.execute("SELECT pg_advisory_lock($1)", WRITERS)
            killed = process("scheduler", settings, as_of=AFTER.isoformat())
            await started(stack, killed)
            await until(lambda: waits_for_writers(db))
            killed.kill()
            await db.execute("SELECT pg_advisory_unlock($1)", WRITERS)
            assert await db.fetchval(due, AFTER) == before
            scheduler = process("scheduler", settings, as_of=AFTER.isoformat())
            await started(stack, scheduler)
            await until(lambda: scheduler.measure("quorate_timers_due") == 0)
            assert scheduler.measure("quorate_timers_total") >= before
            raised = "SELECT agency_id FROM exceptions WHERE kind = 'not_invited' AND agency_id IS NOT NULL"
            assert sorted(row[0] for row in await db.fetch(raised)) == ["camhs-1", "camhs-2", "camhs-3"]
    finally:
        await db.close()


class Gate:
    """A way to a PostgreSQL server that can be closed: nobody gets through then, and who is inside is thrown out."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.inside: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self.server = await asyncio.start_server(self.pass_through, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        for writer in list(self.inside):
            writer.transport.abort()
        await self.server.wait_closed()

    async def pass_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        of_server, to_server = await asyncio.open_unix_connection(self.file)
        self.inside |= {writer, to_server}
        try:
            await asyncio.gather(self.copy(reader, to_server), self.copy(of_server, writer))
        finally:
            self.inside -= {writer, to_server}

    @staticmethod
    async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                to.write(piece)
                await to.drain()
        to.close()


@ON_POSTGRESQL
async def test_while_the_database_is_gone_a_process_is_alive_and_not_ready_and_goes_on_when_it_is_back(
    settings: Settings, server: MailServer
) -> None:
    url = make_url(settings.database_url)
    folder = url.query["host"]
    assert isinstance(folder, str)
    gate = Gate(Path(folder) / ".s.PGSQL.5432")
    await gate.open()
    through = url.set(host="127.0.0.1", port=gate.port, query={}).render_as_string(hide_password=False)
    with ExitStack() as stack:
        web = process("web", settings, database=through)
        mailer = process("mailer", settings, database=through)
        scheduler = process("scheduler", settings, database=through, as_of=AFTER.isoformat())
        every = (web, mailer, scheduler)
        await started(stack, *every)

        def all_are(status: int) -> bool:
            return all(each.get("/readyz").status_code == status for each in every)

        assert await asyncio.to_thread(all_are, 200)
        await gate.close()
        await until(lambda: all_are(503))
        for each in every:
            assert (await asyncio.to_thread(each.get, "/healthz")).status_code == 200
            assert (await asyncio.to_thread(each.get, "/metrics")).status_code == 503
        refused = await asyncio.to_thread(web.send, invitation()[0])
        assert refused.status_code == 503
        await gate.open()
        await until(lambda: all_are(200))
        await asyncio.to_thread(web.send_all, invitation())
        await until(lambda: len(server.taken) == 1)
        await until(lambda: scheduler.measure("quorate_timers_due") == 0)
        for each in every:
            assert await asyncio.to_thread(each.stop) == 0
    await gate.close()


@ON_POSTGRESQL
async def test_connections_that_the_server_ends_are_made_anew(settings: Settings, server: MailServer) -> None:
    db = await connected(settings)
    ends = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        with ExitStack() as stack:
            web, mailer = process("web", settings), process("mailer", settings)
            scheduler = process("scheduler", settings, as_of=AFTER.isoformat())
            await started(stack, web, mailer, scheduler)
            for number in (1, 2, 3):
                assert await db.fetchval(ends) >= 3
                await until(lambda: all(each.get("/readyz").status_code == 200 for each in (web, mailer, scheduler)))
                assert (await asyncio.to_thread(web.send_all, invitation(number)))["accepted"] == 4
                await until(lambda number=number: len(server.taken) == number)  # type: ignore[misc]  # bound here
            await until(lambda: scheduler.measure("quorate_timers_due") == 0)
            for each in (web, mailer, scheduler):
                assert each.get("/healthz").status_code == 200
                assert await asyncio.to_thread(each.stop) == 0
    finally:
        await db.close()


# Starting -------------------------------------------------------------------------------------------------------------


def refused(command: str, home: Path, **settings: object) -> str:
    """What a command says when it cannot start."""
    done = subprocess.run(
        (*COMMAND, command), env=environment(home, **settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@ON_POSTGRESQL
def test_on_a_shared_database_who_makes_keeps_or_sends_documents_is_told_where_all_find_them(
    settings: Settings,
) -> None:
    given = {"database": settings.database, "secret": settings.secret, "smtp": settings.smtp, "documents": ""}
    given |= {"mesh": "mesh://X26HC005:invented@localhost:9?tls=none", "mesh_key": "invented"}
    given |= {"mesh_workflow": "RECORD", "mesh_answer_workflow": "ANSWERS", "lmtp_listen": "127.0.0.1:0"}
    for command in ("mailer", "mesh", "mailbox", "web"):
        assert refused(command, settings.home, **given).startswith("QUORATE_DOCUMENTS is not set"), command
    came_in = settings.home / "apologies.eml"
    came_in.write_text("From: in@camhs.example\nTo: reply@quorate.example\nSubject: Apologies\n\nWe cannot come.\n")
    for by_hand in (["drain"], ["mailbox", "read", came_in]):
        done = quorate(*by_hand, env=environment(settings.home, **given))
        assert (done.exit_code, done.stdout) == (1, ""), by_hand
        assert done.stderr.startswith("QUORATE_DOCUMENTS is not set"), by_hand
    assert not (settings.home / "documents").exists()


@ON_POSTGRESQL
def test_on_a_shared_database_who_sends_wants_a_mail_server_and_a_door_the_token_of_all(settings: Settings) -> None:
    shared = {"database": settings.database, "secret": settings.secret}
    for command in ("mailer", "drain", "up"):
        assert refused(command, settings.home, **shared).startswith("QUORATE_SMTP is not set")
    for command in ("web", "up"):
        assert refused(command, settings.home, **shared, token="").startswith("QUORATE_TOKEN must be set")
    with process("mailer", settings, smtp="", as_of=AFTER.isoformat()) as rehearsing:
        assert str(settings.home / "mailbox") in rehearsing.said[0]


def test_an_address_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        for command, name in (("web", "listen"), ("mailer", "health_listen"), ("scheduler", "health_listen")):
            said = refused(command, tmp_path, **{name: address})
            assert said.startswith(f"QUORATE_{name.upper()}: {address} is in use")


@pytest.mark.parametrize("command", ["up", "web", "mailer", "scheduler"])
def test_a_signal_while_it_starts_ends_it_in_order(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        env = environment(
            tmp_path,
            database=f"postgresql+asyncpg://quorate:none@{address}/quorate",
            secret="a-key-for-tests-alone",
            smtp="smtp://127.0.0.1:9?tls=none",
        )
        starting = subprocess.Popen((*COMMAND, command), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        with connection:
            starting.send_signal(signal.SIGTERM)
            said, logged = starting.communicate(timeout=10)
    assert (starting.returncode, said) == (0, b"")
    lines: list[dict[str, Any]] = [json.loads(line) for line in logged.splitlines()]
    own = [line for line in lines if "logger" not in line]  # the driver may remark that a connection never came about
    assert [(line["event"], line.get("signal")) for line in own] == [("stopping", "SIGTERM")]
