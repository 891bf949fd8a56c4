"""The reminders about records: how they read, and whether they may still go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import Agency, Bounce, bounce_of, latest_bounces
from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED, Attempt, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name, weekday
from services.meetings import store as meetings
from services.participation.store.quoracy import held_facts
from services.records.due import held_at
from services.records.letters.links import words_of_link
from services.records.letters.permits import none_to_the_silent
from services.records.reminders import COORDINATOR_LETTER, READER_LETTER, coordinators
from services.records.rules.dispatch import DELIVERED, EMAIL, NOT_PERMITTED, SENT, Dispatch
from services.records.rules.due import RECORDS, approved
from services.records.rules.receipts import is_filed
from services.records.store import dispatches, records


def render_to_reader(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to an agency that has not said that its copy is filed. The same parameters give the same bytes."""
    values = {
        **words_of_link(params, settings),
        "name": RECORDS[params["record_kind"]],
        "sent_on": weekday(date.fromisoformat(params["sent_on"])) if params["sent_on"] else None,
        "by": weekday(date.fromisoformat(params["by"])) if params["by"] else None,
        "before": None,
    }
    return _letter(READER_LETTER, params["dispatch_id"], {**params, **values}, settings)


def render_to_coordinator(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter that tells a coordinator what is due. It says nothing of any child."""
    values = {
        "by": weekday(date.fromisoformat(params["by"])),
        "held_on": weekday(date.fromisoformat(params["held_on"])),
        "wanted": [RECORDS[kind] for kind in params["wanted"]],
    }
    return _letter(COORDINATOR_LETTER, params["name"], {**params, **values}, settings)


def _letter(template: str, name: str, params: Mapping[str, Any], settings: Settings) -> Letter:
    values = {
        **params,
        "day": weekday(date.fromisoformat(params["day"])),
        "authority_name": authority_name(params["authority"]),
    }
    return letter(template, name, template, values, datetime.fromisoformat(params["stamp"]), settings)


async def to_reader_withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which reminders are not to go: of a copy that is filed by now, whichever way it came, was taken back, was
    overtaken or came back, and those to an address that may not be used any more.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in some.values() if each.agency_id})
    bounces = await directory.bounces_of(db, {row.params["to"] for row in rows})
    standing = await dispatches.about(db, {each.about for each in some.values()})
    filed = {(one.about, one.version, one.party) for all_ in standing.values() for one in all_ if is_filed(one)}
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if (
            each is None
            or each.state not in (SENT, DELIVERED)
            or (each.about, each.version, each.party) in filed
            or each.address != row.params["to"]
        ):
            found[row.outbox_id] = NOT_WANTED
        elif not _may_be_used(each, agencies.get(each.agency_id or ""), bounces):
            found[row.outbox_id] = NOT_PERMITTED
    return found


async def to_reader_permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which reminders are for an address that somebody of the family has given since the copy went there."""
    return await none_to_the_silent(work, rows)


def _may_be_used(each: Dispatch, agency: Agency | None, bounces: Sequence[Bounce]) -> bool:
    if agency is None or agency.closed_on is not None:
        return False
    back = latest_bounces(bounce for bounce in bounces if bounce.meeting_id in (None, each.meeting_id))
    return any(
        channel.kind == EMAIL
        and channel.secure
        and channel.address == each.address
        and bounce_of(agency, channel, back) is None
        for channel in agency.every_channel
    )


async def to_coordinator_withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which letters to coordinators are not to go: where nothing of what they say is due any more, or another day is
    known on which the meeting was held, and those to an address that may not be written to now.
    """
    ids = {row.params["meeting_id"] for row in rows}
    some = await meetings.meetings_by_id(db, ids)
    held = {meeting_id: held_at(row) for meeting_id, row in (await held_facts(db, some)).items()}
    known = await records.of_meetings(db, some)
    recalls = await records.recalls_of(db, {each.record_id for of in known.values() for each in of})
    reachable = await coordinators(db, some.values())
    found = {}
    for row in rows:
        meeting_id = row.params["meeting_id"]
        at = held.get(meeting_id)
        versions = known.get(meeting_id, ())
        taken_back = [each for name in {each.record_id for each in versions} for each in recalls.get(name, ())]
        if (
            at is None
            or london_date(at).isoformat() != row.params["held_on"]
            or any(approved(kind, london_date(at), versions, taken_back) for kind in row.params["wanted"])
        ):
            found[row.outbox_id] = NOT_WANTED
        elif reachable.get(meeting_id) != row.params["to"]:
            found[row.outbox_id] = NOT_PERMITTED
    return found


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """How a reminder ended changes nothing: what it reminds of is told to a person when its day is over."""
