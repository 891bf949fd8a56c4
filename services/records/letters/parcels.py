"""The parcels with copies that go by MESH: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.documents import Documents
from services.foundation.outbox import OutboxRow
from services.foundation.parcels import Parcel
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.render import weekday
from services.records.by_mesh import mailboxes
from services.records.letters import permits
from services.records.readers import Around
from services.records.rules.dispatch import OVERTAKEN, RECALLED, WITHHELD, Dispatch
from services.records.rules.record import Reader

_TITLES = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision"}


def render_copy(params: Mapping[str, Any], settings: Settings) -> Parcel:
    """The parcel with a reader's copy. The same parameters give the same parcel."""
    title, ref = _TITLES[params["record_kind"]], params["reference"]
    return Parcel(
        to=params["to"],
        local_id=params["dispatch_id"],
        subject=f"{title}, {weekday(date.fromisoformat(params['day']))}, ref {ref}",
        file_name=f"{params['record_kind']}-{ref}-v{params['version']}.pdf",
        media_type="application/pdf",
        content=Documents(settings.documents_folder).read(params["document_id"]),
    )


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[int, str]:
    """Which copies may not go any more: those that were taken back or overtaken, and those for another mailbox."""
    return await permits.withheld(db, rows, now, over=(RECALLED, OVERTAKEN, WITHHELD))


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which copies their readers may not have with what is known now: the last look."""
    return await permits.copies_permitted(work, rows, _at_their_mailbox)


def _at_their_mailbox(_: Work, each: Dispatch, reader: Reader, where: Around) -> Reader | None:
    agency = where.agencies.get(each.agency_id or "")
    if each.address is None or each.address not in mailboxes(agency, reader.team_id):
        return None
    return replace(reader, address=each.address)
