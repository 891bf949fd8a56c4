"""Puts letters into the outbox: one for each copy that was printed, and for each that is taken back, with all that it
says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.foundation import outbox
from services.foundation.work import Work
from services.invitations.readers import told_of_child
from services.meetings.rules import reference
from services.records.readers import Around, around
from services.records.rules.dispatch import (
    ATTACHMENT,
    EMAIL,
    LINK,
    NO_LINK,
    RECORD,
    WITHHELD,
    Dispatch,
    line_of,
)
from services.records.rules.record import Reader, Record
from services.records.rules.versions import NO_READER, changes, last_had, parts, whole
from services.records.store import dispatches, records

COPY_LETTER, RECALL_LETTER = "record_copy", "record_recall"


async def queue(work: Work, some: Sequence[Dispatch]) -> None:
    """Queue the letters of these dispatches of records, in the order of the versions for each reader. Where a letter
    would hold nothing but a link, and none can be made, nothing goes.
    """
    copies = [each for each in some if each.kind == RECORD and each.channel == EMAIL and each.meeting_id is not None]
    if not work.settings.links_can_be_opened:
        without = [each for each in copies if each.how == LINK]
        ended = {"state": WITHHELD, "why": NO_LINK, "ended_at": work.now}
        await dispatches.set_columns(work.db, [{"dispatch_id": each.dispatch_id, **ended} for each in without])
        copies = [each for each in copies if each.how != LINK]
    known = await records.of_records(work.db, {each.about for each in copies})
    about = await around(work.db, work.policy, {each.meeting_id for each in copies if each.meeting_id})
    earlier = await _earlier(work, copies)
    lost: list[dict[str, Any]] = []
    for each in sorted(copies, key=lambda each: (each.about, each.version, each.party)):
        versions = known[each.about]
        where = about[versions[each.version].meeting_id]
        reader = where.reader(each.party)
        if reader is None:
            lost.append({"dispatch_id": each.dispatch_id, "state": WITHHELD, "why": NO_READER, "ended_at": work.now})
            continue
        params = _of_meeting(work, each, versions[each.version], where) | _of_reader(work, each, reader, where)
        params |= _what_changed(versions, earlier.get(each.dispatch_id), each)
        work.post(COPY_LETTER, line_of(RECORD, each.about, each.party), params)
    await dispatches.set_columns(work.db, lost)


async def queue_recalls(work: Work, some: Sequence[Dispatch]) -> None:
    """Queue the letters that say that these, which their readers have, are taken back: to where they went."""
    known = await records.of_records(work.db, {each.about for each in some})
    about = await around(work.db, work.policy, {each.meeting_id for each in some if each.meeting_id})
    for each in sorted(some, key=lambda each: (each.about, each.version, each.party)):
        record = known[each.about][each.version]
        where = about[record.meeting_id]
        params = _of_meeting(work, each, record, where)
        params |= {"one_version": len(known[each.about]) > 1}
        work.post(RECALL_LETTER, line_of(RECORD, each.about, each.party), params)


async def _earlier(work: Work, copies: Sequence[Dispatch]) -> dict[str, Dispatch]:
    """The newest earlier copy that the reader of each of these has or may have, by dispatch."""
    later = [each for each in copies if each.version > 1]
    standing = await dispatches.about(work.db, {each.about for each in later})
    waiting = await outbox.waiting_under(work.db, {line_of(RECORD, each.about, each.party) for each in later})
    unsure = {str(each.params.get("dispatch_id")) for each in waiting if each.name == COPY_LETTER}
    found = {}
    for each in later:
        own = [
            one
            for one in standing[each.about]
            if (one.party, one.channel) == (each.party, each.channel) and one.version < each.version
        ]
        had = last_had(own, unsure)
        if had is not None:
            found[each.dispatch_id] = had
    return found


def _of_meeting(work: Work, each: Dispatch, record: Record, where: Around) -> dict[str, Any]:
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
        "family": each.person_id is not None,
        "stamp": work.now.replace(microsecond=0).isoformat(),
    }


def _of_reader(work: Work, each: Dispatch, reader: Reader, where: Around) -> dict[str, Any]:
    """What the letter may say to this reader. To an address that nobody has verified lately it says of no child."""
    return {
        "how": each.how,
        "document_id": each.document_id if each.how == ATTACHMENT else None,
        "expires_at": each.expires_at.isoformat() if each.expires_at is not None else None,
        "reader": _called(reader, where),
        "agency_kind": None if reader.is_family else reader.kind,
        "family_told": not (where.matter.family_never or where.matter.flagged),
        "children": _children(work, reader, where) if each.how == ATTACHMENT and not reader.is_family else [],
    }


def _called(reader: Reader, where: Around) -> str:
    """How the letter calls its reader: an agency with the team that was asked, and no child by a name."""
    if reader.is_family:
        return "" if reader.kind == "child" else reader.name
    agency = where.agencies.get(reader.agency_id or "")
    teams = [team.name for team in agency.teams if team.team_id == reader.team_id] if agency is not None else []
    return ", ".join([reader.name, *teams])


def _children(work: Work, reader: Reader, where: Around) -> list[dict[str, Any]]:
    """By what an agency finds the records of the children: no more than its invitation said."""
    known = [where.children[child_id] for child_id in sorted(reader.child_ids) if child_id in where.children]
    return [told_of_child(work.policy, each, where.meeting, reader.kind) for each in known]


def _what_changed(versions: Mapping[int, Record], had: Dispatch | None, each: Dispatch) -> dict[str, Any]:
    """What the letter says of the copy that its reader has: what differs in their own, and nothing else. To an address
    that nobody has verified lately it names no heading: a heading may say as much as what stands under it.
    """
    if had is None or had.version not in versions:
        return {"before": None, "reads_otherwise": False, "added": [], "changed": [], "taken_out": 0}
    before = parts(versions[had.version], whole(had))
    found = changes(before, parts(versions[each.version], whole(each)))
    return {
        "before": had.version,
        "reads_otherwise": bool(found.added or found.changed),
        "added": list(found.added) if each.how == ATTACHMENT else [],
        "changed": list(found.changed) if each.how == ATTACHMENT else [],
        "taken_out": found.taken_out,
    }
