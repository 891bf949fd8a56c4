"""The letter with a one-time code: how it reads, and whether it may still go."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.letters import Attempt, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import clock_time
from services.records import codes
from services.records.opening import Shut, what_opens
from services.records.rules.codes import LIVES, code_of
from services.records.rules.dispatch import LEFT, NOT_PERMITTED
from services.records.store import dispatches


def render_code(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter with a code. The same parameters give the same bytes; the code is made here, and kept nowhere."""
    stamp = datetime.fromisoformat(params["stamp"])
    values = {
        "to": params["to"],
        "code": code_of(settings.key, params["dispatch_id"], params["nonce"]),
        "asked": clock_time(stamp),
        "until": clock_time(stamp + LIVES),
        "family": params["family"],
    }
    name = hashlib.sha256(f"code letter {params['nonce']}".encode()).hexdigest()[:16]
    which, stamp = f"code.{name}", stamp.replace(microsecond=0)
    return letter(codes.CODE_LETTER, params["dispatch_id"], which, values, stamp, settings)


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[int, str]:
    """Which codes are not to go any more: those that open nothing now, and those to an address that the dispatch does
    not have any more.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state not in LEFT or each.address != row.params["to"]:
            found[row.outbox_id] = NOT_PERMITTED
            continue
        live = await codes.newest(db, each.dispatch_id, now)
        if live is None or live.nonce != row.params["nonce"]:
            found[row.outbox_id] = "too_late"
    return found


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which codes would open nothing, since their readers may not have what they are for with what is known now."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        try:
            await what_opens(work.db, work.policy, some[row.params["dispatch_id"]])
        except Shut:
            found[row.outbox_id] = NOT_PERMITTED
    return found


async def settled(_work: Work, _attempts: Sequence[Attempt]) -> None:
    """Nothing hangs on a code that did not go: whoever waits for it asks for another."""
