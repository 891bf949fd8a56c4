"""Messages that were given up on, and go again once what stood in their way is gone.

A mail server that is set up wrongly for an hour refuses every recipient for good, and the addresses were right all the
time. Nothing but a person knows that, so a person says that the messages are to go again: as they are, with the same
Message-ID, UID and SEQUENCE. Whether each may still go is looked at when it is claimed, as for any other. Of a copy, a
notice or a care plan, which has ended with the message that was to bring it, that is decided anew at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import announce
from services.foundation.outbox import HAS_NOT_LEFT, KEPT_BACK, MAIL, MESH, OutboxRow, outbox
from services.foundation.statements import chunks
from services.foundation.work import Work
from services.records.codes import CODE_LETTER
from services.records.handlers.again import brings_something, put_back


class GivenUp(NamedTuple):
    """A message that nobody tries any more, on the channel that it was for. `result` is what the last attempt ended
    with.
    """

    row: OutboxRow
    channel: str
    result: str

    @property
    def meeting_id(self) -> str | None:
        """The meeting that it belongs to, where it belongs to one."""
        return self.row.params.get("meeting_id")


async def given_up(
    db: AsyncConnection, now: datetime, meeting_ids: Collection[str] = (), codes: Collection[int] = ()
) -> list[GivenUp]:
    """The messages that failed for good and may go again, oldest first: to these meetings and refused with these codes,
    or to all and with any where none are given.

    Left out are those that a later message has replaced, those to meetings that have ended, those that nobody was ever
    asked to take, and one-time codes, of which whoever waits for one asks for another.
    """
    later = outbox.alias("later")
    replaced = exists(select(1).where(later.c.key == outbox.c.key, later.c.outbox_id > outbox.c.outbox_id))
    columns = (outbox.c.outbox_id, outbox.c.name, outbox.c.key, outbox.c.params, outbox.c.attempts)
    query = (
        select(*columns, outbox.c.channel, outbox.c.result)
        .where(
            outbox.c.channel.in_((MAIL, MESH)),
            outbox.c.state == "failed",
            func.coalesce(outbox.c.result, "") != "",  # as a message has that was withheld, untried
            ~outbox.c.result.endswith(KEPT_BACK),
            outbox.c.name != CODE_LETTER,
            ~replaced,
        )
        .order_by(outbox.c.outbox_id)
    )
    found = []
    for *row, channel, result in await db.execute(query):
        each = GivenUp(OutboxRow(*row), channel, result.removesuffix(HAS_NOT_LEFT))
        ends_at = each.row.params.get("ends_at")
        wanted = (not meeting_ids or each.meeting_id in meeting_ids) and (not codes or result[:3] in map(str, codes))
        if wanted and (ends_at is None or datetime.fromisoformat(ends_at) > now):
            found.append(each)
    return found


async def send_again(work: Work, some: Sequence[GivenUp]) -> list[GivenUp]:
    """Have these messages go again; returns those that do. What goes as it was falls due now, with all its attempts
    before it.
    """
    anew = await put_back(work, [each.row for each in some if brings_something(each.row)])
    going = [each for each in some if not brings_something(each.row) or each.row.outbox_id in anew]
    alike = [each.row.outbox_id for each in going if anew.get(each.row.outbox_id, True)]
    for part in chunks(alike):
        await work.db.execute(
            update(outbox)
            .where(outbox.c.outbox_id.in_(part), outbox.c.state == "failed")
            .values(state="pending", due_at=work.now, attempts=0, claimed_by=None)
        )
    if alike:
        await announce(work.db, *{each.channel for each in going})
    return going
