"""Meetings and their entries.

What events say of a meeting is kept by aspect with its history (`meeting_facts`), so that late and shuffled events
end in the same state and any past moment can be asked about. `meetings` holds the same as it stands now, in columns
for looking things up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import JSON, Column, Index, String, Table, Text, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Cause
from services.foundation.clock import london_date
from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.history import counts_at, history_columns, order
from services.foundation.statements import add, among, change, chunks
from services.meetings.rules import INVITED, AlsoInvite, DoNotInvite, Entry, Meeting, Reason

ID = String(64)

DEFINED, TIMED, CANCELLED, HELD = "defined", "timed", "cancelled", "held"
PLACED, LINKED = "placed", "linked"

meeting_facts = Table(
    "meeting_facts",
    metadata,
    Column("fact", String(80), nullable=False),
    Column("meeting_id", ID, nullable=False),
    Column("aspect", String(16), nullable=False),
    Column("partition_key", Text, nullable=False),
    Column("document", JSON, nullable=False),
    *history_columns(),
)
_counting = meeting_facts.c.known_until.is_(None)
Index("ix_meeting_facts_fact", meeting_facts.c.fact, unique=True, sqlite_where=_counting, postgresql_where=_counting)
Index("ix_meeting_facts_meeting_id", meeting_facts.c.meeting_id, meeting_facts.c.known_from)

meetings = Table(
    "meetings",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("kind", ID, nullable=False),
    Column("authority", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("follows", ID),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
)
Index("ix_meetings_starts_at", meetings.c.starts_at, meetings.c.meeting_id)
Index("ix_meetings_follows", meetings.c.follows)
Index("ix_meetings_ends_at", meetings.c.ends_at)

meeting_children = Table(
    "meeting_children",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("child_id", ID, primary_key=True),
)
Index("ix_meeting_children_child_id", meeting_children.c.child_id)

entries = Table(
    "entries",
    metadata,
    Column("version", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("party", Text, nullable=False),
    Column("kind", ID, nullable=False),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("team_id", ID),
    Column("decision", String(16), nullable=False),
    Column("why_not", ID),
    Column("document", JSON, nullable=False),
    Column("known_from", Instant, nullable=False),
    Column("known_until", Instant),
)
_standing = entries.c.known_until.is_(None)
Index(
    "ix_entries_meeting_id",
    entries.c.meeting_id,
    entries.c.party,
    unique=True,
    sqlite_where=_standing,
    postgresql_where=_standing,
)
Index("ix_entries_agency_id", entries.c.agency_id, sqlite_where=_standing, postgresql_where=_standing)
Index(
    "ix_entries_kind_missing",
    entries.c.kind,
    entries.c.meeting_id,
    sqlite_where=_standing & entries.c.agency_id.is_(None),
    postgresql_where=_standing & entries.c.agency_id.is_(None),
)
Index("ix_entries_meeting_id_past", entries.c.meeting_id, entries.c.known_from)


@dataclass(frozen=True, slots=True)
class ToCome:
    """A meeting still to come about one child."""

    meeting_id: str
    kind: str
    starts_at: datetime
    child_id: str


@dataclass(frozen=True, slots=True)
class Follower:
    """A meeting still to come that names the one it follows."""

    meeting_id: str
    follows: str
    starts_at: datetime


def _fold(facts: Mapping[str, Mapping[Any, Any]]) -> Meeting | None:
    """A meeting from its aspects; None where it is not defined yet."""
    if DEFINED not in facts:
        return None
    row = facts[DEFINED]
    d = row["document"]
    timed = facts[TIMED] if TIMED in facts and order(facts[TIMED]) > order(row) else None
    t = timed["document"] if timed else d
    place, joining_url = (
        facts[aspect]["document"][name] if aspect in facts and order(facts[aspect]) > order(row) else d[name]
        for aspect, name in ((PLACED, "place"), (LINKED, "joining_url"))
    )
    state = "scheduled"
    held = facts.get(HELD)
    if held is not None:
        state = "held"
    elif CANCELLED in facts and order(facts[CANCELLED]) > order(timed or row):
        state = "cancelled"
    starts_at = datetime.fromisoformat(t["starts_at"])
    return Meeting(
        meeting_id=row["meeting_id"],
        kind=d["kind"],
        authority=d["authority"],
        partition_key=row["partition_key"],
        state=state,
        child_ids=tuple(d["children"]),
        starts_at=starts_at,
        ends_at=datetime.fromisoformat(t["ends_at"]),
        day=london_date(starts_at),
        follows=d["follows"],
        also_invite=tuple(AlsoInvite(a["agency_id"], a["reason"]) for a in d["also_invite"]),
        do_not_invite=tuple(
            DoNotInvite(n["agency_id"], n["person_id"], n["reason"], n["note"]) for n in d["do_not_invite"]
        ),
        cause=Cause(row["event_source"], row["event_id"]),
        place=place,
        joining_url=joining_url,
        organiser=d["organiser"]["name"],
        chair=d["chair"]["name"] if d["chair"] else None,
        core_group=tuple(held["document"]["core_group"]) if held else (),
        held_by=Cause(held["event_source"], held["event_id"]) if held else None,
        organiser_email=d["organiser"]["email"] or "",
    )


Facts: TypeAlias = dict[str, dict[str, Mapping[Any, Any]]]
"""What was said of meetings: by meeting, then by aspect."""


async def facts_of(db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None) -> Facts:
    """What is said of the meetings with these ids, as known at `as_of` (None: now)."""
    facts: Facts = {}
    for some in chunks(set(ids)):
        query = select(meeting_facts).where(
            among(db, meeting_facts.c.meeting_id, some), counts_at(meeting_facts, as_of)
        )
        for row in (await db.execute(query)).mappings():
            facts.setdefault(row["meeting_id"], {})[row["aspect"]] = row
    return facts


def told_by(facts: Facts) -> dict[str, Meeting]:
    """The meetings of which this is said, as far as they are defined."""
    folded = {meeting_id: _fold(aspects) for meeting_id, aspects in facts.items()}
    return {meeting_id: meeting for meeting_id, meeting in folded.items() if meeting is not None}


async def meetings_by_id(db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None) -> dict[str, Meeting]:
    """The meetings with these ids, as known at `as_of` (None: now)."""
    return told_by(await facts_of(db, ids, as_of))


async def place(db: AsyncConnection, some: Iterable[Meeting]) -> set[str]:
    """Note meetings as they stand now, for looking them up; returns the children they were about before."""
    rows = [
        {
            "meeting_id": m.meeting_id,
            "kind": m.kind,
            "authority": m.authority,
            "state": m.state,
            "follows": m.follows,
            "starts_at": m.starts_at,
            "ends_at": m.ends_at,
        }
        for m in some
    ]
    if not rows:
        return set()
    ids = [row["meeting_id"] for row in rows]
    gone = delete(meeting_children).where(among(db, meeting_children.c.meeting_id, ids))
    before = set((await db.execute(gone.returning(meeting_children.c.child_id))).scalars())
    await db.execute(delete(meetings).where(among(db, meetings.c.meeting_id, ids)))
    await add(db, meetings, rows)
    links = [{"meeting_id": m.meeting_id, "child_id": child_id} for m in some for child_id in m.child_ids]
    await add(db, meeting_children, links)
    return before


async def known_meetings(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Which of these ids are scheduled meetings."""
    found: set[str] = set()
    for some in chunks(set(ids)):
        found |= set(
            (await db.execute(select(meetings.c.meeting_id).where(among(db, meetings.c.meeting_id, some)))).scalars()
        )
    return found


