"""What there is at all about the records of meetings and the plans of children: of most there is nothing, and nothing
more is asked then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, func, literal_column, null, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.store import children, ties
from services.foundation.history import counts_at
from services.foundation.statements import among, among_given, chunks
from services.meetings.store import HELD, meeting_children, meeting_facts
from services.participation.store.reports import IS_CARE_PLAN, reports
from services.records.store.plans import plan_facts
from services.records.store.records import recalls, records


@dataclass(frozen=True, slots=True)
class There:
    """Of which meetings there are records, which name something as taken back, which were held and since when that is
    known, whatever was corrected about it later; for which meetings about the children care plans came, and of which
    of the children a plan has been told.
    """

    records: set[str] = field(default_factory=set)
    recalls: set[str] = field(default_factory=set)
    held: dict[str, datetime] = field(default_factory=dict)
    care_plans: set[str] = field(default_factory=set)
    plans: set[str] = field(default_factory=set)


async def there_is(db: AsyncConnection, meeting_ids: Iterable[str], child_ids: Iterable[str] = ()) -> There:
    """What there is about these meetings, and about these children, in one statement."""
    found = There()
    of = {"records": found.records, "recalls": found.recalls, "care_plans": found.care_plans, "plans": found.plans}
    none: list[str] = []
    for some, of_children in zip_longest(chunks(set(meeting_ids)), chunks(set(child_ids)), fillvalue=none):
        rows = await db.execute(_question(db.dialect.name), {"meetings": some, "children": of_children})
        for what, name, since in rows:
            if what == "held":
                found.held[name] = since
            else:
                of[what].add(name)
    return found


@cache
def _question(dialect: str) -> CompoundSelect[Any]:
    """Put together once, since it is asked at every change of a meeting."""
    told = plan_facts.c.known_until.is_(None)
    return union_all(
        select(_what("held"), meeting_facts.c.meeting_id, func.min(meeting_facts.c.known_from))
        .where(among_given(dialect, meeting_facts.c.meeting_id, "meetings"), meeting_facts.c.aspect == HELD)
        .group_by(meeting_facts.c.meeting_id),
        select(_what("records"), records.c.meeting_id, null()).where(
            among_given(dialect, records.c.meeting_id, "meetings")
        ),
        select(_what("recalls"), recalls.c.meeting_id, null()).where(
            among_given(dialect, recalls.c.meeting_id, "meetings")
        ),
        select(_what("care_plans"), reports.c.meeting_id, null())
        .join(meeting_children, meeting_children.c.meeting_id == reports.c.meeting_id)
        .where(among_given(dialect, meeting_children.c.child_id, "children"), IS_CARE_PLAN),
        select(_what("plans"), plan_facts.c.child_id, null()).where(
            among_given(dialect, plan_facts.c.child_id, "children"), told
        ),
    )


def _what(name: str) -> ColumnElement[str]:
    return literal_column(f"'{name}'").label("what")


async def records_about(db: AsyncConnection, people: Iterable[str], families: Iterable[str]) -> set[str]:
    """The meetings with records about a child of these families, or of the family of one of these people: of a child
    itself, or of one with whom a relative is or once was recorded; and about a child of a family that a relative of one
    of these families has or had a child in, since of half-brothers and half-sisters as much is asked. One statement.
    """
    found: set[str] = set()
    none: list[str] = []
    for some, of_families in zip_longest(chunks(set(people)), chunks(set(families)), fillvalue=none):
        changed = union(
            select(children.c.family_id).where(among(db, children.c.family_id, of_families)),
            select(children.c.family_id).where(among(db, children.c.child_id, some)),
            select(children.c.family_id)
            .join(ties, ties.c.child_id == children.c.child_id)
            .where(among(db, ties.c.person_id, some)),
        ).cte("changed")
        one, other, elsewhere = children.alias("one"), ties.alias("other"), children.alias("elsewhere")
        concerned = union(
            select(changed.c.family_id),
            select(elsewhere.c.family_id)
            .select_from(changed)
            .join(one, one.c.family_id == changed.c.family_id)
            .join(ties, ties.c.child_id == one.c.child_id)
            .join(other, other.c.person_id == ties.c.person_id)
            .join(elsewhere, elsewhere.c.child_id == other.c.child_id),
        )
        query = (
            select(records.c.meeting_id)
            .join(meeting_children, meeting_children.c.meeting_id == records.c.meeting_id)
            .join(children, children.c.child_id == meeting_children.c.child_id)
            .where(children.c.family_id.in_(concerned), counts_at(children, None))
            .distinct()
        )
        found |= set((await db.execute(query)).scalars())
    return found
