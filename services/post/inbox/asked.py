"""What is known of the invitations and dispatches that a message has the token of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import Agency
from services.foundation.outbox import MAIL, outbox
from services.foundation.statements import among, chunks
from services.invitations import store as invitations
from services.invitations.rules import CANCELLED
from services.meetings import store as meetings
from services.post.inbox.rules import Asked, Sent
from services.records.rules.dispatch import RECALLED, WITHHELD, line_of
from services.records.store import dispatches


async def invitations_asked(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Asked]:
    """The invitations that are there, by id, each with all addresses that its agency has on record."""
    rows = await invitations.rows_by_id(db, ids)
    about = await meetings.meetings_by_id(db, {row["meeting_id"] for row in rows.values()})
    agencies = await directory.agencies_by_id(db, {row["agency_id"] for row in rows.values() if row["agency_id"]})
    return {
        each: Asked(
            invitation_id=each,
            meeting_id=row["meeting_id"],
            partition_key=about[row["meeting_id"]].partition_key,
            agency_id=row["agency_id"],
            person_id=row["person_id"],
            team_id=row["team_id"],
            address=row["address"],
            addresses=_addresses(agencies[row["agency_id"]]) if row["agency_id"] in agencies else frozenset(),
            sequence=row["sequence"],
            stamp=row["stamp"],
            since=row["since"],
            cancelled=row["state"] == CANCELLED,
        )
        for each, row in rows.items()
        if row["meeting_id"] in about
    }


async def dispatches_sent(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Sent]:
    """The dispatches that are there and went, or go, by id, each with the secure addresses that its agency has on
    record.
    """
    some = {each: one for each, one in (await dispatches.by_ids(db, ids)).items() if one.state != WITHHELD}
    agencies = await directory.agencies_by_id(db, {one.agency_id for one in some.values() if one.agency_id})
    return {
        each: Sent(
            dispatch_id=each,
            kind=one.kind,
            meeting_id=one.meeting_id,
            child_id=one.child_id,
            partition_key=one.partition_key,
            agency_id=one.agency_id,
            address=one.address,
            addresses=_addresses(agencies[one.agency_id], insecure=False) if one.agency_id in agencies else frozenset(),
            name=agencies[one.agency_id].name if one.agency_id in agencies else "",
            recalled=one.state == RECALLED,
        )
        for each, one in some.items()
    }


async def letters_of(db: AsyncConnection, ids: Iterable[str]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """The letters that were written about these dispatches, by dispatch: who renders each, and from what."""
    some = await dispatches.by_ids(db, ids)
    keys = {line_of(one.kind, one.about, one.party) for one in some.values()}
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for part in chunks(keys):
        which = among(db, outbox.c.key, part)
        query = select(outbox.c.name, outbox.c.params).where(which, outbox.c.channel == MAIL)
        for name, params in await db.execute(query.order_by(outbox.c.outbox_id)):
            if params.get("dispatch_id") in some:
                found.setdefault(params["dispatch_id"], []).append((name, params))
    return found


def _addresses(agency: Agency, *, insecure: bool = True) -> frozenset[str]:
    channels = [*agency.channels, *(channel for team in agency.teams for channel in team.channels)]
    return frozenset(
        channel.address for channel in channels if channel.kind == "email" and (insecure or channel.secure)
    )
