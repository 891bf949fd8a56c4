"""Writes the reminders about records: to a reader that a copy is to be filed, to the coordinator that a record is due.

Each goes once: to a reader for each copy, to the coordinator for each day on which something is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.domains import is_of_one_agency
from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation.clock import london_date
from services.foundation.outbox import MAIL, outbox
from services.foundation.statements import among, chunks
from services.foundation.work import Work
from services.meetings.rules import Meeting, reference
from services.records.family import family_addresses
from services.records.readers import Around
from services.records.rules.dispatch import Dispatch, line_of
from services.records.rules.due import Deadline
from services.records.rules.record import Record
from services.records.store import dispatches

READER_LETTER, COORDINATOR_LETTER = "record_reminder", "coordinator_reminder"
SOCIAL_CARE = "childrens_social_care"


async def remind_readers(
    work: Work, some: Sequence[tuple[Dispatch, Record, date | None]], about: Mapping[str, Around]
) -> None:
    """Write to readers that have not said that their copy is filed; each comes with the last day on which it would be
    in time. Who may not be written to now is not reminded, and is once they may be.
    """
    reminded: list[Dispatch] = []
    for each, record, last_day in some:
        where = about[record.meeting_id]
        reader = where.reader(each.party)
        if reader is None or reader.why_not is not None or where.matter.is_where_family_reads(each.address):
            continue
        params = {
            **_of_meeting(work, where.meeting),
            "dispatch_id": each.dispatch_id,
            "record_kind": record.kind,
            "version": each.version,
            "to": each.address,
            "how": each.how,
            "reader": reader.name,
            "agency_kind": reader.kind,
            "family_told": not (where.matter.family_never or where.matter.flagged),
            "sent_on": london_date(each.sent_at).isoformat() if each.sent_at is not None else None,
            "by": last_day.isoformat() if last_day is not None and last_day >= london_date(work.now) else None,
            "expires_at": each.expires_at.isoformat() if each.expires_at is not None else None,
        }
        work.post(READER_LETTER, line_of(each.kind, each.about, each.party), params)
        reminded.append(each)
    rows = [{"dispatch_id": each.dispatch_id, "reminded_at": work.now} for each in reminded]
    await dispatches.set_columns(work.db, rows)


async def remind_coordinators(work: Work, some: Sequence[tuple[Meeting, Deadline]]) -> None:
    """Write to the coordinators of these meetings what is due, where their address is one that may be written to; once
    for each day on which something is due.
    """
    due: dict[str, tuple[Meeting, list[Deadline]]] = {}
    for meeting, deadline in some:
        due.setdefault(_key(meeting, deadline.last_day), (meeting, []))[1].append(deadline)
    if not due:
        return
    told = await _written(work, due)
    reachable = await coordinators(work.db, [meeting for meeting, _ in due.values()])
    for key, (meeting, deadlines) in due.items():
        if key in told or meeting.meeting_id not in reachable:
            continue
        params = {
            **_of_meeting(work, meeting),
            "name": name_of(key),
            "to": reachable[meeting.meeting_id],
            "held_on": deadlines[0].held_on.isoformat(),
            "by": deadlines[0].last_day.isoformat(),
            "wanted": [each.kind for each in deadlines],
        }
        work.post(COORDINATOR_LETTER, key, params)


def name_of(key: str) -> str:
    """What the letter to a coordinator is called by in its addresses: it says nothing, and belongs to no reader."""
    return hashlib.sha256(f"letter {key}".encode()).hexdigest()[:26]


async def coordinators(db: AsyncConnection, some: Iterable[Meeting]) -> dict[str, str]:
    """The addresses of coordinators that may be written to, by meeting.

    An organiser's address comes with the meeting, and nobody has vouched for it. It may be written to where it belongs
    to the social care of the area that holds the meeting: it is one of its secure addresses, or of the same domain
    where that is its own. Where somebody of a child's family reads it is never written to.
    """
    meetings = list(some)
    family = await family_addresses(db, {child_id for meeting in meetings for child_id in meeting.child_ids})
    authorities = {meeting.authority for meeting in meetings}
    known: dict[str, set[str]] = {}
    for agency in await directory.agencies_of_authority(db, authorities, [SOCIAL_CARE]):
        if agency.authority is not None and agency.closed_on is None:
            addresses = {address.lower() for address in secure_addresses(agency)}
            domains = set(filter(is_of_one_agency, (address.partition("@")[2] for address in addresses)))
            known.setdefault(agency.authority, set()).update(addresses | domains)
    found = {}
    for meeting in meetings:
        address = meeting.organiser_email.lower()
        if any(address in family[child_id] for child_id in meeting.child_ids):
            continue
        if {address, address.partition("@")[2]} & known.get(meeting.authority, set()):
            found[meeting.meeting_id] = meeting.organiser_email
    return found


def _key(meeting: Meeting, last_day: date) -> str:
    return f"due:{meeting.meeting_id}:{last_day.isoformat()}"


async def _written(work: Work, keys: Iterable[str]) -> set[str]:
    """Under which of these keys a letter was written before."""
    found = {row["key"] for row in work.rows}
    for some in chunks(set(keys)):
        query = select(outbox.c.key).where(among(work.db, outbox.c.key, some), outbox.c.channel == MAIL)
        found |= set((await work.db.execute(query)).scalars())
    return found


def _of_meeting(work: Work, meeting: Meeting) -> dict[str, object]:
    return {
        "meeting_id": meeting.meeting_id,
        "authority": meeting.authority,
        "kind_name": work.policy.on(meeting.day).kind(meeting.kind).name,
        "day": meeting.day.isoformat(),
        "reference": reference(meeting.meeting_id),
        "organiser": meeting.organiser,
        "stamp": work.now.replace(microsecond=0).isoformat(),
    }
