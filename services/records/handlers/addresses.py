"""What it does to copies that could not reach an agency when an address of it is recorded: they go there.

What goes is what was decided and shown before, and nothing else: where something else would be decided now, a person
looks at it first. To a person of the family nothing goes by itself that was kept back: it may have been given to them
another way by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from services.directory.handlers import Changed
from services.foundation.work import Derived, Work
from services.records.handlers import care_plans
from services.records.handlers.copies import Decided, apply, ask_for_print, how
from services.records.handlers.readdress import readdress
from services.records.handlers.review import look
from services.records.readers import around
from services.records.rules.copies import NO_ADDRESS, copy_of
from services.records.rules.dispatch import EMAIL, PRINTING, RECORD, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.versions import Step, is_recalled
from services.records.store import dispatches, records


async def directory_changed(work: Work, events: Sequence[Derived]) -> None:
    """Agencies were recorded anew."""
    changes: list[Changed] = [event.data for event in events]
    agencies = {each for change in changes for each in change.agency_ids}
    if not agencies:
        return
    found = await dispatches.not_reached_of(work.db, agencies)
    await care_plans.look_at(work, found)
    some = [each for each in found if each.kind == RECORD and each.channel == EMAIL]
    if not some:
        return
    await readdress(work, [each for each in some if each.state == UNDELIVERED], how)
    await _decide_again(work, [each for each in some if each.state == WITHHELD and each.why == NO_ADDRESS])
    await look(work, {each.meeting_id for each in some if each.meeting_id is not None})


async def _decide_again(work: Work, some: Sequence[Dispatch]) -> None:
    """Have copies made for whom there was no address, as they were decided."""
    known = await records.of_records(work.db, {each.about for each in some})
    recalls = await records.recalls_of(work.db, known)
    about = await around(work.db, work.policy, {each.meeting_id for each in some if each.meeting_id is not None})
    decided: list[Decided] = []
    for record_id, versions in known.items():
        record = versions[max(versions)]
        where = about[record.meeting_id]
        readers = {reader.party: reader for reader in where.readers}
        steps = []
        for each in some:
            reader = readers.get(each.party)
            if (each.about, each.version) != (record_id, record.version) or reader is None:
                continue
            copy = copy_of(record, reader, where.matter)
            as_decided = [asdict(section) for section in copy.sections] == each.decided
            if copy.why_not is None and as_decided and not is_recalled(record, reader, recalls.get(record_id, ())):
                steps.append(Step("write", copy, each))
        decided.append(Decided(record, where, steps))
    fresh = await apply(work, decided)
    ask_for_print(work, [known[each.about][each.version] for each in fresh if each.state == PRINTING])
