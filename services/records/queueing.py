"""Puts what was printed into the outbox: one letter for each dispatch, with all that it says."""

from __future__ import annotations

from collections.abc import Sequence

from services.foundation.work import Work
from services.meetings.rules import reference
from services.records.readers import Around, around
from services.records.rules.dispatch import RECORD, Dispatch, line_of
from services.records.rules.record import Record
from services.records.store import records

COPY_LETTER = "record_copy"


async def queue(work: Work, some: Sequence[Dispatch]) -> None:
    """Queue the letters of these dispatches of records, in the order of the versions for each reader."""
    copies = [each for each in some if each.kind == RECORD and each.meeting_id is not None]
    known = await records.of_records(work.db, {each.about for each in copies})
    about = await around(work.db, work.policy, {each.meeting_id for each in copies if each.meeting_id})
    for each in sorted(copies, key=lambda each: (each.about, each.version, each.party)):
        record = known[each.about][each.version]
        work.post(COPY_LETTER, line_of(RECORD, each.about, each.party), _params(work, each, record, about))


def _params(work: Work, each: Dispatch, record: Record, some: dict[str, Around]) -> dict[str, object]:
    where = some[record.meeting_id]
    reader = next(reader for reader in where.readers if reader.party == each.party)
    meeting = where.meeting
    return {
        "dispatch_id": each.dispatch_id,
        "meeting_id": meeting.meeting_id,
        "authority": meeting.authority,
        "record_id": record.record_id,
        "record_kind": record.kind,
        "version": record.version,
        "kind_name": work.policy.on(meeting.day).kind(meeting.kind).name,
        "day": meeting.day.isoformat(),
        "reference": reference(meeting.meeting_id),
        "organiser": meeting.organiser,
        "to": each.address,
        "how": each.how,
        "family": reader.is_family,
        "reader": reader.name,
        "document_id": each.document_id,
        "stamp": work.now.replace(microsecond=0).isoformat(),
    }