def _to_come(now: datetime):  # type: ignore[no-untyped-def]
    return (meetings.c.state == "scheduled") & (meetings.c.starts_at > now)


async def held_known_since(db: AsyncConnection, ids: Iterable[str]) -> dict[str, datetime]:
    """Since when it is known of these meetings that they were held, whatever was corrected about that later."""
    found: dict[str, datetime] = {}
    for some in chunks(set(ids)):
        query = select(meeting_facts.c.meeting_id, func.min(meeting_facts.c.known_from)).where(
            among(db, meeting_facts.c.meeting_id, some), meeting_facts.c.aspect == HELD
        )
        found.update((each[0], each[1]) for each in await db.execute(query.group_by(meeting_facts.c.meeting_id)))
    return found


async def still_to_come(db: AsyncConnection, ids: Iterable[str], now: datetime) -> set[str]:
    """Which of these meetings are still to come."""
    found: set[str] = set()
    for some in chunks(set(ids)):
        query = select(meetings.c.meeting_id).where(among(db, meetings.c.meeting_id, some), _to_come(now))
        found |= set((await db.execute(query)).scalars())
    return found


async def held_among(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Which of these meetings have been held."""
    found: set[str] = set()
    for some in chunks(set(ids)):
        query = select(meetings.c.meeting_id).where(among(db, meetings.c.meeting_id, some), meetings.c.state == HELD)
        found |= set((await db.execute(query)).scalars())
    return found


async def to_come_for_agencies(
    db: AsyncConnection, agency_ids: Iterable[str], kinds: Iterable[str], now: datetime
) -> set[str]:
    """The meetings still to come with an entry for these agencies, or with one of these kinds still looked for."""
    found: set[str] = set()
    of_agency = among(db, entries.c.agency_id, set(agency_ids))
    of_kind = entries.c.agency_id.is_(None) & among(db, entries.c.kind, set(kinds))
    for wanted in (of_agency, of_kind):
        query = (
            select(entries.c.meeting_id)
            .join(meetings, meetings.c.meeting_id == entries.c.meeting_id)
            .where(wanted, entries.c.known_until.is_(None), _to_come(now))
        )
        found |= set((await db.execute(query)).scalars())
    return found


async def to_come_by_child(db: AsyncConnection, child_ids: Iterable[str], now: datetime) -> list[ToCome]:
    """The meetings still to come about these children, once for each child."""
    found: list[ToCome] = []
    for some in chunks(set(child_ids)):
        query = (
            select(meetings.c.meeting_id, meetings.c.kind, meetings.c.starts_at, meeting_children.c.child_id)
            .join(meetings, meetings.c.meeting_id == meeting_children.c.meeting_id)
            .where(among(db, meeting_children.c.child_id, some), _to_come(now))
        )
        found += [ToCome(*row) for row in await db.execute(query)]
    return found


async def to_come_after(db: AsyncConnection, earlier_ids: Iterable[str], now: datetime) -> list[Follower]:
    """The meetings still to come that name one of these as the meeting they follow."""
    found: list[Follower] = []
    for some in chunks(set(earlier_ids)):
        columns = (meetings.c.meeting_id, meetings.c.follows, meetings.c.starts_at)
        query = select(*columns).where(among(db, meetings.c.follows, some), _to_come(now))
        found += [Follower(*row) for row in await db.execute(query)]
    return found


async def earlier_meetings(db: AsyncConnection, some: Sequence[Meeting], kinds: Iterable[str]) -> dict[str, set[str]]:
    """For each meeting the ids of others about one of its children, of these kinds, and of the one it names.

    Whether they are earlier and still stand is for the caller to see, who knows as of when.
    """
    by_child: dict[str, set[str]] = {}
    for ids in chunks({child_id for meeting in some for child_id in meeting.child_ids}):
        query = (
            select(meeting_children.c.child_id, meetings.c.meeting_id)
            .join(meetings, meetings.c.meeting_id == meeting_children.c.meeting_id)
            .where(among(db, meeting_children.c.child_id, ids), among(db, meetings.c.kind, set(kinds)))
        )
        for child_id, meeting_id in await db.execute(query):
            by_child.setdefault(child_id, set()).add(meeting_id)
    found = {}
    for meeting in some:
        others = set().union(*(by_child.get(child_id, set()) for child_id in meeting.child_ids))
        named = {meeting.follows} if meeting.follows else set()
        found[meeting.meeting_id] = (others | named) - {meeting.meeting_id}
    return found


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "reasons": [
            {"rule": r.rule, "text": r.text, "child_id": r.child_id, "causes": [[c.source, c.id] for c in r.causes]}
            for r in entry.reasons
        ],
        "child_ids": list(entry.child_ids),
        "address": entry.address,
        "attention": entry.attention,
        "counts_for_quoracy": entry.counts_for_quoracy,
        **({"back": entry.back} if entry.back else {}),
    }


def _entry(row: Mapping[Any, Any]) -> Entry:
    d = row["document"]
    reasons = tuple(
        Reason(r["rule"], r["text"], tuple(Cause(source, each) for source, each in r["causes"]), r["child_id"])
        for r in d["reasons"]
    )
    return Entry(
        row["kind"],
        row["agency_id"],
        row["person_id"],
        row["team_id"],
        row["decision"],
        row["why_not"],
        reasons,
        tuple(d["child_ids"]),
        d["address"],
        d["attention"],
        d["counts_for_quoracy"],
        d.get("back"),
    )


async def entries_of(
    db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, dict[str, Entry]]:
    """The entries of meetings by party, as they stood at `as_of` (None: now)."""
    found: dict[str, dict[str, Entry]] = {}
    for some in chunks(set(ids)):
        query = select(entries).where(among(db, entries.c.meeting_id, some), counts_at(entries, as_of))
        for row in (await db.execute(query)).mappings():
            found.setdefault(row["meeting_id"], {})[row["party"]] = _entry(row)
    return found


async def known_since(db: AsyncConnection, some: Sequence[Meeting]) -> dict[tuple[str, str], datetime]:
    """Since when it has been known, for each party that meetings ask, that it is to be asked for the time that the
    meeting has now; by meeting and party.
    """
    of_time: dict[str, datetime] = {}
    times = {meeting.meeting_id: meeting.starts_at for meeting in some}
    query = select(meeting_facts.c.meeting_id, meeting_facts.c.document, meeting_facts.c.known_from).where(
        among(db, meeting_facts.c.meeting_id, times), meeting_facts.c.aspect.in_((DEFINED, TIMED))
    )
    for row in await db.execute(query):
        if datetime.fromisoformat(row.document["starts_at"]) == times[row.meeting_id]:
            of_time[row.meeting_id] = min(row.known_from, of_time.get(row.meeting_id, row.known_from))
    of_party = (
        select(entries.c.meeting_id, entries.c.party, func.min(entries.c.known_from).label("since"))
        .where(among(db, entries.c.meeting_id, times), entries.c.decision == INVITED)
        .group_by(entries.c.meeting_id, entries.c.party)
    )
    return {
        (row.meeting_id, row.party): max(row.since, of_time.get(row.meeting_id, row.since))
        for row in await db.execute(of_party)
    }


async def replace_entries(
    db: AsyncConnection, changes: Mapping[str, tuple[Mapping[str, Entry], Mapping[str, Entry]]], now: datetime
) -> None:
    """Write entries that changed: for each meeting the entries before and after, by party."""
    ended: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for meeting_id, (before, after) in changes.items():
        for party, entry in before.items():
            if after.get(party) != entry:
                ended.append({"meeting_id": meeting_id, "party": party, "known_until": now})
        for party, entry in after.items():
            if before.get(party) != entry:
                written.append(
                    {
                        "meeting_id": meeting_id,
                        "party": party,
                        "kind": entry.kind,
                        "agency_id": entry.agency_id,
                        "person_id": entry.person_id,
                        "team_id": entry.team_id,
                        "decision": entry.decision,
                        "why_not": entry.why_not,
                        "document": _document(entry),
                        "known_from": now,
                        "known_until": None,
                    }
                )
    await change(db, entries, ["meeting_id", "party"], ended)
    await add(db, entries, written)
