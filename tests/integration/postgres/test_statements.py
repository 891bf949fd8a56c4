"""What a batch costs the database: as many statements for a hundred events as for one, and the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from services.bootstrap import House
from services.intake.accept import Arrival
from tests.bench import partnership

MORE = 100


@contextmanager
def statements(house: House) -> Iterator[Counter[str]]:
    """The statements that this house runs in the block, with how often."""
    run: Counter[str] = Counter()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        run[statement] += len(values) if many and house.database.url.drivername.startswith("postgresql") else 1

    engines = {house.database.engine.sync_engine, house.database._reader.sync_engine}
    for each in engines:
        event.listen(each, "before_cursor_execute", note)
    yield run
    for each in engines:
        event.remove(each, "before_cursor_execute", note)


async def accept(house: House, raw: list[bytes]) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": n}) for n, each in enumerate(raw)])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


@pytest.fixture
async def recorded(house: House) -> House:
    raw = [*partnership.agencies(), *(each for n in range(2 * MORE) for each in partnership.family(n))]
    await accept(house, raw)
    return house


async def taking_in(house: House, numbers: range) -> Counter[str]:
    with statements(house) as run:
        await accept(house, [partnership.meeting(n, n) for n in numbers])
    return run


async def sending(house: House) -> tuple[Counter[str], int]:
    with statements(house) as run:
        tally = await house.drain()
    return run, tally.sent


@pytest.mark.slow
async def test_a_batch_takes_as_many_statements_as_one_event(recorded: House, store: str) -> None:
    one, hundred = await taking_in(recorded, range(1)), await taking_in(recorded, range(1, 1 + MORE))
    assert one.total() == hundred.total()
    assert 10 < one.total() < 40
    if store == "postgresql":
        assert one == hundred


@pytest.mark.slow
async def test_noting_a_batch_of_messages_takes_as_many_statements_as_one(recorded: House, store: str) -> None:
    await sending(recorded)
    await taking_in(recorded, range(1))
    few, sent_of_few = await sending(recorded)
    await taking_in(recorded, range(1, 1 + MORE // 4))
    many, sent_of_many = await sending(recorded)
    assert (sent_of_few, sent_of_many) == (8, 8 * (MORE // 4))
    assert few.total() == many.total()
    if store == "postgresql":
        assert few == many


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"])
async def test_every_statement_is_prepared_once(recorded: House) -> None:
    seen: set[str] = set()
    for size in (1, 2, 3, 5, 8, 13, 21):
        run = await taking_in(recorded, range(size * 4, size * 5))
        if size > 2:
            assert set(run) <= seen, set(run) - seen
        seen |= set(run)
