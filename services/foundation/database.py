"""The database: one small door to SQLite and PostgreSQL, and column types that mean the same in both.

SQLite loses updates silently under SQLAlchemy's defaults and fails at once on a read that turns into a write; so every
write transaction begins with BEGIN IMMEDIATE, on the one connection that writes. Handlers read, decide and write, which
under PostgreSQL's default isolation loses updates just as silently; so there a write transaction begins with a lock of
its own, and means the same on both.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import structlog
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    String,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as QueueTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator, TypeEngine

from services.foundation.schema import newest_revision, revisions, upgrade
from services.foundation.trouble import PASSES, Broken, DatabaseTrouble, meaning_of

log = structlog.get_logger()

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LISTEN_AGAIN = 1.0  # seconds after which a lost connection is tried again
CONNECT_WITHIN = 10.0  # seconds that PostgreSQL may take to let somebody in
THINK_WITHIN = 60.0  # seconds that a transaction may say nothing to PostgreSQL, which ends it then for the others' sake
ANSWER_LATE = 5.0  # seconds after the longest query in which an answer must be here, or the connection is dead
# When a peer that is gone without a word is noticed: after a minute, at both ends.
PROBE_AFTER, PROBE_EVERY, PROBES = 30, 10, 3
STATEMENTS = 500  # prepared ones that a connection keeps; there are fewer in all of Quorate
WRITERS, MIGRATORS = 0x51756F72, 0x4D696772  # what the locks of PostgreSQL are called

# SQLite numbers rows by itself only under the very name INTEGER, which holds 64 bits there.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant, handed out in UTC: `timestamptz` in PostgreSQL, text that sorts in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        return value.astimezone(UTC).isoformat(timespec="microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


def as_json(value: Any) -> str:
    """A value as JSON, as it is written into a column."""
    return orjson.dumps(value).decode()


async def announce(db: AsyncConnection, *names: str) -> None:
    """Tell whoever listens for these names, in any process, once this transaction is committed (PostgreSQL only)."""
    if names and db.dialect.name == "postgresql":
        await db.exec_driver_sql("SELECT pg_notify(name, '') FROM unnest($1::text[]) AS name", (list(names),))


async def nobody_is(db: AsyncConnection, name: str) -> bool:
    """Whether no process holds `Database.sole` of this name; none can have it before this transaction ends."""
    asked = text("SELECT pg_try_advisory_xact_lock(hashtext(:name))")
    return bool((await db.execute(asked, {"name": f"quorate {name}"})).scalar())


class Database:
    """A door for one writer at a time and any number of readers.

    `lock_timeout`, `statement_timeout` and `think_within` (how long a transaction may say nothing) are in seconds; on
    SQLite there is only the first. `connections` is how many may be open to PostgreSQL at once, beside the one that
    listens.
    """

    def __init__(
        self,
        url: str,
        lock_timeout: float = 30,
        statement_timeout: float = 120,
        connections: int = 10,
        think_within: float = THINK_WITHIN,
    ) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.lock_timeout = lock_timeout
        self.statement_timeout = statement_timeout
        self.think_within = think_within
        if self.is_sqlite:
            self._writer = self._engine("BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
            self._reader = self._engine("BEGIN", query_only=True, pool_size=4)
        else:
            self._writer = self._engine(None, pool_size=connections, max_overflow=0)
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def name(self) -> str:
        """What to call this database where a person reads: its file, or its address without a password."""
        return str(self.url.database) if self.is_sqlite else self.url.render_as_string(hide_password=True)

    def _engine(self, begin: str | None, *, query_only: bool = False, keys: bool = True, **pool: int) -> AsyncEngine:
        engine = create_async_engine(
            self.url,
            json_serializer=as_json,
            json_deserializer=orjson.loads,
            hide_parameters=True,  # they are about people, and errors are logged
            pool_timeout=2 * self.lock_timeout,
            pool_use_lifo=True,  # the connection that was used last has its statements prepared
            connect_args={"timeout": self.lock_timeout, "isolation_level": None}
            if self.is_sqlite
            else self._postgres_arguments(),
            **pool,
        )
        if self.is_sqlite:
            pragmas = [
                f"busy_timeout={int(self.lock_timeout * 1000)}",
                "journal_mode=WAL",
                "synchronous=FULL",
                f"foreign_keys={'ON' if keys else 'OFF'}",
                f"query_only={'ON' if query_only else 'OFF'}",
                "cache_size=-65536",
                "temp_store=MEMORY",
            ]

            def prepare(connection: Any, _record: Any) -> None:
                cursor = connection.cursor()
                for pragma in pragmas:
                    cursor.execute(f"PRAGMA {pragma}")
                cursor.close()

            event.listen(engine.sync_engine, "connect", prepare)
            event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        else:
            event.listen(engine.sync_engine, "connect", _notice_a_dead_peer)
            event.listen(engine.sync_engine, "checkout", _is_open)
            event.listen(engine.sync_engine, "handle_error", _note_broken)
        return engine

    def _postgres_arguments(self) -> dict[str, Any]:
        milliseconds = {
            "lock_timeout": self.lock_timeout,
            "statement_timeout": self.statement_timeout,
            "idle_in_transaction_session_timeout": self.think_within,
            "tcp_user_timeout": PROBE_AFTER + PROBE_EVERY * PROBES,
        }
        return {
            "timeout": CONNECT_WITHIN,
            "command_timeout": self.statement_timeout + ANSWER_LATE,
            "prepared_statement_cache_size": STATEMENTS,
            "statement_cache_size": STATEMENTS,
            "server_settings": {
                "application_name": "quorate",
                "jit": "off",  # short queries; to compile one costs more than to run it
                "random_page_cost": "1.1",  # no spinning disk: an index is worth it for a few rows of many
                "tcp_keepalives_idle": str(PROBE_AFTER),
                "tcp_keepalives_interval": str(PROBE_EVERY),
                "tcp_keepalives_count": str(PROBES),
                **{name: str(int(seconds * 1000)) for name, seconds in milliseconds.items()},
            },
        }

    @property
    def engine(self) -> AsyncEngine:
        """The engine that writes."""
        return self._writer

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except OSError as wrong:
            why = wrong.strerror or str(wrong) or type(wrong).__name__
            hint = "Name another place" if self.is_sqlite else "Check that its server runs, and QUORATE_DATABASE"
            trouble = f"The database {self.name} cannot be reached: {why}. {hint}."
            raise DatabaseTrouble(trouble, passes=not self.is_sqlite) from wrong

    @contextmanager
    def _plain_words(self) -> Iterator[None]:
        """What the person who runs Quorate can do something about, said in words; everything else as it is."""
        try:
            yield
        except (DBAPIError, sqlite3.Error, Broken) as wrong:
            code, meaning = meaning_of(wrong)
            if meaning is None:
                raise
            trouble = f"The database {self.name} cannot be used: {meaning}."
            raise DatabaseTrouble(trouble, passes=code.startswith(PASSES)) from wrong
        except QueueTimeout as wrong:
            raise DatabaseTrouble(
                f"The database {self.name} cannot be used: this process has kept every connection busy for too long. "
                "Do it again.",
                passes=True,
            ) from wrong

    @asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with self._plain_words():
            async with AsyncExitStack() as stack:
                with self._reaching():
                    connection = await stack.enter_async_context(engine.connect())
                yield connection

    @asynccontextmanager
    async def write(self, *, alone: bool = True) -> AsyncIterator[AsyncConnection]:
        """One transaction, after any other that writes: committed at the end of the block, undone where it raises.

        On PostgreSQL one that is not `alone` goes beside the others: for what locks each row that it decides on, and
        writes nothing else. Raises `DatabaseTrouble` where the disk is full, the server is gone and the like.
        """
        async with self._connection(self._writer) as connection, connection.begin():
            if alone and not self.is_sqlite:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database from its first query on, and may change nothing."""
        async with self._connection(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def sole(self, name: str) -> AsyncIterator[AsyncConnection | None]:
        """A connection on which this process alone does what `name` says, for as long as the block lasts; None where
        another process does it (PostgreSQL only). Whoever loses the connection loses the right with it.
        """
        async with self._connection(self._writer) as connection:
            asked = text("SELECT pg_try_advisory_lock(hashtext(:name))")
            held = bool((await connection.execute(asked, {"name": f"quorate {name}"})).scalar())
            await connection.commit()
            try:
                yield connection if held else None
            finally:
                if held:
                    await connection.invalidate()  # the lock goes with the connection

    async def listen(self, told: Mapping[str, Callable[[], None]]) -> None:
        """Call what is `told` for each name that another process announces, until cancelled (PostgreSQL only).

        Whoever listens is told of everything once at the beginning, and again whenever the connection was lost and is
        back: what was announced meanwhile is not repeated.
        """
        listener = self._engine(None, pool_size=1, max_overflow=0)  # its own: of the others none is ever missing
        try:
            while True:
                try:
                    async with self._connection(listener) as connection:
                        await _listen_until_lost(connection, told)
                except Exception as lost:  # whatever it is: what nobody was told of is found all the same, later
                    log.warning("not_listening", reason=type(lost.__cause__ or lost).__name__)
                await asyncio.sleep(LISTEN_AGAIN)
        finally:
            await listener.dispose()

    async def migrate(self) -> tuple[str | None, str | None]:
        """Bring the schema up to date, one process at a time; returns the revision before and after.

        Raises `DatabaseTrouble` where the database is newer than this code.
        """
        if self.is_sqlite and self.url.database:
            with self._reaching(), self._plain_words():
                Path(self.url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                await self._write_ahead(self.url.database)
        async with self._connection(self._reader) as connection:
            before = await connection.run_sync(self._revision)
        if before == newest_revision():
            return before, before
        # Without foreign keys while tables are rebuilt: that is how SQLite changes a table.
        migrator = self._engine("BEGIN IMMEDIATE", keys=False, pool_size=1)
        try:
            async with self._connection(migrator) as connection, connection.begin():
                if not self.is_sqlite:
                    await connection.execute(text("SET LOCAL statement_timeout = 0"))
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATORS})"))
                before = await connection.run_sync(self._revision)
                await connection.run_sync(upgrade)
                after = await connection.run_sync(self._revision)
        finally:
            await migrator.dispose()
        return before, after

    async def _write_ahead(self, file: str) -> None:
        """Give a new file its write-ahead log, whoever else is doing the same.

        SQLite does not wait by itself for the lock that this takes. And where a file cannot be opened at all, it is
        found out here: aiosqlite's thread may outlive the event loop then.
        """
        until = monotonic() + self.lock_timeout
        while True:
            try:
                with closing(sqlite3.connect(file, timeout=self.lock_timeout)) as connection:
                    connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as busy:
                if not busy.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > until:
                    raise
            await asyncio.sleep(0.01)

    async def require_current_schema(self) -> None:
        """Raises `DatabaseTrouble` where the schema is not the one that this code works with."""
        async with self._connection(self._reader) as connection:
            found = await connection.run_sync(self._revision)
        if found is None:
            raise DatabaseTrouble(f"The database {self.name} has no tables of Quorate yet. Run: quorate migrate")
        if found != newest_revision():
            raise DatabaseTrouble(
                f"The database {self.name} stands at schema {found}; this Quorate works with {newest_revision()}. "
                "Run: quorate migrate"
            )

    def _revision(self, connection: Connection) -> str | None:
        """The revision that the schema stands at; None where there is none."""
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in revisions():
            raise DatabaseTrouble(
                f"The database {self.name} was made by a newer Quorate (its schema is {found}, the newest known here "
                f"is {newest_revision()}). Run the newer one, or put back a copy from before it."
            )
        return found

    async def close(self) -> None:
        """Let go of every connection."""
        await self._writer.dispose()
        if self.is_sqlite:
            await self._reader.dispose()


