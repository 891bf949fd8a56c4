"""What a notice about a plan asks its reader to do, and what one click on its page confirms."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from services.meetings.rules import reference
from services.process import Process
from services.records.store.plans import notices
from services.web.record_link import SHUT, Closed, Opened

FLAG_CHANGED, NOTED = "flag_changed", "noted"
SET, REMOVE, CHANGE = "set", "remove", "change"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a notice asks: `flag` is what is to be done to the flag on the record, None where it is for information;
    `what` is what one click confirms.
    """

    flag: str | None
    reference: str

    @property
    def what(self) -> str:
        return NOTED if self.flag is None else FLAG_CHANGED


FLAGS = {"plan_ended": REMOVE, "plan_started": SET, "category_changed": CHANGE}
"""What each kind of notice asks to be done to the flag; the others are for information."""


async def asked_by(process: Process, opened: Opened) -> Asked:
    """What the notice behind a link asks."""
    query = select(notices.c.kind, notices.c.plan_id).where(notices.c.notice_id == opened.dispatch.about)
    async with process.house.database.read() as db:
        row = (await db.execute(query)).first()
    if row is None:
        raise Closed(SHUT, opened.use)
    return Asked(FLAGS.get(row.kind), reference(row.plan_id))
