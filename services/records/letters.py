"""The letters that carry copies of records, and those that take copies back: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import secure_addresses
from services.foundation.letters import NOT_WANTED, Attachment, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name, weekday
from services.records.handlers.copies import how
from services.records.links import attached, words_of_link
from services.records.readers import Around, around
from services.records.rules.copies import copy_of
from services.records.rules.dispatch import (
    ATTACHMENT,
    NOT_PERMITTED,
    OVERTAKEN,
    QUEUED,
    RECALLED,
    Dispatch,
)
from services.records.rules.front_page import may_be_shown
from services.records.rules.record import Reader, Record
from services.records.rules.versions import silent, whole
from services.records.store import dispatches, records

# What stands in a letter for each kind of record: as a title, and in a sentence.
_TITLES = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision letter"}
_NAMES = {"minutes": "the minutes", "plan": "the plan", "decision": "the decision letter"}


def render_copy(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter with a reader's copy, or with the link to it. The same parameters give the same bytes."""
    template = "record_relative" if params["family"] else "record_copy"
    name = f"{params['record_kind']}-{params['reference']}-v{params['version']}.pdf"
    file = attached(params, settings, name, "application/pdf")
    return _letter(template, "record", {**params, **words_of_link(params, settings)}, settings, file)


def render_recall(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter that takes a copy back. The same parameters give the same bytes."""
    return _letter("record_recall_relative" if params["family"] else "record_recall", "recall", params, settings)


def _letter(
    template: str, which: str, params: Mapping[str, Any], settings: Settings, file: tuple[Attachment, ...] = ()
) -> Letter:
    values = {
        **params,
        "title": _TITLES[params["record_kind"]],
        "name": _NAMES[params["record_kind"]],
        "day": weekday(date.fromisoformat(params["day"])),
        "authority_name": authority_name(params["authority"]),
    }
    stamp = datetime.fromisoformat(params["stamp"])
    return letter(template, params["dispatch_id"], which, values, stamp, settings, file)


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which copies may not go any more: those that were taken back or overtaken, and those that were written to another
    address or another way than they have now.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state in (RECALLED, OVERTAKEN):
            found[row.outbox_id] = NOT_WANTED
        elif each.state != QUEUED or (each.address, each.how) != (row.params["to"], row.params["how"]):
            found[row.outbox_id] = NOT_PERMITTED
    return found


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which copies their readers may not have with what is known now, whatever was decided before: the last look."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    known = await records.of_records(work.db, {each.about for each in some.values()})
    about = await around(work.db, work.policy, {each.meeting_id for each in some.values() if each.meeting_id})
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        where = about.get(each.meeting_id or "")
        reader = _reader(each, where)
        record = known[each.about][each.version]
        if where is None or reader is None or not _may_have(work, each, record, reader, where):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _reader(each: Dispatch, where: Around | None) -> Reader | None:
    return next((reader for reader in where.readers if reader.party == each.party), None) if where is not None else None


def _may_have(work: Work, each: Dispatch, record: Record, reader: Reader, where: Around) -> bool:
    """Whether a reader may have all that is in a copy, at the address and in the way that it goes."""
    copy = copy_of(record, reader, where.matter)
    if not set(whole(each)) or not set(whole(each)) <= set(copy.whole):
        return False
    if not may_be_shown(each.shown, reader, where.readers, where.matter):
        return False
    if reader.is_family:
        return each.address == reader.address
    agency = where.agencies.get(reader.agency_id or "")
    if agency is None or each.address not in secure_addresses(agency):
        return False
    channels = [*agency.channels, *(channel for team in agency.teams for channel in team.channels)]
    days = [channel.verified_on for channel in channels if channel.address == each.address and channel.verified_on]
    return each.how != ATTACHMENT or how(work, replace(reader, verified_on=max(days, default=None))) == ATTACHMENT


async def recall_withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which letters that take something back are not to go: those about what has not been taken back, and those to
    another address than it went to.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state != RECALLED or each.address != row.params["to"]:
            found[row.outbox_id] = NOT_WANTED
    return found


async def recall_permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which of these letters may not go to family with what is known now: not even that something is taken back."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows if row.params["family"]})
    about = await around(work.db, work.policy, {each.meeting_id for each in some.values() if each.meeting_id})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None:
            continue
        where = about.get(each.meeting_id or "")
        if where is None or silent(where.matter, where.readers)(each):
            found[row.outbox_id] = NOT_PERMITTED
    return found
