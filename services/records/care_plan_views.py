"""To whom care plans that came in were passed on, as a coordinator sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.records.rules.dispatch import CARE_PLAN, WITHHELD, Dispatch
from services.records.rules.receipts import as_known_at, state
from services.records.rules.why import why_in_words
from services.records.store import dispatches

_WHY = {
    "not_scanned": "it waits for the scanner",
    "infected": "the scanner found something harmful in it",
    "not_held": "it is not held here, or in a form that cannot be passed on",
}


async def add_forwarded(db: AsyncConnection, found: dict[str, Any], moment: datetime) -> None:
    """Add to each care plan among the documents of a meeting in the form of the contract `forwarded`: to whom it went
    or is to go, `{agency_id, team_id?, dispatch_id, how, state, at, why?, text?}`, the agencies in order.
    """
    plans = [
        document
        for some in (*(entry.get("documents", ()) for entry in found["entries"]), found.get("documents", ()))
        for document in some
        if document["kind"] == CARE_PLAN
    ]
    sent = await dispatches.about(db, {each["document_id"] for each in plans})
    for each in plans:
        some = [as_known_at(one, moment) for one in sent.get(each["document_id"], ()) if one.written_at <= moment]
        each["forwarded"] = [_shown(one) for one in some if one.kind == CARE_PLAN]


def _shown(each: Dispatch) -> Mapping[str, Any]:
    name, at = state(each)
    who = {"agency_id": each.agency_id, "team_id": each.team_id, "dispatch_id": each.dispatch_id, "how": each.how}
    shown = {key: value for key, value in who.items() if value is not None} | {"state": name, "at": at.isoformat()}
    if each.state == WITHHELD and each.why is not None:
        shown |= {"why": each.why, "text": _WHY.get(each.why) or why_in_words(each.why)}
    return shown
