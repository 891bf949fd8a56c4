"""What becomes of copies for which no document is made: nothing goes, and a person is told."""

from __future__ import annotations

from collections.abc import Mapping

from services.foundation.work import Derived, Work
from services.records.handlers.copies import DECIDED
from services.records.rules.dispatch import PRINTING, RECORD, WITHHELD
from services.records.store import dispatches, records


async def withhold(work: Work, why: Mapping[str, str]) -> None:
    """Keep these dispatches from going, each for a reason, as far as they still wait to be printed."""
    some = [each for each in (await dispatches.by_ids(work.db, why)).values() if each.state == PRINTING]
    await dispatches.set_columns(
        work.db,
        [
            {"dispatch_id": each.dispatch_id, "state": WITHHELD, "why": why[each.dispatch_id], "ended_at": work.now}
            for each in some
        ],
    )
    about = {(each.about, each.version): each for each in some if each.kind == RECORD}
    known = await records.of_records(work.db, {record_id for record_id, _ in about})
    for (record_id, version), each in about.items():
        work.emit(Derived(DECIDED, record_id, each.partition_key, known[record_id][version]))
