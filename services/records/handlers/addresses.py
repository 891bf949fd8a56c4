"""What it does to copies when the directory changes. Those that could not reach an agency go to the address of it that
is recorded; of a child, and of whoever belongs to one, anything may be recorded that lets a reader have what was kept
from them, or keeps from them what they had.

What goes is what was decided and shown before, and nothing else: where something else would be decided now, a person
looks at it first. By MESH goes what e-mail did not bring to an agency, or another mailbox gave back. To a person of
the family nothing goes by itself that was kept back: it may have been given to them another way by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from services.directory.handlers import Changed
from services.foundation.work import Derived, Work
from services.records.by_mesh import copies_by_mesh
from services.records.handlers import care_plans
from services.records.handlers.copies import Decided, apply, ask_for_print, how
from services.records.handlers.readdress import readdress, tried
from services.records.handlers.review import LOOK, look
from services.records.readers import Around, around
from services.records.rules.copies import NO_ADDRESS, Copy, copy_of
from services.records.rules.dispatch import EMAIL, MESH, PRINTING, RECORD, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.record import Record
from services.records.rules.versions import Recall, Step, is_recalled
from services.records.store import dispatches, records
from services.records.store.there import records_about

AT_ONCE = 20
"""How many meetings are looked at in the transaction in which something was learnt; the others right after it."""


async def directory_changed(work: Work, events: Sequence[Derived]) -> None:
    """Agencies, children or those who belong to them were recorded anew."""
    changes: list[Changed] = [event.data for event in events]
    agencies = {each for change in changes for each in change.agency_ids}
    people = {each for change in changes for each in change.person_ids}
    families = {each for change in changes for each in change.family_ids}
    concerned = await records_about(work.db, people, families) if people or families else set()
    if agencies:
        concerned |= await _addresses_recorded(work, agencies)
    ordered = sorted(concerned)
    for meeting_id in ordered[AT_ONCE:]:
        work.arm(LOOK, meeting_id, work.now)
    if ordered:
        await look(work, ordered[:AT_ONCE])


async def _addresses_recorded(work: Work, agencies: set[str]) -> set[str]:
    """Have what did not reach these agencies go to them, where it can now; returns the meetings of such copies."""
    found = await dispatches.not_reached_of(work.db, agencies)
    await care_plans.look_at(work, found)
    some = [each for each in found if each.kind == RECORD]
    if not some:
        return set()
    await readdress(work, [each for each in some if each.state == UNDELIVERED], how)
    await _decide_again(work, [each for each in some if each.state == UNDELIVERED or each.why == NO_ADDRESS])
    return {each.meeting_id for each in some if each.meeting_id is not None}


async def _decide_again(work: Work, some: Sequence[Dispatch]) -> None:
    """Have copies made, as they were decided, for whom there was no address, and for those whom MESH can reach now."""
    known = await records.of_records(work.db, {each.about for each in some})
    recalls = await records.recalls_of(work.db, known)
    about = await around(work.db, work.policy, {each.meeting_id for each in some if each.meeting_id is not None})
    standing = await dispatches.about(work.db, known)
    past = await tried(work, [each for each in some if each.channel == MESH])
    decided: list[Decided] = []
    for record_id, versions in known.items():
        record = versions[max(versions)]
        where = about[record.meeting_id]
        mine = [each for each in some if (each.about, each.version) == (record_id, record.version)]
        by_mesh = [e for e in standing[record_id] if (e.version, e.channel) == (record.version, MESH)]
        steps = {
            EMAIL: _by_mail(record, where, mine),
            MESH: _by_mesh(copies_by_mesh(work, record, where, ())[0], mine, by_mesh, past),
        }
        for channel, all_ in steps.items():
            may = [
                (copy, each) for copy, was, each in all_ if as_decided(record, copy, was, recalls.get(record_id, ()))
            ]
            decided.append(Decided(record, where, [Step("write", copy, each) for copy, each in may], channel))
    fresh = await apply(work, decided)
    there = {each.dispatch_id for of in standing.values() for each in of}
    await dispatches.put(work.db, [each for each in fresh if each.dispatch_id not in there])
    ask_for_print(work, [known[each.about][each.version] for each in fresh if each.state == PRINTING])


Again = tuple[Copy, Dispatch, Dispatch | None]
"""A copy, what was decided of it before, and the dispatch that is there for it, None where it is a new one."""


def _by_mail(record: Record, where: Around, mine: Sequence[Dispatch]) -> list[Again]:
    """The copies for whom there was no address."""
    readers = {reader.party: reader for reader in where.readers}
    without = [each for each in mine if each.channel == EMAIL and each.state == WITHHELD and each.party in readers]
    return [(copy_of(record, readers[each.party], where.matter), each, each) for each in without]


def _by_mesh(
    made: Sequence[Copy], mine: Sequence[Dispatch], standing: Sequence[Dispatch], past: Mapping[str, set[str]]
) -> list[Again]:
    """The copies for a mailbox that was not there before: for whom no e-mail reached, or another mailbox did not."""
    by_mail = {each.party: each for each in mine if each.channel == EMAIL}
    lost = {each.party: each for each in mine if each.channel == MESH}
    there = {each.party for each in standing}
    found: list[Again] = []
    for copy in made:
        party, mailbox = copy.reader.party, (copy.reader.address or "").lower()
        if party in lost:
            if mailbox not in past[lost[party].dispatch_id]:
                found.append((copy, lost[party], lost[party]))
        elif party in by_mail and party not in there:
            found.append((copy, by_mail[party], None))
    return found


def as_decided(record: Record, copy: Copy, before: Dispatch, recalls: Sequence[Recall]) -> bool:
    """Whether a reader may have now what was decided and shown before, and no more and no less."""
    same = [asdict(section) for section in copy.sections] == before.decided
    return copy.why_not is None and same and not is_recalled(record, copy.reader, recalls)
