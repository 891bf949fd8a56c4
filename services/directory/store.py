"""The directory's tables, each with its history, and the questions asked of them.

What the rules ask about stands in columns; the rest of each noun is one JSON document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import JSON, Column, Date, Index, String, Table, Text, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import (
    Agency,
    Bounce,
    Cause,
    Channel,
    Child,
    Involvement,
    Placement,
    Relationship,
    Relative,
    Team,
)
from services.foundation.clock import london_date
from services.foundation.database import metadata
from services.foundation.history import Order, counts_at, history_columns, order
from services.foundation.statements import add, among, chunks

ID = String(64)


def _history(name: str, *columns: Column[Any]) -> Table:
    return Table(name, metadata, *columns, *history_columns())


def _index(table: Table, *names: str, unique: bool = False) -> None:
    """One index on the versions that count now (`unique`: one of them for each), and one on all, for questions about
    the past.
    """
    columns = [table.c[name] for name in names]
    now = table.c.known_until.is_(None)
    Index(f"ix_{table.name}_{'_'.join(names)}", *columns, unique=unique, sqlite_where=now, postgresql_where=now)
    Index(f"ix_{table.name}_{'_'.join(names)}_past", *columns, table.c.known_from)


agencies = _history(
    "agencies",
    Column("agency_id", ID, nullable=False),
    Column("kind", ID, nullable=False),
    Column("authority", Text),
    Column("document", JSON, nullable=False),
)
_index(agencies, "agency_id", unique=True)
_index(agencies, "kind", "authority")

children = _history(
    "children",
    Column("child_id", ID, nullable=False),
    Column("family_id", ID, nullable=False),
    Column("document", JSON, nullable=False),
)
_index(children, "child_id", unique=True)
_index(children, "family_id")

relatives = _history(
    "relatives",
    Column("person_id", ID, nullable=False),
    Column("family_id", ID, nullable=False),
    Column("document", JSON, nullable=False),
)
_index(relatives, "person_id", unique=True)
_index(relatives, "family_id")

# Every child that a relative was ever recorded with: where to look. A father of children in two families is recorded in
# one of them; what he is to whom, and when that was known, stands in his own record.
ties = Table(
    "ties",
    metadata,
    Column("child_id", ID, primary_key=True),
    Column("person_id", ID, primary_key=True),
)
Index("ix_ties_person_id", ties.c.person_id)

involvements = _history(
    "involvements",
    Column("involvement_id", ID, nullable=False),
    Column("person_id", ID, nullable=False),
    Column("agency_id", ID, nullable=False),
    Column("service", ID, nullable=False),
    Column("status", ID, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date),
    Column("document", JSON, nullable=False),
)
_index(involvements, "involvement_id", unique=True)
_index(involvements, "person_id")

# Whether a child is in hospital: one row for the latest admission or discharge of each child.
hospital_stays = _history(
    "hospital_stays",
    Column("child_id", ID, nullable=False),
    Column("what", ID, nullable=False),
)
_index(hospital_stays, "child_id", unique=True)

# Addresses that gave mail back for good, in small letters: one row for the latest time that each did, for every meeting
# (`meeting_id` null) or for one alone. `bounce` names both.
bounced_addresses = _history(
    "bounced_addresses",
    Column("bounce", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("meeting_id", ID),
    Column("status", String(16), nullable=False),
)
_index(bounced_addresses, "bounce", unique=True)
_index(bounced_addresses, "address")

Row = Mapping[Any, Any]
T = TypeVar("T")


def _cause(row: Row) -> Cause:
    return Cause(row["event_source"], row["event_id"])


def _date(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _channels(documents: Iterable[Mapping[str, Any]]) -> tuple[Channel, ...]:
    return tuple(Channel(d["kind"], d["address"], d["secure"], _date(d.get("verified_on"))) for d in documents)


def _agency(row: Row) -> Agency:
    document = row["document"]
    teams = tuple(
        Team(team["team_id"], team["name"], tuple(team["serves"]), _channels(team["channels"]))
        for team in document["teams"]
    )
    return Agency(
        row["agency_id"],
        row["kind"],
        document["name"],
        row["authority"],
        _channels(document["channels"]),
        teams,
        _date(document["closed_on"]),
        _cause(row),
        min(row["event_time"], row["known_from"]),  # a time to come is a slip
    )


def _child(row: Row) -> Child:
    d = row["document"]
    place = d["placement"]
    return Child(
        row["child_id"],
        row["family_id"],
        d["authority"],
        d["initials"],
        d["nhs_number"],
        _date(d["date_of_birth"]),
        _date(d["expected_on"]),
        d["preferred_name"],
        d["pronouns"],
        tuple(d["circumstances"]),
        place and Placement(place["agency_id"], place["authority"], date.fromisoformat(place["since"])),
        tuple(d["flags"]),
        _cause(row),
    )


def _relative(row: Row) -> Relative:
    d = row["document"]
    return Relative(
        row["person_id"],
        row["family_id"],
        tuple(Relationship(r["child_id"], r["kind"], r["parental_responsibility"]) for r in d["relationship"]),
        d["name"],
        d["email"],
        tuple(d["needs"]),
        tuple(d["not_with"]),
        _cause(row),
    )


def _involvement(row: Row) -> Involvement:
    d = row["document"]
    return Involvement(
        row["involvement_id"],
        row["person_id"],
        row["agency_id"],
        row["service"],
        row["status"],
        row["since"],
        row["until"],
        d["team_id"],
        d["key_worker"],
        d["direct_contact"],
        _cause(row),
    )


async def _found(
    db: AsyncConnection,
    table: Table,
    column: str,
    values: Iterable[str],
    make: Callable[[Row], T],
    as_of: datetime | None,
) -> list[T]:
    found: list[T] = []
    for some in chunks(set(values)):
        query = select(table).where(among(db, table.c[column], some), counts_at(table, as_of))
        found += [make(row) for row in (await db.execute(query)).mappings()]
    return found


async def agencies_by_id(db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None) -> dict[str, Agency]:
    """The agencies with these ids, as known at `as_of` (None: now)."""
    return {each.agency_id: each for each in await _found(db, agencies, "agency_id", ids, _agency, as_of)}


async def agencies_of_authority(
    db: AsyncConnection, authorities: Iterable[str], kinds: Iterable[str], as_of: datetime | None = None
) -> list[Agency]:
    """The agencies of these kinds in these authorities, and those that belong to none."""
    here = or_(among(db, agencies.c.authority, set(authorities)), agencies.c.authority.is_(None))
    query = select(agencies).where(among(db, agencies.c.kind, set(kinds)), here, counts_at(agencies, as_of))
    return [_agency(row) for row in (await db.execute(query)).mappings()]


async def children_by_id(db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None) -> dict[str, Child]:
    """The children with these ids."""
    return {each.child_id: each for each in await _found(db, children, "child_id", ids, _child, as_of)}


async def children_of_families(
    db: AsyncConnection, families: Iterable[str], as_of: datetime | None = None
) -> list[Child]:
    """Every child recorded in these families."""
    return await _found(db, children, "family_id", families, _child, as_of)


async def relatives_of_children(
    db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None
) -> list[Relative]:
    """Every relative who is or once was recorded as one of these children's, in whatever family."""
    found: dict[str, Relative] = {}
    for some in chunks(set(ids)):
        tied = select(ties.c.person_id).where(among(db, ties.c.child_id, some))
        query = select(relatives).where(relatives.c.person_id.in_(tied), counts_at(relatives, as_of))
        found |= {row["person_id"]: _relative(row) for row in (await db.execute(query)).mappings()}
    return list(found.values())


