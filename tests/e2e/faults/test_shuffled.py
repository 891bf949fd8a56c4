"""Ten thousand events, each delivered three times, in no order at all, end as they would have in order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from services.bootstrap import House, open_house
from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.invitations.rules import CANCELLED, invitation_id
from services.invitations.store import invitations
from services.meetings import store as meetings
from services.meetings.rules import DECIDED_BY_A_PERSON, INVITED, Entry
from services.oversight.rules import RAISED, UNDELIVERED
from services.oversight.store import exceptions
from tests.e2e.faults.line import AT_ONCE, Line, logged, until
from tests.e2e.faults.partnership import partnership
from tests.mail_server import MailServer, Taken, mail_server

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

EVENTS, TIMES = 10_000, 3
HISTORIES = (
    directory.agencies,
    directory.children,
    directory.relatives,
    directory.involvements,
    directory.hospital_stays,
    meetings.meeting_facts,
)
OF_THE_ARRIVAL = {"version", "known_from", "known_until"}


@dataclass
class End:
    """How things stand at the end of a run.

    `known` is all that counts now, by table. `entries` are those of the meetings that will take place, `cancelled` the
    meetings that will not. `invitations` are rows by id, `diary` the latest message of each diary entry. `usable` are
    the addresses that agencies have now, and `told_of` the parties, each with its meeting, of whom a coordinator is
    told that a message did not reach them.
    """

    known: dict[str, list[Any]]
    entries: dict[str, dict[str, Entry]]
    cancelled: set[str]
    invitations: dict[str, Any]
    diary: dict[str, Taken]
    usable: frozenset[str]
    told_of: set[tuple[str, str]]


async def end_of(house: House, server: MailServer) -> End:
    def plain(row: Any) -> tuple[tuple[str, str], ...]:
        return tuple((name, repr(value)) for name, value in row.items() if name not in OF_THE_ARRIVAL)

    async with house.database.read() as db:

        async def rows(table: Table, *conditions: Any) -> list[Any]:
            return sorted(plain(row) for row in (await db.execute(select(table).where(*conditions))).mappings())

        known = {each.name: await rows(each, each.c.known_until.is_(None)) for each in HISTORIES}
        known |= {each.name: await rows(each) for each in (meetings.meetings, meetings.meeting_children)}
        stand = await db.execute(select(meetings.meetings.c.meeting_id, meetings.meetings.c.state))
        states = {row.meeting_id: row.state for row in stand}
        entries = await meetings.entries_of(db, [each for each, state in states.items() if state == "scheduled"])
        asked = {row["invitation_id"]: row for row in (await db.execute(select(invitations))).mappings()}
        agencies = await directory.agencies_by_id(db, {row["agency_id"] for row in asked.values() if row["agency_id"]})
        undelivered = await db.execute(
            select(exceptions).where(exceptions.c.kind == UNDELIVERED, exceptions.c.state == RAISED)
        )
        told_of = {(row.meeting_id, row.agency_id or row.person_id) for row in undelivered}
    cancelled = {each for each, state in states.items() if state == "cancelled"}
    usable = frozenset(address for agency in agencies.values() for address in secure_addresses(agency))
    return End(known, entries, cancelled, asked, latest(server), usable, told_of)


def latest(server: MailServer) -> dict[str, Taken]:
    """The message that a diary entry stands on, by invitation: the one with the highest SEQUENCE and revision."""
    found: dict[str, tuple[tuple[int, int], Taken]] = {}
    for each in server.taken:
        name, sequence, revision = each.message_id.strip("<>").partition("@")[0].split(".")
        number = (int(sequence), int(revision))
        if name not in found or number > found[name][0]:
            found[name] = (number, each)
    for of, (highest, each) in found.items():
        uid, in_calendar = each.uid_and_sequence
        assert (uid.partition("@")[0], in_calendar) == (of, highest[0])
    return {name: each for name, (_, each) in found.items()}


def said(message: Taken) -> tuple[object, ...]:
    """What a message leaves in its reader's diary."""
    event = message.event
    when = event.decoded("DTSTART"), event.decoded("DTEND")
    return (
        message.to,
        message.parsed.get_param("method") or "",
        str(event.get("STATUS")),
        *when,
        str(event.get("LOCATION")),
    )


def stands_by_itself(entry: Entry) -> bool:
    """Whether the entry follows from what is so, and not from when it was learnt: whoever was asked stays asked."""
    return not any(reason.rule == "asked_before" for reason in entry.reasons)


