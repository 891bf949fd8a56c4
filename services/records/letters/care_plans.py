"""The letters that carry care plans to the core group: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.directory.rules import Agency
from services.foundation.letters import Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name, weekday
from services.meetings.rules import reference
from services.participation.store import documents
from services.participation.store.documents import Document
from services.participation.uploads import EXTENSIONS
from services.records.care_plan_readers import CarePlanReaders
from services.records.letters.links import attached, words_of_link
from services.records.letters.permits import may_go_by_mail, reader_of
from services.records.readers import Around
from services.records.rules.dispatch import ATTACHMENT, NOT_PERMITTED, Dispatch
from services.records.rules.record import Reader
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


def words(
    work: Work,
    where: Around,
    reader: Reader,
    sender_id: str,
    sender: Agency | None,
    document: Document,
    each: Dispatch,
) -> dict[str, Any]:
    """What the letter with a care plan says to one reader, who was asked to that meeting."""
    meeting = where.meeting
    return {
        "dispatch_id": each.dispatch_id,
        "meeting_id": meeting.meeting_id,
        "authority": meeting.authority,
        "kind_name": work.policy.on(meeting.day).kind(meeting.kind).name,
        "day": meeting.day.isoformat(),
        "reference": reference(meeting.meeting_id),
        "organiser": meeting.organiser,
        "sender": sender_id,
        "from_kind": work.policy.agency_name(sender.kind) if sender is not None else "another agency",
        "reader": reader.name,
        "agency_kind": reader.kind,
        "before": None,
        "to": each.address,
        "how": each.how,
        "document_id": each.document_id if each.how == ATTACHMENT else None,
        "media_type": document.media_type,
        "ends": EXTENSIONS[document.media_type],
        "family_told": not (where.matter.family_never or where.matter.flagged),
        "expires_at": each.expires_at.isoformat() if each.expires_at is not None else None,
        "stamp": work.now.replace(microsecond=0).isoformat(),
    }


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
