"""What is to leave, and what is to happen: claimed by one worker at a time, in order, when it is due."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import outbox, timers
from services.foundation.database import Database
from services.foundation.outbox import OutboxRow, Settlement
from services.foundation.settings import Settings
from services.foundation.timers import Timer
from tests.events import NOW

LEASE = timedelta(minutes=15)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url)
    yield opened
    await opened.close()


def letter(number: int, key: str | None = None, **more: Any) -> dict[str, Any]:
    return outbox.row(outbox.MAIL, "letter", key or f"key-{number}", {"number": number}, NOW, **more)


async def put(database: Database, *rows: dict[str, Any]) -> None:
    async with database.write() as db:
        await outbox.write(db, rows)


async def claim(db: AsyncConnection, worker: str = "w1", limit: int = 100, now: Any = NOW) -> list[OutboxRow]:
    return await outbox.claim(db, outbox.MAIL, ["letter"], worker, limit, now, LEASE)


async def claimed(database: Database, worker: str = "w1", limit: int = 100, now: Any = NOW) -> list[int]:
    async with database.write() as db:
        return [each.params["number"] for each in await claim(db, worker, limit, now)]


def sent(row: OutboxRow, state: str = "sent", due_at: Any = NOW) -> Settlement:
    return Settlement(row.outbox_id, state, "250", row.attempts + 1, due_at)


async def plan_of(db: AsyncConnection, what: Callable[[], Awaitable[Any]]) -> str:
    """How the database goes about the first statement of `what`."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    engine = db.sync_connection.engine if db.sync_connection else None
    event.listen(engine, "before_cursor_execute", note)
    await what()
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = statements[0]
    explain = "EXPLAIN QUERY PLAN" if db.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row[-1]) for row in await db.exec_driver_sql(f"{explain} {statement}", parameters))


async def test_rows_are_claimed_oldest_first_and_once(database: Database) -> None:
    await put(database, *(letter(n) for n in range(5)))
    assert await claimed(database, limit=3) == [0, 1, 2]
    assert await claimed(database, "w2") == [3, 4]
    assert await claimed(database) == []


async def test_workers_side_by_side_share_the_rows_without_overlap(settings: Settings, database: Database) -> None:
    await put(database, *(letter(n) for n in range(300)))

    async def work(worker: str) -> list[int]:
        own = Database(settings.database_url)
        mine: list[int] = []
        while some := await claimed(own, worker, limit=20):
            mine += some
        await own.close()
        return mine

    shares = await asyncio.gather(*(work(f"w{n}") for n in range(4)))
    assert sorted(number for share in shares for number in share) == list(range(300))


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"])
async def test_a_claim_steps_over_what_another_one_has_locked(database: Database) -> None:
    await put(database, *(letter(n) for n in range(4)), letter(4, "key-0"))
    async with database.engine.begin() as one, database.engine.begin() as other:
        first = {each.params["number"] for each in await claim(one, "w1", limit=2)}
        second = {each.params["number"] for each in await claim(other, "w2")}
    assert (first, second) == ({0, 1}, {2, 3})


async def test_rows_of_one_key_leave_one_after_another(database: Database) -> None:
    await put(database, letter(1, "same"), letter(2, "same"), letter(3, "same"), letter(4, "other"))
    for number in (1, 2, 3):
        async with database.write() as db:
            rows = {row.params["number"]: row for row in await claim(db)}
            assert number in rows
            assert {each for each in rows if each != 4} == {number}
        assert await claimed(database, "w2") == []
        async with database.write() as db:
            await outbox.settle(db, [sent(rows[number])], NOW)
    assert await claimed(database) == []


async def test_a_row_that_is_put_off_holds_up_those_behind_it_and_one_given_up_does_not(database: Database) -> None:
    await put(database, letter(1, "same"), letter(2, "same"))
    async with database.write() as db:
        [row] = await claim(db)
        await outbox.settle(db, [sent(row, "pending", LATER)], NOW)
    assert await claimed(database) == []
    async with database.write() as db:
        [row] = await claim(db, now=LATER)
        assert (row.params["number"], row.attempts) == (1, 1)
        await outbox.settle(db, [sent(row, "failed")], LATER)
    assert await claimed(database, now=LATER) == [2]


