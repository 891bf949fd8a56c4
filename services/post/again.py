"""Messages that were given up on, and go again once what stood in their way is gone.

A mail server that is set up wrongly for an hour refuses every recipient for good, and the addresses were right all the
time. Nothing but a person knows that, so a person says that the messages are to go again: as they are, with the same
Message-ID, UID and SEQUENCE. Whether each may still go is looked at when it is claimed, as for any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import announce
from services.foundation.outbox import MAIL, outbox
from services.foundation.statements import chunks


class GivenUp(NamedTuple):
    """A message that nobody tries any more. `key` is whose it is, `result` what the last attempt ended with."""

    outbox_id: int
    key: str
    meeting_id: str | None
    result: str


async def given_up(
    db: AsyncConnection, now: datetime, meeting_ids: Collection[str] = (), codes: Collection[int] = ()
) -> list[GivenUp]:
    """The messages that failed for good and may go again, oldest first: to these meetings and refused with these codes,
    or to all and with any where none are given.

    Left out are those that a later message has replaced, those to meetings that have ended, and those that the mail
    server was never asked to take.
    """
    later = outbox.alias("later")
    replaced = exists(select(1).where(later.c.key == outbox.c.key, later.c.outbox_id > outbox.c.outbox_id))
    query = (
        select(outbox.c.outbox_id, outbox.c.key, outbox.c.params, outbox.c.result)
        .where(
            outbox.c.channel == MAIL,
            outbox.c.state == "failed",
            func.coalesce(outbox.c.result, "") != "",  # as a message has that was withheld
            ~replaced,
        )
        .order_by(outbox.c.outbox_id)
    )
    found = []
    for outbox_id, key, params, result in await db.execute(query):
        meeting_id, ends_at = params.get("meeting_id"), params.get("ends_at")
        wanted = (not meeting_ids or meeting_id in meeting_ids) and (not codes or result[:3] in map(str, codes))
        if wanted and (ends_at is None or datetime.fromisoformat(ends_at) > now):
            found.append(GivenUp(outbox_id, key, meeting_id, result))
    return found


async def send_again(db: AsyncConnection, some: Sequence[GivenUp], now: datetime) -> None:
    """Let these messages fall due now, with all their attempts before them."""
    for each in chunks([message.outbox_id for message in some]):
        await db.execute(
            update(outbox)
            .where(outbox.c.outbox_id.in_(each), outbox.c.state == "failed")
            .values(state="pending", due_at=now, attempts=0, claimed_by=None)
        )
    if some:
        await announce(db, MAIL)
