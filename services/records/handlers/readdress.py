"""Sends what did not reach its reader at one address to the next one of theirs that may be used.

An agency has other addresses: its team's, then its own. A person of the family has the one that they gave, and nothing
goes to another unless they give it. Nothing goes twice to an address by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import func, or_, select

from services.directory import store as directory
from services.directory.rules import Agency, Bounces, Channel, bounce_of, latest_bounces
from services.foundation.clock import london_date
from services.foundation.outbox import MAIL, MESH, outbox
from services.foundation.statements import among, chunks
from services.foundation.work import Work
from services.records.letters.queueing import queue
from services.records.readers import around
from services.records.rules.dispatch import EMAIL, IN_DOUBT, QUEUED, RECORD, UNDELIVERED, Dispatch, line_of, opens_until
from services.records.rules.record import Reader
from services.records.store import dispatches
from services.records.ways import ways_to


async def readdress(work: Work, some: Sequence[Dispatch], how: Callable[[Work, Reader], str]) -> set[str]:
    """Queue each of these copies of records, which came back or was refused, for the next address of its reader.

    `how` says how it goes there. Returns the ids of those that were queued: for the others there is no other address,
    and they stay as they are.
    """
    lost = [
        each
        for each in some
        if each.kind == RECORD
        and each.channel == EMAIL
        and each.state == UNDELIVERED
        and each.why != IN_DOUBT  # it may not go by itself any more
        and each.document_id is not None
        and each.agency_id is not None
    ]
    readers = await next_readers(work, lost)
    opens_for = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    moved = [
        replace(
            each,
            state=QUEUED,
            why=None,
            address=readers[each.dispatch_id].address,
            how=how(work, readers[each.dispatch_id]),
            sent_at=None,
            delivered_at=None,
            ended_at=None,
            expires_at=opens_until(work.now, opens_for) if opens_for is not None else None,
        )
        for each in lost
        if each.dispatch_id in readers
    ]
    names = ("dispatch_id", "state", "why", "address", "how", "sent_at", "delivered_at", "ended_at", "expires_at")
    await dispatches.set_columns(work.db, [{name: getattr(each, name) for name in names} for each in moved])
    await queue(work, moved)
    return {each.dispatch_id for each in moved}


async def next_readers(work: Work, some: Sequence[Dispatch]) -> dict[str, Reader]:
    """The readers of these at the next address that may be used, by dispatch; without those for whom there is none."""
    if not some:
        return {}
    about = await around(work.db, work.policy, {each.meeting_id for each in some if each.meeting_id is not None})
    agencies = await directory.agencies_by_id(work.db, {each.agency_id for each in some if each.agency_id is not None})
    channels = {each.dispatch_id: ways_to(agencies.get(each.agency_id or ""), each.team_id, EMAIL) for each in some}
    bounces = await directory.bounces_of(work.db, {c.address for of in channels.values() for c in of})
    past = await tried(work, some)
    found = {}
    for each in some:
        where = about.get(each.meeting_id or "")
        reader = where.reader(each.party) if where is not None else None
        agency = agencies.get(each.agency_id or "")
        if reader is None or reader.why_not is not None or agency is None:
            continue
        back = latest_bounces(bounce for bounce in bounces if bounce.meeting_id in (None, each.meeting_id))
        family = where.matter.family_addresses if where is not None else frozenset()
        channel = _next(agency, channels[each.dispatch_id], back, past[each.dispatch_id] | family)
        if channel is not None:
            found[each.dispatch_id] = replace(reader, address=channel.address, verified_on=channel.verified_on)
    return found


def _next(agency: Agency, channels: Sequence[Channel], back: Bounces, tried: set[str]) -> Channel | None:
    for channel in channels:
        if channel.address.lower() not in tried and bounce_of(agency, channel, back) is None:
            return channel
    return None


# What was kept back before anybody tried it used up no address.
_may_have_been_tried = or_(outbox.c.state.in_(("pending", "sent")), func.coalesce(outbox.c.result, "") != "")


async def tried(work: Work, some: Sequence[Dispatch]) -> dict[str, set[str]]:
    """The addresses or mailboxes, in small letters, that each of these was to go to by its channel, and the one that it
    has.
    """
    found = {each.dispatch_id: {each.address.lower()} if each.address else set() for each in some}
    keys = {line_of(each.kind, each.about, each.party, each.channel) for each in some}
    written = [row["params"] for row in work.rows if row["key"] in keys]
    for part in chunks(keys):
        query = select(outbox.c.params).where(
            among(work.db, outbox.c.key, part), outbox.c.channel.in_((MAIL, MESH)), _may_have_been_tried
        )
        written += (await work.db.execute(query)).scalars()
    for params in written:
        if params.get("dispatch_id") in found and params.get("to"):
            found[params["dispatch_id"]].add(params["to"].lower())
    return found
