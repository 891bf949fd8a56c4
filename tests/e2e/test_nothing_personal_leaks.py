"""Marked values go through everything, on the real command and the real process; then whatever is read without need is
searched for them: logs, measures, what is seen of a message without opening it, outcome events, what commands count up.

Bodies of messages and the coordinator's pages are another matter: the marks are looked for there to show that they
went through, and `tests/integration/invitations/test_who_learns_what.py` says who may read which.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from icalendar import Calendar
from sqlalchemy import text as sql

from services.foundation.database import Database
from services.foundation.settings import Settings
from services.streams.topics import DEAD_LETTERS, ensure
from services.streams.topics import OUTCOMES as OUTCOMES_TOPIC
from tests import events
from tests.broker import Broker, own_names
from tests.conftest import PostgresServer
from tests.mail_server import mail_server, until
from tests.running import COMMAND, TOKEN, Running, Up, environment
from tests.streaming import committed, produce, records

MARK = "qvx"
"""In every text below that tells of a person, in capitals or not."""
NHS = events.nhs_number(971)
BORN, DUE = date(2014, 7, 19), date(2090, 11, 23)
PEOPLE = {"child-971", "child-972", "person-971", "person-972", "person-973"}
TELLING = {
    *(MARK, NHS, f"{NHS[:3]} {NHS[3:6]} {NHS[6:]}", TOKEN.lower()),
    *("2014-07-19", "19 july 2014", "19/07/2014", "2090-11-23", "23 november 2090"),
    str(int(NHS) + 1),
}
PLACE = "9 Qvx Close, Home of the Qvxes"
STARTS = datetime(2090, 4, 3, 9, tzinfo=UTC)
WORKER = {"name": "Wanda Qvx", "email": "wanda@qvx.example"}
OF_AGENCIES = ("gp-1", "camhs-1", "childrens-social-care-1", "police-1")


OF_CALENDARS = {f"calendar {name}" for name in ("SUMMARY", "LOCATION", "DESCRIPTION", "UID", "ORGANIZER")}
OUTCOMES = {
    *("quorate.invitees.resolved.v1", "quorate.exception.raised.v1"),
    *("quorate.invitation.sent.v1", "quorate.invitation.undelivered.v1"),
}
LOGGED = {"http_request", "mail_sent", "request_failed", "event_tripped_over", "stopping"}


def partnership() -> list[bytes]:
    agencies = [
        events.agency(each, channels=[events.secure(f"{each}@qvx.example")], teams=teams)
        for each, teams in zip(
            OF_AGENCIES,
            ([], [events.team("duty", "waiting", channels=[events.secure("duty@qvx.example")])], [], []),
            strict=True,
        )
    ]
    own = {"kind": "self", "child_id": "child-971", "parental_responsibility": False}
    father = [events.tie("child-971", "father")]
    return [
        *agencies,
        events.child(
            "child-971", initials="QVX", nhs=NHS, date_of_birth=BORN, preferred_name="Qvxie", pronouns="qvx/qvxem"
        ),
        events.child("child-972", initials="QVX", expected_on=DUE),
        events.relative(
            "person-971", name="Moira Qvx", email="moira@qvx.example", relationship=[events.tie("child-971")]
        ),
        events.relative("person-972", name="Fred Qvx", email="fred@qvx.example", relationship=father),
        events.relative("person-973", name="Self Qvx", email="self@qvx.example", relationship=[own]),
        events.involvement(person_id="child-971", agency_id="gp-1", key_worker=WORKER),
        events.involvement(person_id="child-971", agency_id="camhs-1", status="waiting", key_worker=WORKER),
        events.involvement(person_id="child-972", agency_id="childrens-social-care-1", key_worker=WORKER),
    ]


def meeting(meeting_id: str = "m1", kind: str = "initial_conference") -> bytes:
    note = "Qvx has hurt Qvx"
    return events.meeting(
        meeting_id,
        kind,
        children=["child-971", "child-972"],
        starts_at=STARTS,
        place=PLACE,
        chair={"name": "Char Qvx", "email": "char@qvx.example"},
        organiser={"name": "Orla Qvx", "email": "orla@qvx.example"},
        also_invite=[{"agency_id": "police-1", "reason": "Knows Qvx"}],
        do_not_invite=[{"person_id": "person-972", "reason": "chairs_restriction", "note": note}],
    )


def what_follows() -> list[bytes]:
    """One event and more of every other type, with a text of each kind that one may hold."""
    delegate = {"name": "Del Qvx", "email": "del@qvx.example"}
    attended = [events.attended("gp-1", name="Att Qvx")]
    return [
        events.rescheduled(starts_at=STARTS + timedelta(days=1), place=f"{PLACE}, flat 2", reason="Qvx is ill"),
        events.answered(agency_id="gp-1", answer="delegated", by="By Qvx", delegate=delegate, note="For Qvx"),
        events.countered(
            agency_id="gp-1",
            starts_at=STARTS + timedelta(days=2),
            ends_at=STARTS + timedelta(days=3),
            by="By Qvx",
            note="Clinic of Qvx",
        ),
        events.answered(agency_id="camhs-1", sequence=0, by="By Qvx", note="Qvx is known", reason="leave"),
        events.requested(agency_id="gp-1"),
        events.observed(agency_id="gp-1", address="seen@qvx.example", evidence="Seen by Qvx"),
        events.report(agency_id="gp-1", text="Report on Qvx"),
        events.record(approved_by="App Qvx", sections=[events.section("Qvx was seen.", heading="On Qvx")]),
        events.circumstance("child-971", detail="Qvx ward"),
        events.plan_started(child_id="child-971", household=["person-971"]),
        events.meeting("m0", children=["child-971"], starts_at=events.MEETING_AT, place=PLACE),
        events.held("m0", attendance=attended),
        events.cancelled("m2", reason="Qvx has moved"),
    ]


def bad() -> list[bytes]:
    """Events that are refused, with a mark in each place where a text that tells of a person belongs, and most often
    wrong there. (A kind that is none is quoted to whoever sent it, and so stands unmarked here.)
    """
    person = {"name": "Qvx\n", "email": "qvx qvx.example"}
    wrong_number = str(int(NHS) + 1)
    return [
        events.child("child-973", initials="QVX\t", nhs=f"Qvx {wrong_number}", preferred_name="Qvx\x00", kind="x y"),
        events.child("child-974", initials="QVX" * 99, nhs=wrong_number, pronouns="\x1bqvx"),
        json_of(events.child("child-974", initials="QVX", nhs=None), date_of_birth="19/07/2014", nhs_number=int(NHS)),
        events.relative("person-974", name="Bad Qvx\n", email="Qvx <qvx@qvx.example>", needs=["Needs Qvx"]),
        events.involvement(person_id="child-971", agency_id="gp-1", status="no status", key_worker=person),
        events.meeting("m3", "no kind", starts_at=STARTS, place="Qvx\x00", organiser=person, chair=person),
        json_of(events.cancelled("m2"), reason={"of": "Qvx"}),
        events.event("quorate.child.recorded.v1", "child-971", {"child_id": "other", "initials": "Qvx", NHS: 1}),
        events.event("quorate.nothing.recorded.v1", "x", {"name": "Name Qvx", "born": BORN}),
        b'{"specversion":"1.0","time":"never","data":"Qvx"}',
        b'["Qvx"]',
        b'{"name": "Qvx',
        b"Dear Mrs Qvx",
    ]


def json_of(event: bytes, **data: object) -> bytes:
    """The event with other data in it, which no builder would put there."""
    whole = json.loads(event)
    return json.dumps(whole | {"data": whole["data"] | data}).encode()


class Seen:
    """What came to light, by where."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, where: str, text: str) -> str:
        self.texts.append((where, text))
        return text

    def leaks(self, telling: Iterable[str] = ()) -> list[tuple[str, str, str]]:
        found = [
            (where, each, text) for where, text in self.texts for each in {*TELLING, *telling} if each in text.lower()
        ]
        return [
            (where, each, text[max(0, (at := text.lower().index(each)) - 60) : at + 60]) for where, each, text in found
        ]