async def test_a_claim_whose_worker_died_falls_due_again_when_its_lease_ends(database: Database) -> None:
    await put(database, letter(1), letter(2, "key-1"))
    assert await claimed(database) == [1]
    assert await claimed(database, "w2", now=NOW + LEASE - timedelta(seconds=1)) == []
    assert await claimed(database, "w2", now=NOW + LEASE) == [1]
    async with database.write() as db:
        rows = [outbox.OutboxRow(number, "letter", "", {}, 0, worker) for worker in ("w1", "w2") for number in (1, 2)]
        assert await outbox.still_claimed(db, rows[:2]) == set()
        assert await outbox.still_claimed(db, rows[2:]) == {1}
        assert await outbox.still_claimed(db, rows) == {1}


async def test_of_what_somebody_had_in_hand_or_tried_it_is_known_that_it_may_have_left(database: Database) -> None:
    await put(database, letter(1), letter(2), letter(3))
    async with database.write() as db:
        first, second, _ = await claim(db, now=NOW)
        assert first.result is None
        await outbox.settle(db, [sent(first, "pending", LATER)], NOW)
        await outbox.settle(db, [sent(second, "pending", LATER)._replace(result="")], NOW)
    async with database.write() as db:
        found = {row.params["number"]: row.result for row in await claim(db, "w2", now=max(LATER, NOW + LEASE))}
    assert found == {1: "250", 2: "", 3: outbox.STOPPED}


KEPT = {
    "": False,
    "451 SMTPRecipientsRefused, has not left": False,
    "421, has not left": False,
    "451 SMTPRecipientsRefused": True,  # and what was tried before may have left
    "LostWithContent": True,
    "LostWithContent, then kept back": True,
    outbox.STOPPED: True,
}


async def test_what_was_put_off_at_its_address_has_not_left_when_it_is_taken_back(database: Database) -> None:
    await put(database, *(letter(number) | {"result": each} for number, each in enumerate(KEPT)))
    await put(database, *(letter(number, state="failed") | {"result": each} for number, each in enumerate(KEPT, 10)))
    of = {number: may for start in (0, 10) for number, may in enumerate(KEPT.values(), start)}
    assert {each: outbox.may_have_left(each) for each in KEPT} == KEPT
    async with database.write() as db:
        assert await outbox.take_back(db, [f"key-{number}" for number in of], NOW) == {
            f"key-{number}" for number, may in of.items() if may
        }
    await put(database, *(letter(number, f"row-{number}") | {"result": each} for number, each in enumerate(KEPT)))
    async with database.write() as db:
        waiting = await outbox.waiting_under(db, [f"row-{number}" for number in of])
        taken = await outbox.take_back_rows(db, [each.outbox_id for each in waiting], NOW)
    assert [taken[each.outbox_id] for each in waiting] == list(KEPT.values())


async def test_a_claim_that_is_not_committed_never_was(database: Database) -> None:
    await put(database, letter(1))
    with pytest.raises(LookupError):
        await _claim_and_fail(database)
    assert await claimed(database, "w2") == [1]


async def _claim_and_fail(database: Database) -> None:
    async with database.write() as db:
        assert await claim(db)
        raise LookupError


async def test_what_is_kept_for_another_channel_is_not_claimed(database: Database) -> None:
    await put(database, outbox.row(outbox.OUTCOME, "letter", "k", {}, NOW), letter(1, "k2", state="kept"))
    assert await claimed(database) == []


async def test_the_next_row_that_falls_due_is_known(database: Database) -> None:
    async with database.read() as db:
        assert await outbox.next_due(db, outbox.MAIL, ["letter"]) is None
    await put(database, letter(1) | {"due_at": LATER}, letter(2) | {"due_at": LATER + LEASE})
    async with database.read() as db:
        assert await outbox.next_due(db, outbox.MAIL, ["letter"]) == LATER
        assert await outbox.next_due(db, outbox.MAIL, ["another"]) is None


