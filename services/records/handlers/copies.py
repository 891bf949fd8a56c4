"""What an approved record does: it is decided for each reader what they get, and what they get is printed and queued.

A handler decides and stores. The press (`services.records.press`) makes the documents of what is to go, and puts the
letters that carry them into the outbox; the mailer takes them from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from schemas.envelope import Event
from schemas.outcomes import RecordDistributed
from schemas.record import RecordApproved
from services.foundation.clock import london_date
from services.foundation.letters import Attempt
from services.foundation.work import Derived, Work
from services.meetings.rules.words import earlier
from services.records.queueing import queue
from services.records.readers import Around, around
from services.records.rules.copies import Copy, content_name, copies
from services.records.rules.dispatch import (
    ATTACHMENT,
    EMAIL,
    GOES,
    LINK,
    OVERTAKEN,
    PRINTING,
    QUEUED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    dispatch_id,
)
from services.records.rules.record import Reader, Record
from services.records.store import dispatches, records

PRINT = "record"  # the name of the row that asks the press for the copies of one version
DECIDED = "records.decided"  # it was decided, or decided anew, who gets which part of a version


async def approved(work: Work, events: Sequence[Event]) -> None:
    """Keep each version, and decide who gets which part of it. Of one number the first text counts; a version that is
    older than one that is known is kept, and goes to nobody.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, RecordApproved)]
    known = await records.of_records(work.db, {each.record_id for _, each in told})
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for event, each in told:
        name = (each.record_id, each.version)
        if name[1] in known.get(name[0], {}) or name in rows:
            continue
        payload = each.model_dump(mode="json")
        rows[name] = records.row_of(payload, event.time, event.source, event.id, work.now)
    await records.put(work.db, list(rows.values()))
    now_known = await records.of_records(work.db, {record_id for record_id, _ in rows})
    newest = {record_id: versions[max(versions)] for record_id, versions in now_known.items()}
    fresh = [record for record_id, record in newest.items() if (record_id, record.version) in rows]
    await distribute(work, fresh)


async def distribute(work: Work, some: Sequence[Record]) -> None:
    """Decide for every reader of these versions what they get, and have it printed."""
    about = await around(work.db, work.policy, {record.meeting_id for record in some})
    before = await dispatches.about(work.db, {record.record_id for record in some})
    added: list[Dispatch] = []
    for record in some:
        where = about[record.meeting_id]
        made = copies(record, where.readers, where.matter)
        fresh = [_dispatch(work, record, copy, where) for copy in made]
        waiting = [each for each in before.get(record.record_id, ()) if each.state in GOES]
        await dispatches.set_columns(
            work.db, [{"dispatch_id": e.dispatch_id, "state": OVERTAKEN, "ended_at": work.now} for e in waiting]
        )
        added += fresh
        if any(each.state == PRINTING for each in fresh):
            params = {"record_id": record.record_id, "version": record.version, "meeting_id": record.meeting_id}
            work.print(PRINT, f"{record.record_id}:{record.version}", params)
        work.emit(Derived(DECIDED, record.record_id, where.meeting.partition_key, record))
    await dispatches.put(work.db, added)


def _dispatch(work: Work, record: Record, copy: Copy, about: Around) -> Dispatch:
    reader = copy.reader
    goes = copy.why_not is None
    return Dispatch(
        dispatch_id=dispatch_id(RECORD, record.record_id, record.version, reader.party),
        kind=RECORD,
        about=record.record_id,
        version=record.version,
        meeting_id=record.meeting_id,
        child_id=None,
        partition_key=about.meeting.partition_key,
        party=reader.party,
        agency_id=reader.agency_id,
        person_id=reader.person_id,
        team_id=reader.team_id,
        channel=EMAIL,
        address=reader.address if goes else None,
        how=how(work, reader),
        state=PRINTING if goes else WITHHELD,
        why=copy.why_not,
        decided=[asdict(each) for each in copy.sections],
        content=content_name(record, copy) if goes else None,
        document_id=None,
        written_at=work.now,
        ended_at=None if goes else work.now,
    )


def how(work: Work, reader: Reader) -> str:
    """Whether a reader gets the copy itself or a link to it: itself only an agency at an address that was verified,
    not too long ago, and that the policy does not give links to.
    """
    groups, today = work.policy.groups, london_date(work.now)
    if reader.is_family or reader.kind in groups.record_by_link or reader.agency_id in groups.record_by_link_to:
        return LINK
    least = work.policy.on(today).number("address_verified_for")
    if reader.verified_on is None or least is None or reader.verified_on < earlier(today, least):
        return LINK
    return ATTACHMENT


async def printed(work: Work, made: Mapping[str, str]) -> None:
    """Copies were printed: `made` names the document of each dispatch. They are queued, unless something has taken
    their place meanwhile.
    """
    some = await dispatches.by_ids(work.db, made)
    going = [replace(each, document_id=made[each.dispatch_id]) for each in some.values() if each.state == PRINTING]
    await dispatches.set_columns(
        work.db,
        [{"dispatch_id": e.dispatch_id, "state": QUEUED, "document_id": e.document_id} for e in going],
    )
    await queue(work, going)


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending copies ended, and tell."""
    some = await dispatches.by_ids(work.db, {attempt.row.params["dispatch_id"] for attempt in attempts})
    sent, failed = [], []
    for attempt in attempts:
        each = some.get(attempt.row.params["dispatch_id"])
        if each is None or attempt.state == "pending" or each.state != QUEUED:
            continue
        if attempt.state == "sent":
            sent.append({"dispatch_id": each.dispatch_id, "state": SENT, "sent_at": attempt.at})
            if each.kind == RECORD and each.meeting_id is not None:
                told = RecordDistributed(
                    record_id=each.about,
                    meeting_id=each.meeting_id,
                    version=each.version,
                    agency_id=each.agency_id,
                    person_id=each.person_id,
                    at=attempt.at,
                )
                work.emit(Derived("quorate.record.distributed.v1", each.meeting_id, each.partition_key, told))
        else:
            failed.append({"dispatch_id": each.dispatch_id, "state": UNDELIVERED, "why": attempt.reason})
    await dispatches.set_columns(work.db, sent)
    await dispatches.set_columns(work.db, failed)