def quorate(home: Path, seen: Seen, *words: str | Path, status: int = 0) -> str:
    """Run the command, whose standard error is searched."""
    done = subprocess.run(
        (*COMMAND, *map(str, words)),
        env=environment(home, log_level="debug"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    seen.add(f"error output of {words[0]}", done.stderr)
    return done.stdout


def rows(home: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "quorate.db")) as db:
        return db.execute(query).fetchall()


def on_the_outside(raw: bytes) -> Iterator[tuple[str, str]]:
    """All of a message but whom it goes to and what it says once opened."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    calendars = 0
    for part in message.walk():
        for name, value in part.items():
            if name not in {"To", "Delivered-To"}:
                yield f"header {name}", str(value)
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and part.get_content_type() in {"text/calendar", "application/ics"}:
            calendars += 1
            for each in Calendar.from_ical(content).walk():
                for name, value in each.property_items(recursive=False):
                    if name != "ATTENDEE":
                        yield f"calendar {name}", f"{value} {getattr(value, 'params', '')}"
    invites = not any(what in str(message["Message-ID"]) for what in (".notice@", ".record@"))
    assert calendars == (2 if invites else 0)


def said(raw: bytes) -> str:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


async def test_marked_values_go_through_everything_and_tell_of_nobody_on_the_way(tmp_path: Path) -> None:
    home, seen, out = tmp_path / "home", Seen(), Seen()

    def command(*words: str | Path, status: int = 0) -> str:
        return quorate(home, seen, *words, status=status)

    # From a file, to the local catcher.
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join([*partnership(), meeting(), meeting("m2", "strategy_discussion"), *bad()]) + b"\n")
    seen.add("output of ingest", await asyncio.to_thread(command, "ingest", file, status=1))
    seen.add("output of drain", await asyncio.to_thread(command, "drain"))
    letters = json.loads(await asyncio.to_thread(command, "deadletters", "list", "--json"))
    assert len(letters) == len(bad())
    for letter in letters:
        seen.add("dead letter", json.dumps([letter["errors"], letter["from"]], ensure_ascii=False))
    mailbox = sorted((home / "mailbox").iterdir())
    messages = [each.read_bytes() for each in mailbox]
    for each in mailbox:
        seen.add("name of a file", each.name)

    # Through the door, to a mail server that quotes whom it refuses; then with rows that cannot be read.
    async with mail_server() as server:
        server.script = {
            "RCPT": ["550 5.1.1 <moira@qvx.example> Moira Qvx is not known here", "", "", ""],
            "end": ["451 4.3.0 try Qvx later", "554 5.7.1 Qvx is not wanted"],
        }
        with Up(home, smtp=f"smtp://127.0.0.1:{server.port}?tls=none", log_level="debug") as up:
            await asyncio.to_thread(up.send_all, what_follows())
            await until(lambda: len(server.taken) > 3)
            answer = await asyncio.to_thread(up.send_all, [each for each in bad() if each.endswith(b"}")])
            assert len(answer["rejected"]) > 7
            seen.add("answer of the door", json.dumps([each["errors"] for each in answer["rejected"]]))
            for refused in ("Dear Mrs Qvx", '{"name": "Qvx'):
                seen.add("answer of the door", (await asyncio.to_thread(up.send, refused.encode())).text)
            await asyncio.to_thread(up.send, b"{}", authorization="Bearer Qvx")
            shown = ""
            for path in ("/", "/meetings/m1", "/exceptions", "/waiting", "/dead-letters", f"/meetings/{NHS}", "/Qvx"):
                shown += (await asyncio.to_thread(up.get, path)).text
            assert "QVX" in shown
            await asyncio.to_thread(up.get, "/?authority=Qvx&kind=Qvx", headers={"host": "qvx.example"})
            with closing(sqlite3.connect(home / "quorate.db")) as db:
                db.execute("UPDATE relatives SET document = 'Moira Qvx' WHERE person_id = 'person-971'")
                db.execute("UPDATE dead_letters SET errors = 'Moira Qvx'")
                db.commit()
            failing = events.child("child-971", initials="QVX", nhs=NHS, date_of_birth=BORN)
            for path in ("/dead-letters", "/metrics"):
                seen.add(f"answer of {path}", (await asyncio.to_thread(up.get, path)).text)
            seen.add("answer of the door", (await asyncio.to_thread(up.send, failing)).text)
            assert await asyncio.to_thread(up.stop) == 0
        log = seen.add("log", up.log.read_text())
        messages += [each.content for each in server.taken]

    for where, text in (each for raw in messages for each in on_the_outside(raw)):
        seen.add(where, text)
    told = rows(home, "SELECT name, key, params FROM outbox WHERE channel = 'outcome'")
    for name, key, params in told:
        out.add(f"outcome {name}", f"{key} {params}")

    assert seen.leaks(PEOPLE) == []
    assert out.leaks() == []

    marks_went_in(home)
    marks_came_out([said(raw) for raw in messages])
    assert {"header Subject", "header From", "header Reply-To", "header Message-ID"} <= {w for w, _ in seen.texts}
    assert {where for where, _ in seen.texts} >= OF_CALENDARS
    assert {name for name, _, _ in told} >= OUTCOMES
    assert {json.loads(line)["event"] for line in log.splitlines()} >= LOGGED


@pytest.mark.kafka
@pytest.mark.postgres
async def test_marked_values_go_through_kafka_and_tell_of_nobody_on_the_way(
    tmp_path: Path, broker: Broker, postgres_server: PostgresServer
) -> None:
    settings = Settings(
        home=tmp_path / "home",
        database=postgres_server.url(await postgres_server.new(migrated=True)),
        secret="a-key-for-tests-alone",
        broker=f"kafka://{broker.address}",
        topic_partitions=2,
        topic_replication=1,
        **own_names(),
    )
    await asyncio.to_thread(ensure, settings)
    seen, out = Seen(), Seen()
    given = {name: getattr(settings, name) for name in settings.model_fields_set - {"home"}}
    with Running("worker", settings.home, log_level="debug", **given) as worker:
        await taken(settings, [*partnership(), meeting(), meeting("m2", "strategy_discussion"), *what_follows()])
        await taken(settings, bad())
        database = Database(settings.database_url)
        async with database.write() as db:
            await db.execute(sql("UPDATE relatives SET document = '\"Moira Qvx\"' WHERE person_id = 'person-971'"))
        await database.close()
        await taken(settings, [events.child("child-971", id="again", initials="QVX", nhs=NHS, preferred_name="Qvxie")])
        seen.add("measures", worker.get("/metrics").text)
        assert await asyncio.to_thread(worker.stop) == 0
        log = seen.add("log", worker.log.read_text())
    seen.add("the broker's log", broker.log.read_text())
    told = await records(settings, OUTCOMES_TOPIC, 3)
    for record in told:
        out.add("an outcome", record.value.decode())
        out.add("an outcome's key", record.key.decode())
    letters = await records(settings, DEAD_LETTERS, len(bad()) + 1)
    for record in letters:
        seen.add("a dead letter's headers", str(record.headers))

    assert seen.leaks(PEOPLE) == []
    assert out.leaks() == []

    assert all(any(mark in record.value.decode() for record in letters) for mark in ("Dear Mrs Qvx", "Qvxie", "again"))
    assert {json.loads(record.value)["type"] for record in told} >= {"quorate.invitees.resolved.v1"}
    assert {json.loads(line)["event"] for line in log.splitlines()} >= {"batch_taken", "event_tripped_over"}


async def taken(settings: Settings, raws: list[bytes]) -> None:
    """Append records, and wait until the group has committed what comes after them."""
    ends = await produce(settings, raws)
    async with asyncio.timeout(60):
        while True:
            if await committed(settings, ends) == ends:
                return


def marks_went_in(home: Path) -> None:
    """That the test can fail: the marks are where everything that comes in is kept."""
    kept = " ".join(
        bytes(raw).decode() if isinstance(raw, bytes) else str(raw)
        for (raw,) in rows(home, "SELECT raw FROM journal UNION ALL SELECT bytes FROM dead_letter_parts")
    )
    for each in (
        "Moira Qvx",
        "Wanda Qvx",
        "Del Qvx",
        "Att Qvx",
        "Qvx was seen",
        "Qvx ward",
        "Dear Mrs Qvx",
        PLACE,
        NHS,
    ):
        assert each in kept


def marks_came_out(bodies: list[str]) -> None:
    """And in the bodies of messages."""
    for each in ("QVX", f"{NHS[:3]} {NHS[3:6]} {NHS[6:]}", "19 July 2014", "Qvxie", "Moira Qvx", "Wanda Qvx", PLACE):
        assert any(each in body for body in bodies), each