async def test_a_claim_costs_what_waits_and_not_what_was_sent(database: Database) -> None:
    rows = [letter(n, f"key-{n % 15_000}", state="sent" if n < 19_000 else "pending") for n in range(20_000)]
    await put(database, *rows)
    async with database.write() as db:
        await db.execute(text("ANALYZE"))

        async def one() -> None:
            await claim(db, limit=200)

        plan = await plan_of(db, one)
    assert "ix_outbox_due" in plan
    assert "ix_outbox_key" in plan
    assert "SCAN outbox" not in plan
    assert "Seq Scan" not in plan


async def test_a_claim_does_not_read_all_that_waits_for_each_row_where_nothing_waited_when_it_was_counted(
    database: Database,
) -> None:
    await put(database, *(letter(n, state="sent") for n in range(5_000)))
    async with database.write() as db:
        await db.execute(text("ANALYZE"))
    await put(database, *(letter(n) for n in range(5_000, 9_000)))
    async with database.write() as db:

        async def one() -> None:
            await claim(db, limit=200)

        plan = await plan_of(db, one)
    assert plan.count("ix_outbox_due") == 1
    assert "ix_outbox_key" in plan


def timer(key: str, minutes: int = 0, name: str = "meetings.starts", **params: Any) -> Timer:
    return Timer(name, key, NOW + timedelta(minutes=minutes), params)


async def arm(database: Database, *wanted: Timer) -> None:
    async with database.write() as db:
        await timers.arm(db, wanted)


async def take(database: Database, minutes: int = 0, limit: int = 100) -> list[Timer]:
    async with database.write() as db:
        return await timers.take_due(db, NOW + timedelta(minutes=minutes), limit)


async def test_timers_that_are_due_are_taken_oldest_first_and_once(database: Database) -> None:
    await arm(database, timer("late", 2), timer("b", 1), timer("a", 1, why="moved"), timer("first"))
    assert await take(database, 1, limit=2) == [timer("first"), timer("b", 1)]
    assert await take(database, 1) == [timer("a", 1, why="moved")]
    assert await take(database, 1) == []
    async with database.read() as db:
        assert await timers.next_due(db) == NOW + timedelta(minutes=2)


async def test_a_timer_takes_the_place_of_the_one_before(database: Database) -> None:
    await arm(database, timer("m1", 1), timer("m1", 5), timer("m2"), timer("m1", 3, name="another"))
    await arm(database, timer("m1", 2, by="hand"))
    assert await take(database, 10) == [timer("m2"), timer("m1", 2, by="hand"), timer("m1", 3, name="another")]


async def test_a_timer_that_is_taken_away_does_not_fall_due_and_one_that_is_not_there_is_no_error(
    database: Database,
) -> None:
    await arm(database, timer("m1"), timer("m2"))
    async with database.write() as db:
        await timers.disarm(db, [("meetings.starts", "m1"), ("meetings.starts", "m3")])
    assert await take(database) == [timer("m2")]


async def test_a_timer_whose_work_fails_is_due_again(database: Database) -> None:
    await arm(database, timer("m1"))
    with pytest.raises(LookupError):
        await _take_and_fail(database)
    assert await take(database) == [timer("m1")]


async def _take_and_fail(database: Database) -> None:
    async with database.write() as db:
        assert await timers.take_due(db, NOW, 10)
        raise LookupError


async def test_workers_side_by_side_take_each_timer_once(settings: Settings, database: Database) -> None:
    await arm(database, *(timer(f"m{n}") for n in range(200)))
    databases = [Database(settings.database_url) for _ in range(4)]

    async def work(own: Database) -> Sequence[str]:
        mine: list[str] = []
        while some := await take(own, limit=15):
            mine += [each.key for each in some]
        return mine

    taken = Counter(key for share in await asyncio.gather(*(work(each) for each in databases)) for key in share)
    assert taken == Counter(f"m{n}" for n in range(200))
    for each in databases:
        await each.close()


async def test_a_tick_costs_what_is_due_and_not_what_is_set(database: Database) -> None:
    await arm(database, *(timer(f"m{n}", minutes=n) for n in range(20_000)))
    async with database.write() as db:
        await db.execute(text("ANALYZE"))

        async def one() -> None:
            await timers.take_due(db, NOW + timedelta(minutes=5), 200)

        plan = await plan_of(db, one)
    assert "ix_timers_due" in plan
    assert "SCAN timers" not in plan.replace("USING INDEX", "")
    assert "Seq Scan" not in plan
