"""The letters that carry copies of records, and those that take copies back: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.letters import NOT_WANTED, Attachment, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name, weekday
from services.records.letters.links import attached, words_of_link
from services.records.letters.permits import copies_permitted, may_go_by_mail, none_to_the_silent
from services.records.readers import Around
from services.records.rules.dispatch import RECALLED, Dispatch
from services.records.rules.record import Reader
from services.records.store import dispatches

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


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which copies their readers may not have with what is known now: the last look."""
    return await copies_permitted(work, rows, _at_their_address)


def _at_their_address(work: Work, each: Dispatch, reader: Reader, where: Around) -> Reader | None:
    if reader.is_family:
        return reader if each.address == reader.address else None
    return reader if may_go_by_mail(work, each, reader, where) else None


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
    """Which of these letters may not go with what is known now: not even that something is taken back."""
    return await none_to_the_silent(work, rows)
