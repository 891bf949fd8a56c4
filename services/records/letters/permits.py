"""Whether what waits to go to a reader may still go: what is looked at last, of copies, of letters about them, and of
care plans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import secure_addresses
from services.foundation.letters import NOT_WANTED
from services.foundation.outbox import OutboxRow
from services.foundation.work import Work
from services.records.handlers.copies import how
from services.records.readers import Around, around
from services.records.rules.dispatch import ATTACHMENT, NOT_PERMITTED, OVERTAKEN, QUEUED, RECALLED, Dispatch
from services.records.rules.last_look import may_have_all
from services.records.rules.record import Reader
from services.records.rules.versions import silent
from services.records.store import dispatches, records

Reach = Callable[[Work, Dispatch, Reader, Around], Reader | None]
"""Gives a reader at the address that a dispatch goes to; None where it may not go there, or not in the way it does."""


async def withheld(
    db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime, over: Collection[str] = (RECALLED, OVERTAKEN)
) -> dict[int, str]:
    """Which may not go any more: those that were taken back or overtaken, which is no failure (`over` names the states
    that are none), and those that were written to another address or another way than they have now.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state in over:
            found[row.outbox_id] = NOT_WANTED
        elif each.state != QUEUED or not _as_written(each, row):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _as_written(each: Dispatch, row: OutboxRow) -> bool:
    """Whether a row is for the address that its dispatch has now, and in that way; by MESH goes a file, and no link."""
    return (each.address, each.how) == (row.params["to"], row.params.get("how", each.how))


async def copies_permitted(work: Work, rows: Sequence[OutboxRow], reach: Reach) -> dict[int, str]:
    """Which copies their readers may not have with what is known now, whatever was decided before."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    known = await records.of_records(work.db, {each.about for each in some.values()})
    about = await around(work.db, work.policy, {each.meeting_id for each in some.values() if each.meeting_id})
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        record, where = known[each.about][each.version], about.get(each.meeting_id or "")
        reader = reader_of(each, where)
        there = reach(work, each, reader, where) if reader is not None and where is not None else None
        if where is None or there is None or not may_have_all(each, record, there, where.readers, where.matter):
            found[row.outbox_id] = NOT_PERMITTED
    return found


async def none_to_the_silent(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which letters about copies that went out before are for somebody to whom nothing more may be sent by now."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    about = await around(work.db, work.policy, {each.meeting_id for each in some.values() if each.meeting_id})
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        where = about.get(each.meeting_id or "")
        if where is None or silent(where.matter, where.readers)(each):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def reader_of(each: Dispatch, where: Around | None) -> Reader | None:
    """The reader of a dispatch, where they still read the records of its meeting."""
    return where.reader(each.party) if where is not None else None


def may_go_by_mail(work: Work, each: Dispatch, reader: Reader, where: Around) -> bool:
    """Whether what is for an agency may go to the address, and in the way, that it goes: to one of its secure ones that
    nobody of the family has given as theirs, and as an attachment only where that was verified not too long ago.
    """
    agency = where.agencies.get(reader.agency_id or "")
    if agency is None or where.matter.is_where_family_reads(each.address):
        return False
    if each.address not in secure_addresses(agency):
        return False
    days = [channel.verified_on for channel in agency.every_channel if channel.address == each.address]
    verified = replace(reader, verified_on=max((day for day in days if day is not None), default=None))
    return each.how != ATTACHMENT or how(work, verified) == ATTACHMENT
