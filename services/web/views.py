"""What the pages read: each function is shaped for one screen, across the rooms that it shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.foundation.clock import london_date
from services.foundation.outbox import MAIL, OutboxRow, outbox
from services.foundation.statements import chunks
from services.intake.store import journal
from services.intake.store import waiting as waiting_events
from services.invitations.store import invitations
from services.meetings.rules import INVITED, reference
from services.meetings.store import entries, meeting_facts, meetings, meetings_by_id
from services.oversight.rules import RESOLVED
from services.oversight.store import IS_OPEN, exceptions
from services.participation.rules.verdict import KINDS as OF_QUORACY
from services.records.rules.due import KINDS as OF_RECORDS
from services.records.views import explain
from services.web import answers_shown, records_shown, reports_shown

PAGE = 25  # rows on a page
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a list: its rows, which page it is (from 1), and how many rows there are in all."""

    rows: Sequence[Mapping[str, Any]]
    page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // PAGE))


async def _slice(db: AsyncConnection, query: Select[Any], page: int) -> tuple[list[Row[Any]], int, int]:
    total = int((await db.execute(select(func.count()).select_from(query.order_by(None).subquery()))).scalar_one())
    page = min(max(page, 1), max(1, -(-total // PAGE)))
    rows = (await db.execute(query.limit(PAGE).offset((page - 1) * PAGE))).all()
    return list(rows), page, total


def kind_name(policy: Policy, kind: str, starts_at: datetime) -> str:
    """A kind of meeting in words, as the policy has it on that day."""
    known = policy.on(london_date(starts_at)).kinds.get(kind)
    return known.name if known else kind.replace("_", " ")


async def meetings_to_come(
    db: AsyncConnection, policy: Policy, now: datetime, authority: str, kind: str, page: int
) -> tuple[Slice, list[str], dict[str, str]]:
    """The meetings that have not ended, the next one first, and the authorities and kinds (with their names) among
    them. An empty `authority` or `kind` is any.
    """
    found = select(meetings).where(meetings.c.state == SCHEDULED, meetings.c.ends_at > now).cte("to_come")
    # Found first and sorted then: by its order alone PostgreSQL would begin with the oldest of all that ever were.
    to_come = found.prefix_with("MATERIALIZED", dialect="postgresql")
    choices = (await db.execute(select(to_come.c.authority, to_come.c.kind).distinct())).all()
    query = select(to_come).order_by(to_come.c.starts_at, to_come.c.meeting_id)
    if authority:
        query = query.where(to_come.c.authority == authority)
    if kind:
        query = query.where(to_come.c.kind == kind)
    rows, page, total = await _slice(db, query, page)
    counts = await _counts(db, [row.meeting_id for row in rows])
    shown = [
        {
            **row._mapping,
            "reference": reference(row.meeting_id),
            "kind_name": kind_name(policy, row.kind, row.starts_at),
            **{name: counts.get((row.meeting_id, name), 0) for name in ("invited", "not_invited", "exceptions")},
        }
        for row in rows
    ]
    kinds = {row.kind: kind_name(policy, row.kind, now) for row in choices}
    return (
        Slice(shown, page, total),
        sorted({row.authority for row in choices}),
        dict(sorted(kinds.items(), key=lambda item: item[1])),
    )


async def _counts(db: AsyncConnection, meeting_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many are invited and not, and how many exceptions are open, for each meeting."""
    decided = (
        select(entries.c.meeting_id, entries.c.decision, func.count())
        .where(entries.c.meeting_id.in_(meeting_ids), entries.c.known_until.is_(None))
        .group_by(entries.c.meeting_id, entries.c.decision)
    )
    raised = (
        select(exceptions.c.meeting_id, literal("exceptions"), func.count())
        .where(exceptions.c.meeting_id.in_(meeting_ids), IS_OPEN)
        .group_by(exceptions.c.meeting_id)
    )
    return {(each[0], each[1]): each[2] for query in (decided, raised) for each in await db.execute(query)}


async def one_meeting(db: AsyncConnection, policy: Policy, meeting_id: str, now: datetime) -> dict[str, Any] | None:
    """One meeting with who is asked and who is not, its exceptions, and what was told about it; None where it is not
    known.
    """
    found = await explain(db, policy, meeting_id, None, now)
    if found is None:
        return None
    meeting = (await meetings_by_id(db, [meeting_id]))[meeting_id]
    told = await _told(db, meeting_id)
    raised = await _exceptions_of(db, meeting_id)
    register = found.get("attendance", {}).get("parties", ())
    names = await _names(
        db,
        [*found["entries"], *raised, *register, *found["others_answered"], *found.get("documents", ())],
        meeting.child_ids,
    )
    events = {(e["source"], e["id"]) for entry in found["entries"] for r in entry["reasons"] for e in r["events"]}
    events |= {(e["source"], e["id"]) for e in _events_of_quoracy(found.get("quoracy", {}))}
    known = await events_named(db, events | {(row["event_source"], row["event_id"]) for row in told})
    shown = [_entry(entry, number, policy, names, known) for number, entry in enumerate(found["entries"], 1)]
    anchors = {(entry.get("agency_id"), entry.get("person_id")): entry["anchor"] for entry in reversed(shown)}
    for each in raised:
        party = (each["agency_id"], each["person_id"])
        of_meeting = "quoracy" if each["kind"] in OF_QUORACY else "records" if each["kind"] in OF_RECORDS else None
        each["anchor"] = anchors.get(party, of_meeting) if any(party) else of_meeting
        each["about"] = _about(each, names)
    answered = answers_shown.answers(shown)
    in_writing = reports_shown.reports(shown, found)
    return {
        "meeting": meeting,
        "answers": answered,
        "answers_counted": answers_shown.counted(answered),
        "others": [{**each, "who": _called(each, names)} for each in found["others_answered"]],
        "wanted": {name: date.fromisoformat(day) for name, day in found.get("answers_wanted", {}).items()},
        "reports": in_writing,
        "reports_counted": reports_shown.counted(in_writing),
        "records": records_shown.in_short(found),
        "sent_unasked": [{**each, "who": _called(each, names)} for each in reports_shown.unasked(found)],
        "reference": reference(meeting_id),
        "kind_name": kind_name(policy, meeting.kind, meeting.starts_at),
        "children": [(child_id, names.get(child_id, child_id)) for child_id in meeting.child_ids],
        "invited": [entry for entry in shown if entry["decision"] == INVITED],
        "not_invited": [entry for entry in shown if entry["decision"] != INVITED],
        "exceptions": raised,
        "held": _held(found, policy, names, known),
        "told": [{**row, "event": known.get((row["event_source"], row["event_id"]))} for row in told],
    }


def _events_of_quoracy(quoracy: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """The events behind a verdict, and behind what was allowed in spite of it."""
    for party in quoracy.get("parties", ()):
        yield from party["events"]
    for each in (quoracy.get("went_on"), *quoracy.get("allowed", ())):
        if each is not None:
            yield each["event"]


def _held(
    found: Mapping[str, Any],
    policy: Policy,
    names: Mapping[str, str],
    known: Mapping[tuple[str, str], Mapping[str, Any]],
) -> dict[str, Any] | None:
    """The register of a held meeting with the verdict on it; None for one that was not held."""
    if "attendance" not in found:
        return None
    quoracy = found.get("quoracy")
    counted = {each["agency_id"]: each for each in quoracy["parties"]} if quoracy else {}
    lines = []
    for line in found["attendance"]["parties"]:
        kind = "child" if line["kind"] == "child" else policy.agency_name(line["kind"])
        who = names.get(line.get("agency_id") or line.get("person_id") or "")
        party = counted.get(line.get("agency_id", ""))
        events = [known.get((e["source"], e["id"])) for e in party["events"]] if party else []
        shown = {"who": who or kind, "kind_name": kind if who else "", "party": party}
        lines.append({**line, **shown, "events": [event for event in events if event is not None]})
    return {**found["attendance"], "quoracy": quoracy, "lines": lines}


def _entry(
    entry: Mapping[str, Any],
    number: int,
    policy: Policy,
    names: Mapping[str, str],
    known: Mapping[tuple[str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    kind = policy.agency_name(entry["kind"])
    who = names.get(entry.get("agency_id") or entry.get("person_id") or "")
    events = {(e["source"], e["id"]): known.get((e["source"], e["id"])) for r in entry["reasons"] for e in r["events"]}
    return {
        **entry,
        "anchor": f"entry-{number}",
        "who": who or kind,
        "kind_name": kind if who else "",
        "team": names.get(f"{entry.get('agency_id')}/{entry.get('team_id')}", entry.get("team_id")),
        "children": [names.get(child_id, child_id) for child_id in entry["child_ids"]],
        "events": [event for event in events.values() if event is not None],
    }


def _called(party: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What to call an agency or a person, which may not be one that is recorded."""
    known = str(party.get("agency_id") or party.get("person_id"))
    return names.get(known, known)


async def _names(
    db: AsyncConnection, some: Sequence[Mapping[str, Any]], child_ids: Iterable[str] = ()
) -> dict[str, str]:
    """What to call the agencies, teams (`agency/team`), relatives and children that some rows and `child_ids` name."""
    agencies = await directory.agencies_by_id(db, {each["agency_id"] for each in some if each.get("agency_id")})
    people = {each["person_id"] for each in some if each.get("person_id")}
    relatives = await directory.relatives_by_id(db, people)
    about = {each["child_id"] for each in some if each.get("child_id")}
    children = await directory.children_by_id(db, {*people, *about, *child_ids})
    names = {each.agency_id: each.name for each in agencies.values()}
    names |= {f"{each.agency_id}/{team.team_id}": team.name for each in agencies.values() for team in each.teams}
    names |= {each.person_id: each.name for each in relatives.values()}
    return names | {each.child_id: each.initials for each in children.values()}


def _about(exception: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Whom an exception is about, where it is about someone."""
    return names.get(exception["agency_id"] or exception["person_id"] or exception["child_id"] or "", "")


async def _told(db: AsyncConnection, meeting_id: str) -> list[dict[str, Any]]:
    """What events said of a meeting itself, in the order in which it came to be so."""
    query = (
        select(
            meeting_facts.c.aspect,
            meeting_facts.c.event_time,
            meeting_facts.c.event_source,
            meeting_facts.c.event_id,
            meeting_facts.c.known_from,
        )
        .where(meeting_facts.c.meeting_id == meeting_id)
        .order_by(meeting_facts.c.event_time, meeting_facts.c.event_source, meeting_facts.c.event_id)
    )
    return [dict(row) for row in (await db.execute(query)).mappings()]


async def _exceptions_of(db: AsyncConnection, meeting_id: str) -> list[dict[str, Any]]:
    query = (
        select(exceptions)
        .where(exceptions.c.meeting_id == meeting_id)
        .order_by(exceptions.c.state == RESOLVED, exceptions.c.raised_at, exceptions.c.exception_id)
    )
    return [dict(row) for row in (await db.execute(query)).mappings()]


async def events_named(
    db: AsyncConnection, names: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What kind of event each (source, id) is, and when it became true."""
    columns = (journal.c.source, journal.c.event_id, journal.c.type, journal.c.event_time, journal.c.recorded_at)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for some in chunks(names, 1_000):
        query = select(*columns).where(tuple_(journal.c.source, journal.c.event_id).in_(some))
        found.update(((row["source"], row["event_id"]), dict(row)) for row in (await db.execute(query)).mappings())
    return found


async def one_event(db: AsyncConnection, source: str, event_id: str) -> Mapping[str, Any] | None:
    """One row of the journal, and what it waits for; None where there is none."""
    query = select(journal).where(journal.c.source == source, journal.c.event_id == event_id)
    row = (await db.execute(query)).mappings().first()
    if row is None:
        return None
    waits = await db.execute(
        select(waiting_events.c.noun, waiting_events.c.ref).where(waiting_events.c.seq == row["seq"])
    )
    return {**row, "waits_for": [f"{each.noun} {each.ref}" for each in waits]}


async def exceptions_open(db: AsyncConnection, policy: Policy, kind: str, page: int) -> tuple[Slice, dict[str, int]]:
    """The exceptions that are not resolved, the oldest first, and how many there are of each kind. An empty `kind` is
    any.
    """
    open_ones = IS_OPEN
    of_kind: ColumnElement[bool] = open_ones & (exceptions.c.kind == kind) if kind else open_ones
    query = (
        select(
            exceptions,
            meetings.c.kind.label("meeting_kind"),
            meetings.c.starts_at.label("starts_at"),
            meetings.c.authority.label("authority"),
        )
        .join(meetings, meetings.c.meeting_id == exceptions.c.meeting_id, isouter=True)
        .where(of_kind)
        .order_by(exceptions.c.raised_at, exceptions.c.exception_id)
    )
    rows, page, total = await _slice(db, query, page)
    names = await _names(db, [row._asdict() for row in rows])
    shown = [
        {
            **row._mapping,
            "about": _about(row._asdict(), names),
            "reference": reference(row.meeting_id) if row.meeting_id else None,
            "meeting_kind": kind_name(policy, row.meeting_kind, row.starts_at) if row.meeting_kind else None,
        }
        for row in rows
    ]
    counted = select(exceptions.c.kind, func.count()).where(open_ones).group_by(exceptions.c.kind)
    return Slice(shown, page, total), {
        row[0]: row[1] for row in sorted(await db.execute(counted), key=lambda row: str(row[0]))
    }


async def messages_of(
    db: AsyncConnection, meeting_id: str, invitation_id: str
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]] | None:
    """An invitation and the messages written for it, the newest first; None where that meeting has no such
    invitation.
    """
    query = select(invitations).where(
        invitations.c.invitation_id == invitation_id, invitations.c.meeting_id == meeting_id
    )
    invitation = (await db.execute(query)).mappings().first()
    if invitation is None:
        return None
    written = (
        select(outbox)
        .where(outbox.c.channel == MAIL, outbox.c.key == invitation_id)
        .order_by(outbox.c.outbox_id.desc())
    )
    return dict(invitation), [dict(row) for row in (await db.execute(written)).mappings()]


def as_row(message: Mapping[str, Any]) -> OutboxRow:
    """A message as the room that renders it takes it."""
    return OutboxRow(message["outbox_id"], message["name"], message["key"], message["params"], message["attempts"])


async def still_waiting(db: AsyncConnection, seqs: Iterable[int]) -> set[int]:
    """Which of these events of the journal still wait for something."""
    found: set[int] = set()
    for some in chunks(seqs):
        found |= set((await db.execute(select(waiting_events.c.seq).where(waiting_events.c.seq.in_(some)))).scalars())
    return found