async def note_ties(db: AsyncConnection, pairs: Iterable[tuple[str, str]]) -> None:
    """Note which relatives belong to which children, as (child_id, person_id)."""
    wanted = set(pairs)
    known: set[tuple[str, str]] = set()
    for some in chunks({person_id for _, person_id in wanted}):
        query = select(ties.c.child_id, ties.c.person_id).where(among(db, ties.c.person_id, some))
        known |= {(child_id, person_id) for child_id, person_id in await db.execute(query)}
    fresh = [{"child_id": child_id, "person_id": person_id} for child_id, person_id in sorted(wanted - known)]
    await add(db, ties, fresh)


async def children_tied_to(db: AsyncConnection, people: Iterable[str]) -> set[str]:
    """The children that these relatives are or once were recorded with."""
    found: set[str] = set()
    for some in chunks(set(people)):
        found |= set((await db.execute(select(ties.c.child_id).where(among(db, ties.c.person_id, some)))).scalars())
    return found


async def children_sharing_a_relative(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """The children with whom one of these has a relative in common, or once had, in whatever family."""
    other, found = ties.alias(), set[str]()
    for some in chunks(set(ids)):
        shared = select(other.c.child_id).join(ties, ties.c.person_id == other.c.person_id)
        found |= set((await db.execute(shared.where(among(db, ties.c.child_id, some)).distinct())).scalars())
    return found


async def relatives_by_id(
    db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Relative]:
    """The relatives with these ids."""
    return {each.person_id: each for each in await _found(db, relatives, "person_id", ids, _relative, as_of)}


async def involvements_of(
    db: AsyncConnection, people: Iterable[str], as_of: datetime | None = None
) -> list[Involvement]:
    """Every involvement of these people, closed ones too."""
    return await _found(db, involvements, "person_id", people, _involvement, as_of)


async def involvements_ever(
    db: AsyncConnection, people: Iterable[str]
) -> dict[str, list[tuple[datetime, Involvement]]]:
    """Everything that was ever said of these people's involvements, by involvement: each version with the time from
    which it was so, oldest first.
    """
    found: dict[str, list[tuple[datetime, Involvement]]] = {}
    for some in chunks(set(people)):
        query = select(involvements).where(among(db, involvements.c.person_id, some))
        for row in sorted((await db.execute(query)).mappings(), key=order):
            found.setdefault(row["involvement_id"], []).append((row["event_time"], _involvement(row)))
    return found


async def involvements_told(
    db: AsyncConnection, people: Iterable[str]
) -> dict[str, dict[str, list[tuple[Involvement, bool]]]]:
    """Everything that was ever said of these people's involvements, by person and involvement: each version with
    whether it stands, oldest first.
    """
    found: dict[str, dict[str, list[tuple[Involvement, bool]]]] = {}
    for some in chunks(set(people)):
        query = select(involvements).where(among(db, involvements.c.person_id, some))
        for row in sorted((await db.execute(query)).mappings(), key=order):
            of_person = found.setdefault(row["person_id"], {})
            of_person.setdefault(row["involvement_id"], []).append((_involvement(row), row["known_until"] is None))
    return found


async def placements_told(db: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Placement | None]]:
    """Where each of these children was ever said to be placed, oldest first; None where it was said to be in none."""
    found: dict[str, list[Placement | None]] = {}
    for some in chunks(set(ids)):
        query = select(children).where(among(db, children.c.child_id, some))
        for row in sorted((await db.execute(query)).mappings(), key=order):
            found.setdefault(row["child_id"], []).append(_child(row).placement)
    return found


