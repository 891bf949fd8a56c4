"""How PostgreSQL goes about every statement of the hot paths beside 100,000 meetings: by an index, and by one that
finds what is wanted.

Each statement is explained where it stands, just before it is run: with its own values, and as it is planned for any
values, since a prepared statement may be planned either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from services.bootstrap import LETTERS, House
from services.foundation import outbox, timers
from services.foundation.database import Database
from services.intake.accept import Arrival
from services.intake.views import list_dead_letters, list_waiting
from services.oversight.views import list_exceptions, standing
from services.participation.handlers import asking, reports
from services.participation.views import explain
from services.web import views
from tests import events
from tests.clock import MovableClock
from tests.integration.postgres import full_house

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

MANY = 10_000  # rows of a table that is not to be read from one end to the other
FEW = 500  # rows that may be looked at in vain

# What reads an index from one end to the other, and why it may.
ALLOWED = {
    "ix_exceptions_raised_at": "holds the exceptions that are open, and every one of those is listed or counted",
}


@pytest.fixture
def store() -> str:
    return "postgresql"


# In a function, since the driver would want values for what the statement leaves open.
FOR_ANY_VALUES = """
CREATE FUNCTION plan_for_any_values(statement text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE found json;
BEGIN EXECUTE 'EXPLAIN (GENERIC_PLAN, FORMAT JSON) ' || statement INTO found; RETURN found; END $$
"""


class Plans:
    """What is wrong with the plans of what was run, by label; `seen` counts the statements of each."""

    def __init__(self, database: Database, rows: dict[str, int]) -> None:
        self.engine = database.engine.sync_engine
        self.many = {name for name, count in rows.items() if count >= MANY}
        self.label = ""
        self.wrong: dict[tuple[str, str], str] = {}
        self.seen: Counter[str] = Counter()
        self.allowed: set[str] = set()
        self._explaining = False

    @contextmanager
    def of(self, label: str) -> Iterator[None]:
        """Look at what is run in this block."""
        self.label = label
        event.listen(self.engine, "before_cursor_execute", self._look)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", self._look)
        assert self.seen[label] > 0

    def _look(self, connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if self._explaining or many or not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            return
        self._explaining = True
        try:
            self.seen[self.label] += 1
            with connection.begin_nested() as undone:
                run = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", values)
                self._judge(statement, run.scalar()[0]["Plan"], "with its values")
                undone.rollback()
            planned = connection.exec_driver_sql("SELECT plan_for_any_values($1)", (statement,))
            self._judge(statement, planned.scalar()[0]["Plan"], "for any values")
        finally:
            self._explaining = False

    def _judge(self, statement: str, plan: dict[str, Any], how: str) -> None:
        for node in _nodes(plan):
            what = self._fault(node)
            if what is None:
                continue
            if node.get("Index Name") in ALLOWED:
                self.allowed.add(node["Index Name"])
                continue
            self.wrong.setdefault(
                (statement, what), f"{self.label}, {how}: {what}\n    {' '.join(statement.split())[:300]}"
            )

    def _fault(self, node: dict[str, Any]) -> str | None:
        kind, table = node["Node Type"], node.get("Relation Name")
        loops = node.get("Actual Loops", 1)
        kept = node.get("Actual Rows", 0) * loops
        vain = (node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)) * loops
        where = f"{table} by {node.get('Index Name', 'no index')}"
        if table in self.many and kind == "Seq Scan":
            return f"reads all of {table}"
        if table in self.many and kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node:
            read = kept + vain if "Actual Rows" in node else node["Plan Rows"]
            if read > FEW and not _limited(node):
                return f"reads {where} from one end to the other"
        if table is not None and vain > FEW and vain > 4 * kept:
            return f"looks at {vain:.0f} rows in vain, for {kept:.0f}: {where} ({kind})"
        return None


def _nodes(plan: dict[str, Any], *, limited: bool = False) -> Iterator[dict[str, Any]]:
    """A plan's nodes; each knows whether something above it stops reading after a few rows."""
    limited = limited or plan["Node Type"] == "Limit"
    yield {**plan, "Limited": limited}
    for each in plan.get("Plans", ()):
        yield from _nodes(each, limited=limited)


def _limited(node: dict[str, Any]) -> bool:
    return "Actual Rows" not in node and bool(node["Limited"])


def family(name: str) -> list[bytes]:
    kinds = ("gp", "school", "camhs")
    return [
        events.child(f"{name}-child", family_id=f"{name}-family"),
        events.relative(
            f"{name}-relative",
            family_id=f"{name}-family",
            relationship=[events.tie(f"{name}-child")],
            email="kin@home.example",
        ),
        *(
            events.involvement(f"{name}-{kind}", person_id=f"{name}-child", agency_id=f"seed-{kind}", service=kind)
            for kind in kinds
        ),
    ]


def meeting(name: str, kind: str = "initial_conference", **more: Any) -> bytes:
    about = {"children": [f"{name}-child"], "partition_key": f"{name}-family"}
    return events.meeting(f"{name}-{kind}", kind, **{**about, **more})


async def accept(house: House, *raw: bytes) -> list[str]:
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": n}) for n, each in enumerate(raw)])
    return [verdict.state for verdict in verdicts]


async def take_in(house: House, plans: Plans) -> None:
    """Every type of event, alone and in a batch, first and again, early and broken."""
    with plans.of("accept: agencies"):
        camhs = [events.secure("inbox@camhs.example")]
        assert await accept(house, events.agency("seed-camhs", "camhs", channels=camhs)) == ["accepted"]
    with plans.of("accept: a family"):
        for each in family("one"):
            await accept(house, each)
    first, again = meeting("one"), meeting("one", do_not_invite=[RESTRICTED])
    follows = meeting("one", "review_conference", follows="one-initial_conference", starts_at=LATER)
    there = [events.attended("seed-gp"), events.attended("one-new")]
    held = events.held("one-initial_conference", attendance=there, partition_key="one-family")
    moved = events.rescheduled("one-review_conference", starts_at=LATER + timedelta(days=1), partition_key="one-family")
    for label, each in {
        "a meeting": first,
        "a meeting that follows one": follows,
        "somebody taken back": again,
        "a meeting moved": moved,
        "a child in hospital": events.circumstance("one-child", what="hospital_admission"),
        "a child again": events.child("one-child", family_id="one-family", authority="rutland"),
        "an agency again": events.agency("seed-gp", "gp", channels=[events.secure("new@gp.example")]),
        "word of delivery": events.received(
            "one-review_conference", agency_id="seed-gp", address="new@gp.example", partition_key="one-family"
        ),
        "a bounce": events.bounced(
            "one-review_conference", agency_id="seed-gp", address="new@gp.example", partition_key="one-family"
        ),
        "an answer": events.answered("one-review_conference", agency_id="seed-gp", partition_key="one-family"),
        "an observation": events.observed("one-review_conference", agency_id="seed-gp", partition_key="one-family"),
        "a report": events.report("one-review_conference", agency_id="seed-gp", partition_key="one-family"),
        "a meeting held": held,
        "what was so before it, learnt later": events.involvement(
            "before", person_id="one-child", agency_id="seed-police", service="police"
        ),
        "of whose family, learnt later": events.relative(
            "one-father", family_id="one-family", relationship=[events.tie("one-child", "father")]
        ),
        "whose agency, recorded later": events.agency("one-new", "housing", authority="area-1"),
        "a word for an inquorate meeting": events.excepted("one-initial_conference", partition_key="one-family"),
        "a plan ended there": events.plan_ended(
            "one-plan", child_id="one-child", meeting_id="one-initial_conference", partition_key="one-family"
        ),
        "a plan started": events.plan_started(child_id="one-child", partition_key="one-family"),
        "a plan ended": events.plan_ended(child_id="one-child", partition_key="one-family"),
        "a record": events.record("record-1", meeting_id="one-initial_conference", partition_key="one-family"),
        "a meeting cancelled": events.cancelled("one-review_conference", partition_key="one-family"),
    }.items():
        with plans.of(f"accept: {label}"):
            assert await accept(house, each) == ["accepted"], label
    with plans.of("accept: known"):
        assert await accept(house, first, moved) == ["known", "known"]
    with plans.of("accept: early, and broken"):
        early = events.involvement("early", person_id="late-child", agency_id="seed-gp", service="gp")
        assert await accept(house, early, b"{}", b"{}") == ["waiting", "rejected", "rejected"]
        assert await accept(house, events.child("late-child", family_id="late-family")) == ["accepted"]
    batch = [each for n in range(100) for each in (*family(f"b{n}"), meeting(f"b{n}"))]
    with plans.of("accept: a batch"):
        assert set(await accept(house, *batch)) == {"accepted"}


RESTRICTED = {"agency_id": "seed-gp", "reason": "chairs_restriction", "note": "Decided by the chair"}
LATER = events.MEETING_AT + timedelta(days=90)


async def hear(house: House, plans: Plans, clock: MovableClock) -> None:
    """Answers to the time that was, another time, an invitation asked for again, and silence."""
    about = {"agency_id": "seed-gp", "partition_key": "b2-family"}
    moved = events.rescheduled("b2-initial_conference", partition_key="b2-family")
    assert await accept(house, moved) == ["accepted"]
    assert (await house.drain()).sent > 0
    clock.advance(timedelta(hours=2))
    other: dict[str, Any] = {"starts_at": LATER, "ends_at": LATER + timedelta(hours=1), **about}
    stamp = events.NOW.replace(microsecond=0)
    for label, each in {
        "an answer to an earlier time": events.answered(
            "b2-initial_conference", at=clock.now(), sequence=0, stamp=stamp, **about
        ),
        "another time": events.countered("b2-initial_conference", **other),
        "an invitation asked for": events.requested("b2-initial_conference", **about),
    }.items():
        with plans.of(f"accept: {label}"):
            assert await accept(house, each) == ["accepted"], label
    clock.set(events.MEETING_AT - timedelta(days=4))
    with plans.of("answers are looked for"):
        async with house.database.write() as db:
            work = house.intake.work(db)
            await asking.look(work, [f"b{number}-initial_conference" for number in range(1, 50)])
            assert len(work.derived) > 50
            await house.intake.finish(work)


async def look(house: House, plans: Plans) -> None:
    """Everything that people and machines ask."""
    policy, now = house.intake.policy, house.clock.now()
    async with house.database.read() as db:
        with plans.of("explain"):
            assert await explain(db, policy, "b1-initial_conference", None, now)
            assert await explain(db, policy, "b1-initial_conference", now - timedelta(minutes=1), now) is None
            assert await explain(db, policy, "seed-meeting", now, now)
            for as_of in (None, now):
                assert "quoracy" in (await explain(db, policy, "one-initial_conference", as_of, now) or {})
        with plans.of("exceptions"):
            assert await list_exceptions(db)
        with plans.of("pages"):
            for authority, kind in (("", ""), ("leicester", ""), ("", "initial_conference")):
                found, _, _ = await views.meetings_to_come(db, policy, now, authority, kind, 2)
                assert found.rows
            assert await views.one_meeting(db, policy, "b1-initial_conference", now)
            key = await outbox_key(house)
            assert await views.messages_of(db, "b1-initial_conference", key)
            assert await views.one_event(db, events.SOURCE, "seed-first")
            for kind in ("", "no_usable_address"):
                await views.exceptions_open(db, policy, kind, 1)
            await views.still_waiting(db, [1, 2, 3])
            await list_waiting(db, limit=200)
            assert await list_dead_letters(db, limit=200)
        with plans.of("measures"):
            await standing(db, now)
        with plans.of("what is due next"):
            assert await timers.next_due(db)
            await outbox.next_due(db, outbox.MAIL, LETTERS)
        with plans.of("relay, reading"):
            assert await outbox.to_relay(db, outbox.OUTCOME, 500)
    with plans.of("relay, noting"):
        async with house.database.write() as db:
            await outbox.relayed_up_to(db, outbox.OUTCOME, 10)


async def outbox_key(house: House) -> str:
    query = text("SELECT invitation_id FROM invitations WHERE meeting_id = 'b1-initial_conference' LIMIT 1")
    async with house.database.read() as db:
        return str((await db.execute(query)).scalar_one())


async def test_every_statement_of_the_hot_paths_finds_its_rows_by_an_index(
    house: House, clock: MovableClock, counted: Callable[[str], None]
) -> None:
    await full_house.seed(house)
    async with house.database.write() as db:
        await db.execute(text(FOR_ANY_VALUES))
        plans = Plans(house.database, await full_house.repeat(db))
    assert {"meetings", "entries", "invitations", "outbox", "journal", "children", "timers"} <= plans.many
    assert {"answers", "proposals", "asked_again", "reports", "report_requests"} <= plans.many
    await take_in(house, plans)
    with plans.of("stand by, while hundreds wait"):
        async with house.database.read() as db:
            assert not await outbox.claims_in_hand(db, outbox.MAIL, clock.now() + timedelta(days=1))
    with plans.of("claim and settle"):
        assert (await house.drain()).sent > 300
    await look(house, plans)
    clock.advance(timedelta(hours=2))
    with plans.of("tick"):
        assert await house.tick() > 0
    await hear(house, plans, clock)
    clock.set(events.MEETING_AT)
    with plans.of("reports are due"):
        async with house.database.write() as db:
            work = house.intake.work(db)
            await reports.due(work, ["seed-meeting", "b1-initial_conference"])
            await house.intake.finish(work)
    counted(f"{sum(plans.seen.values())} statements explained: {dict(plans.seen)}")
    assert not plans.wrong, "\n".join(plans.wrong.values())
    assert plans.allowed == set(ALLOWED)

    # And where an index is missing, that is found.
    async with house.database.write() as db:
        await db.execute(text("DROP INDEX ix_entries_meeting_id, ix_entries_meeting_id_past"))
    with plans.of("accept: without an index"):
        await accept(house, meeting("b2", "review_conference", starts_at=LATER))
    assert any("reads all of entries" in each for each in plans.wrong.values())