def check_each(end: End) -> Counter[str]:
    """What must hold of one run alone: a diary says what the entry says, and nobody was un-invited silently."""
    count: Counter[str] = Counter()
    for meeting_id, entries in end.entries.items():
        for party, entry in entries.items():
            name = invitation_id(meeting_id, party)
            if entry.decision == INVITED and entry.address is not None:
                message, row = end.diary[name], end.invitations[name]
                assert message.to == entry.address == row["address"]
                assert str(message.event.get("STATUS")) != "CANCELLED"
                when = message.event.decoded("DTSTART"), message.event.decoded("DTEND")
                assert when == (row["starts_at"], row["ends_at"])
                count["asked"] += 1
            else:
                assert entry.why_not is not None
                if name in end.diary and str(end.diary[name].event.get("STATUS")) == "CANCELLED":
                    assert entry.why_not in DECIDED_BY_A_PERSON
                    count["taken back by a person"] += 1
    for name, row in end.invitations.items():
        if row["meeting_id"] in end.cancelled:
            assert row["state"] == CANCELLED
            if name not in end.diary or str(end.diary[name].event.get("STATUS")) == "CANCELLED":
                count["cancelled with their meeting"] += 1
            else:
                # The word that it is off had not gone when the address was taken from the record.
                assert row["address"] not in end.usable
                assert (row["meeting_id"], row["agency_id"] or row["person_id"]) in end.told_of
                count["not told that it is off, and told of to a person"] += 1
        else:
            assert row["party"] in end.entries[row["meeting_id"]], "asked, and not named any more"
    return count


async def in_order(home: Path, raws: Sequence[bytes], secret: str) -> End:
    """Where the embedded default ends that is given each event once, in order."""
    async with mail_server() as server:
        settings = Settings(home=home, secret=secret, smtp=f"smtp://127.0.0.1:{server.port}?tls=none")
        async with open_house(settings) as house:
            for start in range(0, len(raws), AT_ONCE):
                some = [Arrival(raw, {"file": "story", "line": start}) for raw in raws[start : start + AT_ONCE]]
                verdicts = await house.intake.accept(some)
                assert {verdict.state for verdict in verdicts} == {"accepted"}
            await house.drain()
            return await end_of(house, server)


async def test_events_delivered_three_times_in_shuffled_order_end_as_they_do_in_order(
    line: Line, say: Callable[[str, Counter[str]], None]
) -> None:
    raws = partnership(EVENTS)
    assert len(raws) == EVENTS
    wanted = await in_order(line.folder / "in-order", raws, line.settings.secret or "")
    shuffled = raws * TIMES
    random.Random(3).shuffle(shuffled)
    count = Counter(events=len(raws), records=len(shuffled))
    workers = (await line.start("worker", "worker", "mailer", "scheduler"))[:2]
    await line.produce(shuffled)

    def all_taken() -> bool:
        taken = [each for worker in workers for each in logged(worker, "batch_taken")]
        count["records that had been taken before"] = sum(each["known"] for each in taken)
        return sum(int(each["count"]) for each in taken) >= len(shuffled)

    await until(all_taken, "every record taken", every=0.5)

    async def nothing_due() -> bool:
        return int(await line.ask("SELECT count(*) FROM timers WHERE due_at <= now()")) == 0

    await until(nothing_due, "every timer acted on", every=0.2)
    await line.has_settled()
    line.end()
    async with open_house(line.settings) as house:
        found = await end_of(house, line.server)

    for name, rows in wanted.known.items():
        assert found.known[name] == rows, name
    assert found.entries.keys() == wanted.entries.keys()
    count["meetings"] = len(wanted.entries) + len(wanted.cancelled)
    for meeting_id, entries in wanted.entries.items():
        alike, other = (
            {party: entry for party, entry in some.items() if stands_by_itself(entry)}
            for some in (entries, found.entries[meeting_id])
        )
        assert other == alike, meeting_id
        count["entries that are the same"] += len(alike)
        for party in alike:
            name = invitation_id(meeting_id, party)
            if alike[party].decision == INVITED and alike[party].address is not None:
                assert said(found.diary[name]) == said(wanted.diary[name])
                count["diary entries that are the same"] += 1
    assert count["entries that are the same"] > count["diary entries that are the same"] > EVENTS / 20
    count += Counter({f"{what}, in order": number for what, number in check_each(wanted).items()})
    count += Counter({f"{what}, shuffled": number for what, number in check_each(found).items()})
    assert set(Counter(each.message_id for each in line.server.taken).values()) == {1}
    count["messages, shuffled"] = len(line.server.taken)
    await line.check_journal()
    say("three times in shuffled order", count)
