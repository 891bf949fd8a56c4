"""A database as it stands after years: one family's rows, made by the real path, repeated 100,000 times by the server.

What is repeated keeps the shape of its columns (ids of its own, times spread over the years, most of it over and done
with), which is what a plan goes by; most documents are left out, since no plan looks into one.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import JSON, Column, String, Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import House
from services.foundation.database import metadata
from services.intake.accept import Arrival
from services.participation.store import quoracy
from tests import events

MEETINGS = 100_000
TO_COME = MEETINGS // 20
AGENCIES = 500
SERIAL = {"version", "outbox_id", "timer_id", "deadletter_id", "answer_no", "proposal_no", "report_no", "exception_no"}
HASHED = {"invitation_id", "exception_id"}
MOVING = {"starts_at", "ends_at", "due_at", "raised_at"}
# How often a table's rows are repeated, where it is not once for each meeting.
TIMES = {"agencies": AGENCIES, "waiting": 0, "journal_end": 0, "relayed": 0, "dead_letters": 0, "dead_letter_parts": 0}
# The hours by which the times of the nth copy differ: nineteen of twenty meetings are over.
_HOURS = f"CASE WHEN n <= {TO_COME} THEN n ELSE -(n % 40000) END"


async def seed(house: House) -> None:
    """One family, one meeting, everything sent, one message refused for good, apologies with a report that came and one
    that did not, another time proposed, an invitation sent once more.
    """
    raw = [
        events.agency("seed-gp", "gp", id="seed-first"),
        events.agency("seed-school", "school"),
        events.agency("seed-camhs", "camhs", channels=[]),
        events.agency("seed-police", "police"),
        events.child("seed-child", family_id="seed-family"),
        events.relative(
            "seed-relative", family_id="seed-family", relationship=[events.tie("seed-child")], email="kin@home.example"
        ),
        *(
            events.involvement(f"seed-{kind}", person_id="seed-child", agency_id=f"seed-{kind}", service=kind)
            for kind in ("gp", "school", "camhs")
        ),
        events.circumstance("seed-child", what="hospital_admission"),
        events.meeting("seed-meeting", "strategy_discussion", children=["seed-child"], partition_key="seed-family"),
    ]
    verdicts = await house.intake.accept([Arrival(each, {"file": "seed", "line": 1}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    assert (await house.drain()).sent > 0
    bounced = events.bounced(
        "seed-meeting", agency_id="seed-gp", address="seed-former@gp.example", partition_key="seed-family"
    )
    [verdict] = await house.intake.accept([Arrival(bounced, {"file": "seed", "line": 1})])
    assert verdict.state == "accepted"
    heard = [
        *(events.answered("seed-meeting", agency_id=each, answer="declined") for each in ("seed-gp", "seed-school")),
        events.countered(
            "seed-meeting",
            agency_id="seed-gp",
            starts_at=events.MEETING_AT + timedelta(hours=5),
            ends_at=events.MEETING_AT + timedelta(hours=6),
        ),
        events.requested("seed-meeting", agency_id="seed-gp"),
        events.report("seed-meeting", agency_id="seed-gp"),
        events.excepted("seed-meeting", "proceed_inquorate"),
        events.plan_ended("seed-plan", child_id="seed-child", meeting_id="seed-meeting"),
    ]
    verdicts = await house.intake.accept([Arrival(each, {"file": "seed", "line": 1}) for each in heard])
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    assert (await house.drain()).sent > 0
    async with house.database.write() as db:
        await _judged(db)


async def _judged(db: AsyncConnection) -> None:
    """The rows of a verdict and of a register, each as of a meeting that nobody asks after."""
    at = events.MEETING_AT
    await quoracy.note_attendances(db, {"seed-over": (at, ["seed-gp", "seed-school", "seed-police"])})
    document = {
        "confirmed": False,
        "needed": "",
        "found": "",
        "missing": [],
        "parties": [],
        "went_on": None,
        "allowed": [],
        "inquorate_before": [],
        "child_ids": ["seed-child"],
        "starts_at": at.isoformat(),
    }
    verdict = {"quorate": True, "rule": "strategy_discussion", "text": "Quorate.", "document": document, "refused": []}
    await db.execute(insert(quoracy.verdicts).values(meeting_id="seed-meeting", judged_at=at, **verdict))


async def repeat(db: AsyncConnection) -> dict[str, int]:
    """Repeat what is there; returns how many rows each table has then."""
    await db.execute(text("SET LOCAL session_replication_role = replica"))  # references hold by the way this is done
    await db.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
    await db.execute(text("SET LOCAL statement_timeout = 0"))
    by_name = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix_%'"
    indexes = (await db.execute(text(by_name))).all()
    for index in indexes:
        await db.execute(text(f"DROP INDEX {index.indexname}"))
    for table in metadata.sorted_tables:
        times = TIMES.get(table.name, MEETINGS)
        if times:
            await db.execute(text(_repeating(table, times)))
    for index in indexes:
        await db.execute(text(index.indexdef.replace(":", "\\:")))
    await db.execute(text("UPDATE journal_end SET seq = (SELECT max(seq) FROM journal)"))
    await db.execute(text("INSERT INTO relayed (channel, outbox_id) SELECT 'outcome', max(outbox_id) - 50 FROM outbox"))
    await db.execute(text("ANALYZE"))
    counted = text("SELECT relname, reltuples::bigint AS rows FROM pg_class WHERE relkind = 'r' AND reltuples > 0")
    return {row.relname: row.rows for row in await db.execute(counted)}


def _repeating(table: Table, times: int) -> str:
    columns = [column for column in table.c if column.name not in SERIAL or table.name == "relayed"]
    names = ", ".join(f'"{column.name}"' for column in columns)
    values = ", ".join(_value(table, column) for column in columns)
    where = f" WHERE n <= {TO_COME}" if table.name == "timers" else ""  # those of meetings that are over have fired
    source = f'"{table.name}", generate_series(1, {times}) n{where}'
    return f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM {source}'


def _value(table: Table, column: Column[object]) -> str:
    name = f'"{table.name}"."{column.name}"'
    hashed = f"left(md5({name} || n), length({name}))"
    if column.name in HASHED:
        return hashed
    if (table.name, column.name) == ("outbox", "key"):
        return f"CASE WHEN \"outbox\".channel = 'mail' THEN {hashed} ELSE {_own(name)} END"
    if (table.name, column.name) == ("journal", "seq"):
        return f"{name} + n * 1000"
    if (table.name, column.name) in {("meetings", "state"), ("exceptions", "state")}:
        over = "'held'" if table.name == "meetings" else "'resolved'"
        return f"CASE WHEN n <= {TO_COME} THEN {name} ELSE {over} END"
    if column.name == "authority":
        return "'area-' || (n % 50)"
    if column.name == "event_id":
        return f"{name} || '-' || n"
    if column.name == "agency_id":
        return f"replace({name}, 'seed', 'a' || (n % {AGENCIES}))"
    if column.name in MOVING:
        return f"{name} + ({_HOURS}) * interval '1 hour'"
    if table.name == "meeting_facts" and column.name == "document":  # what timers of copies will look at
        return f"{_own(name + '::text')}::json"
    if isinstance(column.type, JSON):
        return "'{}'::json"
    if isinstance(column.type, String):
        return _own(name)
    return name


def _own(name: str) -> str:
    return f"replace({name}, 'seed', 's' || n)"
