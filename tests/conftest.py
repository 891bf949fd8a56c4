"""What every test stands on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
from sqlalchemy import create_engine

from deploy.kafka.jars import KAFKA
from services.bootstrap import House, open_house
from services.foundation.database import Database
from services.foundation.schema import upgrade
from services.foundation.settings import Settings
from tests import postgres
from tests.broker import Broker, running_broker
from tests.clock import MovableClock
from tests.door import Door, Embedded, kafka

COUNTED = "counted"

MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes; a run needs less than half of it at any time


def in_memory() -> None:
    """Have what tests write go to memory, where there is room and programs may run from it, and nobody named a place.

    Thousands of databases are made, each waits for its disk at every commit, and none outlives its test: a process
    that is killed loses nothing of a file in memory either. `TMPDIR=/tmp make test` runs everything on a disk.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    about = os.statvfs(MEMORY)
    if about.f_bavail * about.f_frsize >= ROOM and not about.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


in_memory()

# How long an example takes says something about the machine, not about the rule.
hypothesis.settings.register_profile("quorate", deadline=None, print_blob=True)
hypothesis.settings.load_profile("quorate")


@pytest.fixture(scope="session")
def require() -> Callable[[str, bool, str], None]:
    """Ask for a part of the system that a machine may lack: `require(part, found, how)`.

    `part` is its name, `found` whether it is here, `how` the way to get it. Where it is missing the test is skipped,
    with that reason; under `CI=true` every part must be there, and the test fails.
    """

    def ask(part: str, found: bool, how: str) -> None:
        __tracebackhide__ = True
        if found:
            return
        reason = f"{part} is missing: {how}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return ask


class PostgresServer:
    """One server for a whole run, and a migrated database in it that every test's own is copied from."""

    TEMPLATE = "quorate_template"

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.made = 0
        self.has_template = False

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"

    async def admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(host=self.folder, user="postgres", database="postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def start(self) -> None:
        """Nothing here outlives the run, so nothing need wait for the disk."""
        await self.admin(
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {self.TEMPLATE}",
        )
        database = Database(self.url(self.TEMPLATE))
        await database.migrate()
        await database.close()
        self.has_template = True

    async def new(self, *, migrated: bool) -> str:
        """The name of a fresh database."""
        if not self.has_template:
            await self.start()
        self.made += 1
        name = f"quorate_{self.made}"
        template = self.TEMPLATE if migrated else "template0"
        await self.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name


@pytest.fixture(scope="session")
def postgres_server(require: Callable[[str, bool, str], None]) -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own, on a socket in a folder of its own; gone at the end."""
    postgres.need(require)
    server = postgres.new_server("quorate-postgres-")
    yield PostgresServer(str(server.get_postmaster_info().socket_dir))
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "quorate.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "head")
    engine.dispose()
    return path


STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Which store a test runs on: every test that asks for it, or for `house`, runs on both."""
    return str(request.param)


@pytest.fixture
async def make_settings(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Callable[..., Awaitable[Settings]]]:
    """Settings for a home under `tmp_path` and a database of the test's own: `await make_settings(smtp=…)`.

    With `migrated=False` the database is an empty one.
    """
    databases: list[str] = []
    server: PostgresServer | None = request.getfixturevalue("postgres_server") if store == "postgresql" else None
    template: Path | None = request.getfixturevalue("sqlite_template") if server is None else None

    async def make(*, home: str = "home", migrated: bool = True, **others: Any) -> Settings:
        folder = tmp_path / home
        folder.mkdir()
        if server is None:
            assert template is not None
            if migrated:
                shutil.copy(template, folder / "quorate.db")
            return Settings(home=folder, **others)
        databases.append(await server.new(migrated=migrated))
        kept: dict[str, Any] = {"secret": "a-key-for-tests-alone", "token": "a-token-for-tests-alone"}
        kept["documents"] = folder / "documents"
        return Settings(home=folder, database=server.url(databases[-1]), **{**kept, **others})

    yield make
    if server is not None:
        await server.admin(*(f"DROP DATABASE {name} WITH (FORCE)" for name in databases))


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]]) -> Settings:
    """Settings with nothing but a home and a migrated database; a test module may put its own in place of these."""
    return await make_settings()


@pytest.fixture
def clock() -> MovableClock:
    """The clock of `house`: it stands at `tests.events.NOW` until the test moves it."""
    return MovableClock()


@pytest.fixture
async def house(settings: Settings, clock: MovableClock) -> AsyncIterator[House]:
    """The whole of Quorate on a database of the test's own, once on SQLite and once on PostgreSQL."""
    async with open_house(settings, clock) as opened:
        yield opened


@pytest.fixture
def embedded(house: House) -> Embedded:
    """Straight into `house`, as one batch: for what is said of one batch, and what does not hang on the way in."""
    return Embedded(house)


WAYS_IN = ["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.postgres])]


@pytest.fixture(params=WAYS_IN)
async def door(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Door]:
    """How events come into `house`: straight in on both stores, and from Kafka on PostgreSQL, which it goes with."""
    if request.param == "embedded":
        yield Embedded(house)
        return
    async with kafka(house, request.getfixturevalue("broker")) as opened:
        yield opened


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell what a test counted: it stands at the end of the run, in whichever process the test ran."""

    def tell(text: str) -> None:
        request.node.user_properties.append((COUNTED, text))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests counted."""
    reports = [each for some in terminalreporter.stats.values() for each in some if isinstance(each, pytest.TestReport)]
    told = [
        (each.nodeid, text)
        for each in reports
        if each.when == "call"
        for name, text in each.user_properties
        if name == COUNTED
    ]
    if told:
        terminalreporter.section("counted")
    for nodeid, text in told:
        terminalreporter.write_line(f"{nodeid.rpartition('::')[2]}\n  {text}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be: Kafka beside SQLite. The files with slow tests begin, so that none is left for the end,
    when there is nothing more to do beside it.
    """
    apart = {"store": "sqlite", "door": "kafka"}
    items[:] = [item for item in items if not isinstance(item, pytest.Function) or not _has(item, apart)]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _has(item: pytest.Function, params: dict[str, str]) -> bool:
    found = item.callspec.params if hasattr(item, "callspec") else {}
    return params.items() <= found.items()


@pytest.fixture(scope="session")
def broker(require: Callable[[str, bool, str], None]) -> Iterator[Broker]:
    """One real Kafka for the whole run. Each test takes topics and a group of its own (`own_names` of tests/broker.py),
    and leaves it running: to stop or kill one, ask for `own_broker`.
    """
    require("a Kafka broker", *KAFKA.missing())
    with running_broker() as running:
        yield running


@pytest.fixture
def own_broker(require: Callable[[str, bool, str], None]) -> Iterator[Broker]:
    """A real Kafka for one test alone, which may stop, kill and start it."""
    require("a Kafka broker", *KAFKA.missing())
    with running_broker() as running:
        yield running
