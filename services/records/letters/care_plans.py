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
from services.records.core_groups import core_groups_of, members
from services.records.letters.links import attached, words_of_link
from services.records.letters.permits import may_go_by_mail, reader_of
from services.records.readers import Around, around
from services.records.rules.care_plans import may_have
from services.records.rules.dispatch import NOT_PERMITTED, Dispatch
from services.records.store import dispatches
from services.records.store.care_plans import told_of


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
    held = await documents.some(work.db, {each.about for each in some.values()})
    about = await around(work.db, work.policy, {each.meeting_id for each in some.values() if each.meeting_id})
    told = await told_of(work.db, {each.about for each in some.values()})
    groups = await core_groups_of(work.db, {each.child_id for each in some.values() if each.child_id})
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        document, core_group = held.get(each.about), members(groups.get(each.child_id or ""))
        readable = document is not None and document.scan in documents.MAY_BE_READ
        where = about.get(each.meeting_id or "")
        of_the_child = each.about in told and told[each.about].child_id == each.child_id
        if not readable or not of_the_child or not _may_have(work, each, row.params["sender"], where, core_group):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _may_have(work: Work, each: Dispatch, sender: str, where: Around | None, core_group: frozenset[str] | None) -> bool:
    """Whether an agency may have a care plan, at the address and in the way that it goes."""
    reader = reader_of(each, where)
    if where is None or reader is None or reader.why_not is not None or each.child_id is None:
        return False
    if not may_go_by_mail(work, each, reader, where):
        return False
    return may_have(each.child_id, sender, reader, core_group)
