"""Copies that go by MESH, the NHS's message exchange, besides e-mail: which do, and to which mailbox.

What is decided for a reader is decided for all that goes to them: by MESH goes the same copy, as a dispatch of its own,
which leaves, arrives and is filed by itself. What one of a reader's dispatches shows holds for the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.directory.rules import Agency
from services.foundation.work import Work
from services.meetings.rules import reference
from services.records.readers import Around, around
from services.records.rules.copies import NO_ADDRESS, Copy, copy_of, readers_of
from services.records.rules.dispatch import MESH, RECORD, Dispatch, line_of
from services.records.rules.record import Reader, Record
from services.records.rules.versions import TAKEN_BACK, Step
from services.records.store import records
from services.records.ways import ways_to

COPY_PARCEL = "record_copy"


def mailbox_of(work: Work, reader: Reader, agencies: Mapping[str, Agency]) -> str | None:
    """The MESH mailbox that a reader's copies go to: its team's, else its agency's; None where none may be used."""
    agency = agencies.get(reader.agency_id or "")
    if work.settings.mesh_workflow is None or agency is None or reader.kind not in work.policy.groups.record_by_mesh:
        return None
    return next(iter(mailboxes(agency, reader.team_id)), None)


def mailboxes(agency: Agency | None, team_id: str | None) -> list[str]:
    """The mailboxes of an agency that may be used, its team's first."""
    return [channel.address for channel in ways_to(agency, team_id, MESH)]


def copies_by_mesh(
    work: Work, record: Record, where: Around, standing: Sequence[Dispatch]
) -> tuple[list[Copy], list[Dispatch]]:
    """The copies that go by MESH, or went, and the dispatches that are to be decided upon with them.

    A copy that has gone to a mailbox that is on record no more stays what it is; what its reader may not have any more
    is decided upon as ever.
    """
    went = {each.party for each in standing}
    made = []
    for reader in readers_of(record, where.readers):
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
