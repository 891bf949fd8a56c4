"""Who was asked to meetings, who came, and whose report arrived, for a batch of meetings in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.clock import london_date
from services.participation.held import parties_asked
from services.participation.rules.register import Attended, Noted, noted
from services.participation.rules.reports import REPORT
from services.participation.store import reports
from services.participation.store.quoracy import held_facts


@dataclass(frozen=True, slots=True)
class TakenPart:
    """Of one meeting: the parties (`agency:` or `person:` and the id, whatever the team) whom something shows to have
    been asked, what the register says of each, and the day on which each agency's first report arrived.
    """

    asked: frozenset[str] = frozenset()
    register: Mapping[str, Noted] = field(default_factory=dict)
    reports: Mapping[str, date] = field(default_factory=dict)


async def taken_part(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, TakenPart]:
    """Who took part in meetings, as things stand."""
    ids = set(meeting_ids)
    held = await held_facts(db, ids)
    asked = await parties_asked(db, ids)
    arrived = await reports.of_meetings(db, ids)
    found = {}
    for meeting_id in ids:
        lines = held[meeting_id]["document"]["attendance"] if meeting_id in held else ()
        came = noted(Attended(e["agency_id"], e["person_id"], e["status"], e["mode"], e["name"]) for e in lines)
        days: dict[str, date] = {}
        for each in sorted(arrived.get(meeting_id, ()), key=lambda each: each.at):
            if each.kind == REPORT:
                days.setdefault(each.agency_id, london_date(each.at))
        found[meeting_id] = TakenPart(frozenset(asked.get(meeting_id, ())), came, days)
    return found
