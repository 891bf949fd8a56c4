"""The letters that carry care plans to the core group: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.foundation.letters import Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name, weekday
from services.participation.store import documents
from services.records.care_plan_readers import CarePlanReaders
from services.records.letters.links import attached, words_of_link
from services.records.letters.permits import may_go_by_mail, reader_of
from services.records.rules.dispatch import NOT_PERMITTED
from services.records.store import dispatches


def render(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter with a care plan, or with the link to it. The same parameters give the same bytes."""
    name = f"care-plan-{params['reference']}.{params['ends']}"
    file = attached(params, settings, name, params["media_type"])
    values = {
        **params,
        **words_of_link(params, settings),
        "day": weekday(date.fromisoformat(params["day"])),
        "authority_name": authority_name(params["authority"]),
    }
    stamp = datetime.fromisoformat(params["stamp"])
    return letter("care_plan", params["dispatch_id"], "plan", values, stamp, settings, file)


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which care plans their readers may not have with what is known now: the last look."""
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    ids = {each.about for each in some.values()}
    held = await documents.some(work.db, ids)
    asked_at = {each.meeting_id for each in some.values() if each.meeting_id}
    known = await CarePlanReaders.load(work.db, work.policy, ids, asked_at)
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        document, where = held.get(each.about), known.about.get(each.meeting_id or "")
        readable = document is not None and document.scan in documents.MAY_BE_READ
        reader = reader_of(each, where)
        reaches = where is not None and reader is not None and may_go_by_mail(work, each, reader, where)
        if reader is None or not (readable and reaches and known.may_have(each, reader, row.params["sender"])):
            found[row.outbox_id] = NOT_PERMITTED
    return found
