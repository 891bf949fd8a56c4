"""What was known when: which version counts is decided by the events' own time, and the past can be asked about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from services.directory.store import hospital_stays
from services.foundation.database import Database
from services.foundation.history import counts_at, remember
from services.foundation.settings import Settings
from tests.events import NOW


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url)
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Said:
    """One event about one child: at which hour it became true, and its id."""

    child: str
    hour: int
    id: str

    @property
    def order(self) -> tuple[int, str]:
        return self.hour, self.id

    def row(self) -> dict[str, Any]:
        time = NOW - timedelta(days=9) + timedelta(hours=self.hour)
        return {
            "child_id": self.child,
            "what": "hospital_admission",
            "event_time": time,
            "event_source": "/tests",
            "event_id": self.id,
        }


def minute(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


async def learn(database: Database, now: datetime, *said: Said) -> set[str]:
    async with database.write() as db:
        return await remember(db, hospital_stays, "child_id", [each.row() for each in said], now)


async def known(database: Database, as_of: datetime | None) -> dict[str, str]:
    """The id of the event that counted for each child; fails where more than one did."""
    async with database.read() as db:
        query = select(hospital_stays.c.child_id, hospital_stays.c.event_id).where(counts_at(hospital_stays, as_of))
        rows = (await db.execute(query)).all()
    assert len({row.child_id for row in rows}) == len(rows)
    return {row.child_id: row.event_id for row in rows}


async def test_what_was_not_known_yet_did_not_count(database: Database) -> None:
    await learn(database, minute(1), Said("c1", 1, "first"))
    await learn(database, minute(3), Said("c1", 2, "second"))
    assert await known(database, minute(0)) == {}
    assert await known(database, minute(1)) == {"c1": "first"}
    assert await known(database, minute(2)) == {"c1": "first"}
    assert await known(database, minute(3) - timedelta(microseconds=1)) == {"c1": "first"}
    assert await known(database, minute(3)) == {"c1": "second"}
    assert await known(database, None) == {"c1": "second"}


async def test_what_arrives_late_never_counted_and_is_kept(database: Database) -> None:
    assert await learn(database, minute(1), Said("c1", 2, "newer")) == {"c1"}
    assert await learn(database, minute(3), Said("c1", 1, "older")) == set()
    for as_of in (minute(1), minute(3), minute(4), None):
        assert await known(database, as_of) == {"c1": "newer"}
    async with database.read() as db:
        assert (await db.execute(select(func.count()).select_from(hospital_stays))).scalar_one() == 2


async def test_two_things_learnt_at_the_same_instant_leave_one_that_counts(database: Database) -> None:
    await learn(database, minute(1), Said("c1", 1, "first"))
    await learn(database, minute(1), Said("c1", 2, "second"))
    assert await known(database, minute(1)) == {"c1": "second"}


async def test_of_two_events_of_the_same_time_the_one_with_the_later_name_counts(database: Database) -> None:
    a, b = Said("c1", 1, "a"), Said("c1", 1, "b")
    assert await learn(database, minute(1), b) == {"c1"}
    assert await learn(database, minute(2), a) == set()
    assert await known(database, None) == {"c1": "b"}
    assert await learn(database, minute(3), Said("c2", 1, "a"), Said("c2", 1, "b"), Said("c2", 1, "a2")) == {"c2"}
    assert await known(database, None) == {"c1": "b", "c2": "b"}


async def test_of_one_batch_only_the_newest_ever_counts(database: Database) -> None:
    await learn(database, minute(1), Said("c1", 3, "x"), Said("c1", 5, "y"), Said("c1", 4, "z"), Said("c2", 1, "w"))
    assert await known(database, minute(1)) == {"c1": "y", "c2": "w"}
    async with database.read() as db:
        spans = (await db.execute(select(hospital_stays.c.known_from, hospital_stays.c.known_until))).all()
    assert sorted(span.known_until is None for span in spans) == [False, False, True, True]
    assert all(span.known_until in (None, minute(1)) for span in spans)


async def test_a_clock_that_was_put_back_leaves_one_that_counts(database: Database) -> None:
    await learn(database, minute(5), Said("c1", 1, "first"))
    await learn(database, minute(2), Said("c1", 2, "second"))
    for as_of in (minute(2), minute(5), minute(9), None):
        assert await known(database, as_of) == {"c1": "second"}


IDS = st.text("abcdef", min_size=1, max_size=2)
SAID = st.builds(Said, st.sampled_from(["c1", "c2", "c3"]), st.integers(0, 6), IDS)


@given(
    batches=st.lists(
        st.tuples(st.integers(0, 2), st.lists(SAID, min_size=1, max_size=6, unique=True)), min_size=1, max_size=6
    )
)
@how(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_at_every_instant_the_newest_of_what_was_known_counts(
    database: Database, batches: Sequence[tuple[int, Sequence[Said]]]
) -> None:
    async with database.write() as db:
        await db.execute(delete(hospital_stays))
    newest: dict[str, Said] = {}
    expected: dict[int, dict[str, str]] = {0: {}}
    now = 1
    for waited, said in batches:
        now += waited
        before = dict(newest)
        for each in said:
            if each.child not in newest or each.order > newest[each.child].order:
                newest[each.child] = each
        changed = {child for child, each in newest.items() if before.get(child) != each}
        assert await learn(database, minute(now), *said) == changed
        expected[now] = {child: each.id for child, each in newest.items()}
    for instant, counted in expected.items():
        assert await known(database, minute(instant)) == counted
    assert await known(database, None) == expected[now]