async def families_of_children(db: AsyncConnection, ids: Iterable[str]) -> dict[str, str]:
    """The family of each of these children, as it stands."""
    found: dict[str, str] = {}
    for some in chunks(set(ids)):
        query = select(children.c.child_id, children.c.family_id).where(
            among(db, children.c.child_id, some), children.c.known_until.is_(None)
        )
        found |= {row.child_id: row.family_id for row in await db.execute(query)}
    return found


async def people_of_involvements(db: AsyncConnection, ids: Iterable[str]) -> dict[str, str]:
    """Whom each of these involvements is with, as it stands."""
    found: dict[str, str] = {}
    for some in chunks(set(ids)):
        query = select(involvements.c.involvement_id, involvements.c.person_id).where(
            among(db, involvements.c.involvement_id, some), involvements.c.known_until.is_(None)
        )
        found |= {row.involvement_id: row.person_id for row in await db.execute(query)}
    return found


async def hospital_admissions(
    db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Cause]:
    """The children among these who are in hospital, with the admission's event."""
    found: dict[str, Cause] = {}
    for some in chunks(set(ids)):
        query = select(hospital_stays).where(
            among(db, hospital_stays.c.child_id, some),
            hospital_stays.c.what == "hospital_admission",
            counts_at(hospital_stays, as_of),
        )
        found.update((row["child_id"], _cause(row)) for row in (await db.execute(query)).mappings())
    return found


def _stay(row: Row) -> tuple[str, Cause]:
    return row["what"], _cause(row)


_MADE: Mapping[Table, Callable[[Row], Any]] = {
    agencies: _agency,
    children: _child,
    relatives: _relative,
    involvements: _involvement,
    hospital_stays: _stay,
}


async def histories(
    db: AsyncConnection, table: Table, column: str, values: Iterable[str], as_of: datetime | None = None
) -> dict[str, list[tuple[Order, Any]]]:
    """Every version of what one of these tables holds, late ones too, by its id: what was so at a moment by the events'
    own time. With `as_of` those alone that were known by then.
    """
    found: dict[str, list[tuple[Order, Any]]] = {}
    for some in chunks(set(values)):
        query = select(table).where(among(db, table.c[column], some))
        if as_of is not None:
            query = query.where(table.c.known_from <= as_of)
        for row in (await db.execute(query)).mappings():
            found.setdefault(row[table.c[0].name], []).append((order(row), _MADE[table](row)))
    return found


def _bounce(row: Row) -> Bounce:
    at = row["event_time"]
    return Bounce(row["address"], row["meeting_id"], row["status"], at, london_date(at), _cause(row))


async def bounces_of(db: AsyncConnection, addresses: Iterable[str], as_of: datetime | None = None) -> list[Bounce]:
    """What these addresses gave back for good, in whatever letters they are written."""
    lowered = {address.lower() for address in addresses}
    return await _found(db, bounced_addresses, "address", lowered, _bounce, as_of)


async def _known(db: AsyncConnection, column: Column[Any], ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(set(ids)):
        found |= set((await db.execute(select(column).where(among(db, column, some)).distinct())).scalars())
    return found


async def known_children(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Which of these ids are recorded children."""
    return await _known(db, children.c.child_id, ids)


async def known_people(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Which of these ids are recorded children or relatives."""
    ids = set(ids)
    return await _known(db, children.c.child_id, ids) | await _known(db, relatives.c.person_id, ids)


async def known_agencies(db: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Which of these ids are recorded agencies."""
    return await _known(db, agencies.c.agency_id, ids)
