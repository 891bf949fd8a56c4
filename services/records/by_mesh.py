"""Copies that go by MESH, the NHS's message exchange, besides e-mail: to which mailbox, and whether they still may.

What is decided for a reader is decided for all that goes to them: by MESH goes the same copy, as a dispatch of its own,
which leaves, arrives and is filed by itself. What one of a reader's dispatches shows holds for the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Agency
from services.foundation.documents import Documents
from services.foundation.letters import NOT_WANTED
from services.foundation.outbox import OutboxRow
from services.foundation.parcels import Parcel
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.render import weekday
from services.meetings.rules import reference
from services.records.readers import Around, around
from services.records.rules.copies import NO_ADDRESS, Copy, copy_of
from services.records.rules.dispatch import (
    MESH,
    NOT_PERMITTED,
    OVERTAKEN,
    QUEUED,
    RECALLED,
    RECORD,
    WITHHELD,
    Dispatch,
    line_of,
)
from services.records.rules.front_page import may_be_shown
from services.records.rules.record import Reader, Record
from services.records.rules.versions import TAKEN_BACK, Step, whole
from services.records.store import dispatches, records

COPY_PARCEL = "record_copy"

_TITLES = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision"}


def mailbox_of(work: Work, reader: Reader, agencies: Mapping[str, Agency]) -> str | None:
    """The MESH mailbox that a reader's copies go to: its team's, else its agency's; None where none may be used."""
    agency = agencies.get(reader.agency_id or "")
    if work.settings.mesh_workflow is None or agency is None or reader.kind not in work.policy.groups.record_by_mesh:
        return None
    return next(iter(_mailboxes(agency, reader.team_id)), None)


def _mailboxes(agency: Agency, team_id: str | None) -> list[str]:
    """The mailboxes that may be used; none of an agency that is closing: who reads them then is not known."""
    if agency.closed_on is not None:
        return []
    teams = [team for team in agency.teams if team.team_id == team_id]
    channels = [*(channel for team in teams for channel in team.channels), *agency.channels]
    return [channel.address for channel in channels if channel.kind == MESH and channel.secure]


def copies_by_mesh(
    work: Work, record: Record, where: Around, standing: Sequence[Dispatch]
) -> tuple[list[Copy], list[Dispatch]]:
    """The copies that go by MESH, or went, and the dispatches that are to be decided upon with them.

    A copy that has gone to a mailbox that is on record no more stays what it is; what its reader may not have any more
    is decided upon as ever.
    """
    went = {each.party for each in standing}
    made = []
    for reader in where.readers:
        mailbox = mailbox_of(work, reader, where.agencies)
        copy = copy_of(record, replace(reader, address=mailbox), where.matter)
        if copy.why_not is None or (copy.why_not != NO_ADDRESS and reader.party in went):
            made.append(copy)
    decided = {copy.reader.party for copy in made} | (went - {reader.party for reader in where.readers})
    return made, [each for each in standing if each.party in decided]


def told_by_mail(by_mesh: Sequence[Step], by_mail: Sequence[Step]) -> list[Step]:
    """The steps for what went by MESH, where nothing is said twice: a letter tells a reader that a copy is taken back,
    whichever way the copy came. Only whom no letter reaches is told by a person.
    """
    told = {each.dispatch.party for each in by_mail if each.told and each.dispatch is not None}
    return [
        replace(each, why=TAKEN_BACK)
        if each.what == "withdraw" and each.dispatch is not None and each.dispatch.party in told
        else each
        for each in by_mesh
    ]


async def queue_parcels(work: Work, some: Sequence[Dispatch]) -> None:
    """Queue the copies among these that go by MESH."""
    going = [each for each in some if each.kind == RECORD and each.channel == MESH and each.meeting_id is not None]
    known = await records.of_records(work.db, {each.about for each in going})
    about = await around(work.db, work.policy, {each.meeting_id for each in going if each.meeting_id is not None})
    for each in sorted(going, key=lambda each: (each.about, each.version, each.party)):
        record = known[each.about][each.version]
        params = {
            "dispatch_id": each.dispatch_id,
            "meeting_id": each.meeting_id,
            "to": each.address,
            "record_kind": record.kind,
            "version": record.version,
            "day": about[record.meeting_id].meeting.day.isoformat(),
            "reference": reference(record.meeting_id),
            "document_id": each.document_id,
        }
        work.hand_over(COPY_PARCEL, line_of(RECORD, each.about, each.party, MESH), params)


def render_copy(params: Mapping[str, Any], settings: Settings) -> Parcel:
    """The parcel with a reader's copy. The same parameters give the same parcel."""
    title, ref = _TITLES[params["record_kind"]], params["reference"]
    return Parcel(
        to=params["to"],
        local_id=params["dispatch_id"],
        subject=f"{title}, {weekday(date.fromisoformat(params['day']))}, ref {ref}",
        file_name=f"{params['record_kind']}-{ref}-v{params['version']}.pdf",
        media_type="application/pdf",
        content=Documents(settings.documents_folder).read(params["document_id"]),
    )


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which copies may not go any more: those that were taken back or overtaken, and those for another mailbox."""
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state in (RECALLED, OVERTAKEN, WITHHELD):
            found[row.outbox_id] = NOT_WANTED
        elif each.state != QUEUED or each.address != row.params["to"]:
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
        if where is None or not _may_have(each, known[each.about][each.version], where):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _may_have(each: Dispatch, record: Record, where: Around) -> bool:
    """Whether a reader may have all that is in a copy, at the mailbox that it goes to."""
    reader = next((reader for reader in where.readers if reader.party == each.party), None)
    agency = where.agencies.get(each.agency_id or "")
    if reader is None or agency is None or each.address not in _mailboxes(agency, reader.team_id):
        return False
    copy = copy_of(record, replace(reader, address=each.address), where.matter)
    allowed = bool(whole(each)) and set(whole(each)) <= set(copy.whole)
    return allowed and may_be_shown(each.shown, reader, where.readers, where.matter)
