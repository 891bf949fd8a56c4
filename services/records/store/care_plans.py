"""What was told of the care plans that came in: of which child each is, for which meetings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.statements import among, chunks
from services.meetings.store import DEFINED, meeting_children, meeting_facts
from services.participation.rules.reports import CARE_PLAN
from services.participation.store.reports import IS_CARE_PLAN, reports
from services.records.rules.care_plans import Telling, Told

_SAID = ("document_id", "meeting_id", "kind", "child_id", "known_at")


async def told_of(db: AsyncConnection, document_ids: Iterable[str]) -> dict[str, Told]:
    """What was told of documents that came as a care plan, by document: for every meeting for which one did."""
    said = await _said(db, document_ids)
    meeting_ids = {row["meeting_id"] for row in said}
    known = await _known(db, meeting_ids)
    today: dict[str, set[str]] = {}
    for some in chunks(meeting_ids):
        rows = await db.execute(select(meeting_children).where(among(db, meeting_children.c.meeting_id, some)))
        for row in rows:
            today.setdefault(row.meeting_id, set()).add(row.child_id)
    found: dict[str, list[Telling]] = {}
    about: dict[str, set[str]] = {}
    came_for: dict[str, set[str]] = {}
    for each in said:
        meeting_id, document_id = each["meeting_id"], each["document_id"]
        children = _children_at(known.get(meeting_id, ()), each["known_at"])
        found.setdefault(document_id, []).append(Telling(each["kind"] == CARE_PLAN, each["child_id"], children))
        about.setdefault(document_id, set()).update(today.get(meeting_id, ()))
        came_for.setdefault(document_id, set()).add(meeting_id)
    return {each: Told(tuple(some), frozenset(about[each]), frozenset(came_for[each])) for each, some in found.items()}


async def _said(db: AsyncConnection, document_ids: Iterable[str]) -> list[Any]:
    """Whatever was said of these documents for the meetings for which they came as a care plan, in the order in which
    it was learnt.
    """
    found: list[Any] = []
    for some in chunks(set(document_ids)):
        came_for = select(reports.c.meeting_id).where(among(db, reports.c.document_id, some), IS_CARE_PLAN)
        query = select(*(reports.c[name] for name in _SAID)).where(
            among(db, reports.c.document_id, some), reports.c.meeting_id.in_(came_for)
        )
        found += (await db.execute(query.order_by(reports.c.report_no))).mappings().all()
    return found


_Versions = Iterable[tuple[datetime, datetime | None, tuple[str, ...]]]


async def _known(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Any]]:
    """Whom meetings were known to be about: from when, until when, which children."""
    found: dict[str, list[Any]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(meeting_facts).where(
            among(db, meeting_facts.c.meeting_id, some), meeting_facts.c.aspect == DEFINED
        )
        for row in (await db.execute(query)).mappings():
            version = (row["known_from"], row["known_until"], tuple(row["document"]["children"]))
            found.setdefault(row["meeting_id"], []).append(version)
    return found


def _children_at(versions: _Versions, moment: datetime) -> tuple[str, ...]:
    """The children whom a meeting was known to be about at a moment; none where that is not known any more."""
    for since, until, children in versions:
        if since <= moment and (until is None or moment < until):
            return children
    return ()
