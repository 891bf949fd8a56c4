"""What is known of the invitations and dispatches that a message has the token of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Agency, secure_addresses
from services.foundation.outbox import MAIL, outbox
from services.foundation.statements import among, chunks
from services.invitations import store as invitations
from services.invitations.rules import CANCELLED
from services.meetings import store as meetings
from services.post.inbox.rules import Asked, Sent
from services.records.family import family_addresses
from services.records.notices.facts import standing_plans
from services.records.rules.dispatch import NOTICE, RECALLED, WITHHELD, Dispatch, line_of
from services.records.rules.flags import LEAVE, flag_asked
from services.records.store import dispatches, plans


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
            addresses=_every_address(agencies[row["agency_id"]]) if row["agency_id"] in agencies else frozenset(),
            sequence=row["sequence"],
            stamp=row["stamp"],
            since=row["since"],
            cancelled=row["state"] == CANCELLED,
        )
        for each, row in rows.items()
        if row["meeting_id"] in about
    }


async def dispatches_sent(db: AsyncConnection, policy: Policy, ids: Iterable[str]) -> dict[str, Sent]:
    """The dispatches that are there and went, or go, by id, each with the secure addresses that its agency has on
    record, and with those at which the family reads.
    """
    some = {each: one for each, one in (await dispatches.by_ids(db, ids)).items() if one.state != WITHHELD}
    agencies = await directory.agencies_by_id(db, {one.agency_id for one in some.values() if one.agency_id})
    flags = await _flags(db, policy, [one for one in some.values() if one.kind == NOTICE])
    of_family = await _of_family(db, [one for one in some.values() if one.agency_id])
    return {
        each: Sent(
            dispatch_id=each,
            kind=one.kind,
            meeting_id=one.meeting_id,
            child_id=one.child_id,
            partition_key=one.partition_key,
            agency_id=one.agency_id,
            address=one.address,
            addresses=secure_addresses(agencies[one.agency_id]) if one.agency_id in agencies else frozenset(),
            name=agencies[one.agency_id].name if one.agency_id in agencies else "",
            flag=flags.get(each),
            of_family=of_family.get(each, frozenset()),
            recalled=one.state == RECALLED,
        )
        for each, one in some.items()
    }


async def _flags(db: AsyncConnection, policy: Policy, some: Collection[Dispatch]) -> dict[str, str]:
    """What is to become of the flag by each of these notices, as things stand."""
    child_ids = {one.child_id for one in some if one.child_id is not None}
    told = await plans.notices_of(db, child_ids)
    standing = await standing_plans(db, policy, child_ids)
    found = {}
    for one in some:
        of_child = told.get(one.child_id or "", [])
        notice = next((each for each in of_child if each.notice_id == one.about), None)
        found[one.dispatch_id] = flag_asked(notice, standing.get(one.child_id or "", ())) if notice else LEAVE
    return found


async def _of_family(db: AsyncConnection, some: Collection[Dispatch]) -> dict[str, frozenset[str]]:
    """The addresses of the family of whom each of these is about."""
    about = await meetings.meetings_by_id(db, {one.meeting_id for one in some if one.meeting_id is not None})
    children = {
        one.dispatch_id: {
            *([one.child_id] if one.child_id is not None else ()),
            *(about[one.meeting_id].child_ids if one.meeting_id in about else ()),
        }
        for one in some
    }
    given = await family_addresses(db, {child_id for ids in children.values() for child_id in ids})
    return {each: frozenset().union(*(given[child_id] for child_id in ids)) for each, ids in children.items()}


async def letters_of(db: AsyncConnection, ids: Iterable[str]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """The letters that were written about these dispatches, by dispatch: who renders each, and from what."""
    some = await dispatches.by_ids(db, ids)
    told = await plans.notices_of(db, {one.child_id for one in some.values() if one.kind == NOTICE and one.child_id})
    plan_of = {each.notice_id: each.plan_id for of_child in told.values() for each in of_child}
    # The letters about a plan go in one line, whatever each tells of it.
    keys = {line_of(one.kind, plan_of.get(one.about, one.about), one.party) for one in some.values()}
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for part in chunks(keys):
        which = among(db, outbox.c.key, part)
        query = select(outbox.c.name, outbox.c.params).where(which, outbox.c.channel == MAIL)
        for name, params in await db.execute(query.order_by(outbox.c.outbox_id)):
            if params.get("dispatch_id") in some:
                found.setdefault(params["dispatch_id"], []).append((name, params))
    return found


def _every_address(agency: Agency) -> frozenset[str]:
    """Where an agency may write from, whether anything may be sent there or not."""
    return frozenset(each.address for each in agency.every_channel if each.kind == "email")
