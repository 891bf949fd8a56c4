"""What both stores promise: one writer at a time, one state for a reader, and trouble said in plain words."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from services.bootstrap import House, open_house
from services.directory import store as directory
from services.foundation.database import Database, Instant
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from services.intake.accept import Arrival
from services.intake.journal import verify
from tests import events
from tests.integration.foundation.command import quorate


def arrivals(count: int, prefix: str = "c") -> list[Arrival]:
    return [
        Arrival(events.child(f"{prefix}{n}", family_id=f"f-{prefix}{n}"), {"file": "sample", "line": n})
        for n in range(count)
    ]


async def children(database: Database) -> int:
    async with database.read() as db:
        return len((await db.execute(select(directory.children.c.child_id))).all())


async def write(database: Database, *statements: str, then: Exception | None = None) -> None:
    """Run statements in one transaction; raise `then` at its end."""
    async with database.write() as db:
        for statement in statements:
            await db.execute(text(statement))
        if then is not None:
            raise then


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url)
    yield opened
    await opened.close()


async def test_of_twenty_writers_that_read_first_none_loses_its_update(settings: Settings) -> None:
    databases = [Database(settings.database_url) for _ in range(20)]
    async with databases[0].write() as db:
        await db.execute(text("CREATE TABLE counted (number INTEGER)"))
        await db.execute(text("INSERT INTO counted VALUES (0)"))

    async def add_one(database: Database) -> None:
        async with database.write() as db:
            number = (await db.execute(text("SELECT number FROM counted"))).scalar_one()
            await db.execute(text("UPDATE counted SET number = :next"), {"next": number + 1})

    await asyncio.gather(*(add_one(each) for each in databases), *(add_one(databases[0]) for _ in range(20)))
    async with databases[0].read() as db:
        assert (await db.execute(text("SELECT number FROM counted"))).scalar_one() == 40
    for each in databases:
        await each.close()


async def test_what_a_block_that_raises_has_written_is_undone(database: Database) -> None:
    with pytest.raises(LookupError):
        await write(database, "CREATE TABLE half_done (number INTEGER)", then=LookupError())
    async with database.read() as db:
        with pytest.raises(DBAPIError):
            await db.execute(text("SELECT number FROM half_done"))


async def test_a_reader_sees_one_state_and_holds_up_no_writer(database: Database) -> None:
    async with database.write() as db:
        await db.execute(text("CREATE TABLE counted (number INTEGER)"))
    count = text("SELECT count(*) FROM counted")
    async with database.read() as reader:
        assert (await reader.execute(count)).scalar_one() == 0
        async with database.write() as writer:
            await writer.execute(text("INSERT INTO counted VALUES (1)"))
        assert (await reader.execute(count)).scalar_one() == 0
    async with database.read() as reader:
        assert (await reader.execute(count)).scalar_one() == 1


async def test_a_reader_may_change_nothing(database: Database) -> None:
    with pytest.raises((DBAPIError, DatabaseTrouble)):
        async with database.read() as db:
            await db.execute(text("CREATE TABLE counted (number INTEGER)"))


async def test_an_instant_keeps_its_moment_to_the_microsecond_and_needs_an_offset(database: Database) -> None:
    moments = Table("moments", MetaData(), Column("at", Instant))
    summer = datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=1)))
    winter = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    async with database.write() as db:
        await db.run_sync(moments.create)
        await db.execute(insert(moments), [{"at": winter}, {"at": summer}])
        assert (await db.execute(select(moments.c.at).order_by(moments.c.at))).scalars().all() == [summer, winter]
        assert (await db.execute(select(moments.c.at).where(moments.c.at > summer))).scalars().all() == [winter]
    with pytest.raises(StatementError, match="an instant needs an offset"):
        async with database.write() as db:
            await db.execute(insert(moments).values(at=datetime(2026, 10, 25)))  # noqa: DTZ001 – that is the point


async def test_a_broken_reference_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as db:
            await db.execute(text("INSERT INTO waiting (seq, noun, ref) VALUES (1, 'child', 'c1')"))


async def test_one_version_of_a_thing_counts_at_a_time(database: Database) -> None:
    now = datetime.now(UTC)
    stay = {"child_id": "c1", "what": "hospital_admission", "event_source": "/s", "event_time": now, "known_from": now}
    with pytest.raises(IntegrityError):
        async with database.write() as db:
            await db.execute(directory.hospital_stays.insert(), [stay | {"event_id": each} for each in ("e1", "e2")])


async def test_an_error_tells_nothing_of_the_values(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as db:
            await db.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "Rumpelstiltskin"})
    assert "Rumpelstiltskin" not in str(caught.value)


async def test_two_processes_take_events_in_at_once(house: House, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(each.raw for each in arrivals(600, "theirs")) + b"\n")
    other = asyncio.create_task(quorate(settings, "ingest", str(file), "--json"))
    ours = 0
    while not other.done() or ours < 60:
        await house.intake.accept(arrivals(20, f"ours-{ours}-"))
        ours += 20
    status, _, err = await other
    assert (status, err) == (0, "")
    assert await children(house.database) == 600 + ours
    _, faults = await verify(house.database)
    assert faults == []


async def test_the_same_event_in_two_processes_has_one_effect(settings: Settings) -> None:
    async with open_house(settings) as first, open_house(settings) as second:
        batch = arrivals(50)
        results = await asyncio.gather(first.intake.accept(batch), second.intake.accept(batch))
        assert sorted(verdict.state for some in results for verdict in some) == ["accepted"] * 50 + ["known"] * 50


async def test_whoever_waits_for_the_writer_too_long_is_told(settings: Settings, database: Database) -> None:
    hurried = Database(settings.database_url, lock_timeout=0.1)
    async with database.write():
        with pytest.raises(DatabaseTrouble, match="another process has kept it busy"):
            async with hurried.write():
                pass
    async with hurried.write() as db:
        assert (await db.execute(text("SELECT 1"))).scalar_one() == 1
    await hurried.close()


@pytest.mark.parametrize("store", ["sqlite"])
class TestSqlite:
    async def test_it_is_set_up_to_be_durable_and_to_keep_references(self, database: Database) -> None:
        async with database.write() as db:
            said = {
                name: (await db.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}

    async def test_a_full_disk_leaves_nothing_half_done_and_no_event_is_blamed(self, house: House) -> None:
        await house.intake.accept(arrivals(10, "before"))

        async def may_grow_by(pages: int) -> None:
            async with house.database.write() as db:
                used = (await db.execute(text("PRAGMA page_count"))).scalar_one()
                await db.execute(text(f"PRAGMA max_page_count = {used + pages}"))

        await may_grow_by(20)
        batch = arrivals(400, "after")
        with pytest.raises(DatabaseTrouble, match=r"the disk is full\. Nothing of this step was kept"):
            await house.intake.accept(batch)
        assert await children(house.database) == 10
        await may_grow_by(100_000)
        assert {verdict.state for verdict in await house.intake.accept(batch)} == {"accepted"}
        walk, faults = await verify(house.database)
        assert (walk.rows, faults) == (410, [])

    async def test_a_disk_that_fails_while_a_file_is_taken_in_costs_no_event(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        file = tmp_path / "events.ndjson"
        file.write_bytes(b"\n".join(each.raw for each in arrivals(3_000)) + b"\n")
        status, _, err = await quorate(settings, "ingest", str(file), largest_file=1_200_000)
        assert status == 1
        assert "quorate.db cannot be used: the disk" in err
        assert "Traceback" not in err
        status, _, err = await quorate(settings, "ingest", str(file), "--json")
        assert (status, err) == (0, "")
        database = Database(settings.database_url)
        assert await children(database) == 3_000
        _, faults = await verify(database)
        assert faults == []
        await database.close()

    async def test_two_processes_that_make_a_new_database_wait_for_each_other(self, settings: Settings) -> None:
        """The switch to the write-ahead log needs the file to itself, and SQLite fails there without a wait."""
        database = Database(f"sqlite+aiosqlite:///{settings.home / 'new.db'}")
        other = sqlite3.connect(str(database.url.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        making = asyncio.create_task(database.migrate())
        try:
            done, _ = await asyncio.wait([making], timeout=0.3)
            assert not done
            other.execute("ROLLBACK")
            before, after = await making
            assert (before, after is None) == (None, False)
        finally:
            other.close()
            await database.close()

    async def test_what_is_no_database_is_said_so_in_one_line(self, settings: Settings) -> None:
        (settings.home / "quorate.db").write_bytes(b"Dear Sir or Madam, " * 1_000)
        status, out, err = await quorate(settings, "exceptions", "--json")
        assert (status, out) == (1, "")
        assert err == (
            f"The database {settings.home}/quorate.db cannot be used: it is not a database. "
            "Put the last good copy in its place, or name another file.\n"
        )

    async def test_a_damaged_database_is_said_so_in_one_line(self, settings: Settings) -> None:
        async with open_house(settings) as house:
            await house.intake.accept(arrivals(300))
        path = settings.home / "quorate.db"
        sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\x00garbage" * ((len(whole) - 4096) // 8))
        status, out, err = await quorate(settings, "exceptions", "--json")
        assert (status, out) == (1, "")
        assert "it is damaged. Put the last good copy in its place" in err
        assert len(err.splitlines()) == 1

    async def test_a_home_that_is_a_file_is_said_so_in_one_line(self, store: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        status, out, err = await quorate(Settings(home=tmp_path / "file" / "home"), "exceptions")
        assert (status, out) == (1, "")
        assert "cannot be reached: Not a directory" in err
        assert len(err.splitlines()) == 1

    async def test_a_folder_in_place_of_the_file_is_said_so_in_one_line(self, settings: Settings) -> None:
        (settings.home / "quorate.db").unlink()
        (settings.home / "quorate.db").mkdir()
        status, out, err = await quorate(settings, "exceptions")
        assert (status, out) == (1, "")
        assert "it cannot be opened. Check that its folder is there" in err
        assert len(err.splitlines()) == 1

    async def test_a_database_that_may_not_be_written_to_is_said_so_in_one_line(self, settings: Settings) -> None:
        os.chmod(settings.home / "quorate.db", 0o444)
        os.chmod(settings.home, 0o555)
        status, out, err = await quorate(settings, "exceptions", heeds_permissions=True)
        os.chmod(settings.home, 0o755)
        assert (status, out) == (1, "")
        assert "may not be written to" in err or "cannot be opened" in err
        assert len(err.splitlines()) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"])
class TestPostgres:
    async def test_a_server_that_is_not_there_is_said_so_without_the_password(self, settings: Settings) -> None:
        gone = settings.model_copy(update={"database": "postgresql+asyncpg://quorate:hunter2@127.0.0.1:1/quorate"})
        status, out, err = await quorate(gone, "exceptions")
        assert (status, out) == (1, "")
        assert "cannot be reached" in err
        assert "Check that its server runs, and QUORATE_DATABASE" in err
        assert "hunter2" not in err
        assert len(err.splitlines()) == 1

    async def test_a_database_that_is_not_there_is_said_so(self, settings: Settings) -> None:
        assert settings.database is not None
        gone = settings.model_copy(update={"database": re.sub(r"@/\w+", "@/nowhere", settings.database)})
        status, out, err = await quorate(gone, "exceptions")
        assert (status, out) == (1, "")
        assert "there is no database of this name. Create it, then run: quorate migrate" in err
        assert len(err.splitlines()) == 1

    async def test_a_query_that_takes_too_long_is_given_up(self, settings: Settings) -> None:
        hurried = Database(settings.database_url, statement_timeout=0.05)
        with pytest.raises(DatabaseTrouble, match="longer than QUORATE_STATEMENT_TIMEOUT allows"):
            async with hurried.read() as db:
                await db.execute(text("SELECT pg_sleep(30)"))
        await hurried.close()

    async def test_a_connection_that_breaks_is_said_so_and_the_next_one_works(self, database: Database) -> None:
        with pytest.raises(DatabaseTrouble, match="again"):
            await write(database, "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1")
        await write(database, "SELECT 1")