async def _listen_until_lost(connection: AsyncConnection, told: Mapping[str, Callable[[], None]]) -> None:
    gone = asyncio.Event()
    raw: Any = (await connection.get_raw_connection()).driver_connection
    raw.add_termination_listener(lambda *_: gone.set())
    try:
        for name, act in told.items():
            await raw.add_listener(name, lambda *_, act=act: act())
        for act in told.values():
            act()
        await gone.wait()
    finally:
        await connection.invalidate()


def _notice_a_dead_peer(connection: Any, _record: Any) -> None:
    """A server that vanished without a word is noticed while nothing is asked of it."""
    line: socket.socket = connection.driver_connection._transport.get_extra_info("socket")
    if line.family in {socket.AF_INET, socket.AF_INET6}:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", PROBE_AFTER),
            ("TCP_KEEPINTVL", PROBE_EVERY),
            ("TCP_KEEPCNT", PROBES),
            ("TCP_USER_TIMEOUT", 1000 * (PROBE_AFTER + PROBE_EVERY * PROBES)),
        ):
            if hasattr(socket, option):  # as Linux has them
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _is_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """A connection that was lost while it lay idle is replaced before anybody uses it; no question to the server."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _note_broken(context: ExceptionContext) -> None:
    """What the network did to a connection in use. The driver lets it through as it is, or cannot go on after it."""
    if isinstance(context.original_exception, OSError):  # a time-out is one too
        context.is_disconnect = True
        raise Broken from context.original_exception
