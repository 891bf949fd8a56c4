"""The letters that tell of plans: how they read, and whether they may still go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation.letters import NOT_WANTED, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.invitations.letters import letter
from services.invitations.render import authority_name
from services.records.letters.links import NOTICE, url_of
from services.records.rules.dispatch import DELIVERED, NOT_PERMITTED, QUEUED, SENT, Dispatch
from services.records.store import dispatches

REMINDER = "reminder"


def render(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to one agency. The same parameters give the same bytes, so that a repeat is the same message."""
    reminds = params["change"] == REMINDER
    values = {
        **params,
        "authority_name": authority_name(params["authority"]),
        "url": url_of(params, settings, NOTICE),
        "reminder": reminds,
    }
    template, which = f"notice_{params['notice']}", "reminder" if reminds else "notice"
    return letter(template, params["dispatch_id"], which, values, datetime.fromisoformat(params["stamp"]), settings)


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which notices may not go any more: what has been overtaken or went elsewhere, to an address that is not one of
    the agency's secure ones now, and reminders of what has been answered since.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in some.values() if each.agency_id})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or not _is_wanted(each, row.params):
            found[row.outbox_id] = NOT_WANTED
        elif each.agency_id not in agencies or each.address not in secure_addresses(agencies[each.agency_id]):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _is_wanted(each: Dispatch, params: Mapping[str, Any]) -> bool:
    """Whether a letter is wanted still: a notice that waits to go, as it reads now, or word to remind of one that went
    there and is not answered: whoever holds health records answers by saying that a flag was changed, and not by
    taking note.
    """
    if params["change"] == REMINDER:
        answered = each.confirmed == "flag_changed" or (each.confirmed_at is not None and not params["holds_codes"])
        return not answered and each.state in {SENT, DELIVERED} and each.address == params["to"]
    return each.state == QUEUED and each.content == params["content"]
