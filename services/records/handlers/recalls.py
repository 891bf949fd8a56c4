"""What a recall does: what has not gone does not go, and who has it is asked to delete it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from schemas.envelope import Event
from schemas.record import RecordRecalled
from services.foundation.letters import NOT_WANTED, Attempt
from services.foundation.work import Work
from services.records.by_mesh import told_by_mail
from services.records.handlers.copies import Decided, apply, distribute, stop
from services.records.handlers.review import look
from services.records.readers import around
from services.records.rules.dispatch import KEPT, MESH, RECALLED
from services.records.rules.versions import NOT_TOLD, TAKEN_BACK, WITHDRAWN, Step, is_hit, silent, taken_back
from services.records.store import dispatches, records


async def recalled(work: Work, events: Sequence[Event]) -> None:
    """Keep what is taken back, and take it back: from the outbox what has not gone, by letter what has. A link opens
    nothing from here on. What is approved after a recall of every version goes out as ever.

    A recall of what is not known yet counts when that arrives: it never goes.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, RecordRecalled)]
    await records.put_recalls(work.db, [_row(event, said, work.now) for event, said in told])
    ids = {said.record_id for _, said in told}
    known = await records.of_records(work.db, ids)
    recalls = await records.recalls_of(work.db, known)
    standing = await dispatches.about(work.db, known)
    newest = {record_id: versions[max(versions)] for record_id, versions in known.items()}
    about = await around(work.db, work.policy, {record.meeting_id for record in newest.values()})
    hit = [each for name, of in standing.items() for each in of if is_hit(each, known[name], recalls.get(name, ()))]
    unsure = set(await stop(work, hit))
    decided: list[Decided] = []
    for record_id, record in newest.items():
        versions, some, where = known[record_id], standing.get(record_id, []), about[record.meeting_id]
        is_silent = silent(where.matter, where.readers)
        by_mail, by_mesh = (
            taken_back(versions, [e for e in some if (e.channel == MESH) is way], recalls[record_id], is_silent, unsure)
            for way in (False, True)
        )
        decided.append(Decided(record, where, [*by_mail, *told_by_mail(by_mesh, by_mail)]))
    await apply(work, decided)
    await distribute(work, known, _kept)
    await look(work, {said.meeting_id for _, said in told})


def _kept(step: Step) -> bool:
    """Whoever kept an earlier copy, which is taken back, gets the newest one."""
    return step.dispatch is not None and step.dispatch.state == KEPT


def _row(event: Event, said: RecordRecalled, now: datetime) -> dict[str, Any]:
    return {
        "record_id": said.record_id,
        "meeting_id": said.meeting_id,
        "version": said.version,
        "agency_id": said.agency_id,
        "person_id": said.person_id,
        "reason": said.reason,
        "by": said.by,
        "at": event.time,
        "event_source": event.source,
        "event_id": event.id,
        "known_at": now,
    }


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note of which copies nobody could be told that they are taken back, so that a person has to reach them; and whom
    that was told after all, once what had stood in the way was gone.
    """
    ended = {attempt.row.params["dispatch_id"]: attempt for attempt in attempts if attempt.state != "pending"}
    some = [each for each in (await dispatches.by_ids(work.db, ended)).values() if each.state == RECALLED]
    failed = {name for name, each in ended.items() if each.state == "failed" and each.reason != NOT_WANTED}
    not_told = [each for each in some if each.dispatch_id in failed]
    told = [each for each in some if each.why == NOT_TOLD and ended[each.dispatch_id].state == "sent"]
    known = await records.of_records(work.db, {each.about for each in told})
    recalls = await records.recalls_of(work.db, known)
    why = dict.fromkeys((each.dispatch_id for each in not_told), NOT_TOLD)
    for each in told:
        by_a_person = is_hit(each, known[each.about], recalls.get(each.about, ()))
        why[each.dispatch_id] = TAKEN_BACK if by_a_person else WITHDRAWN
    await dispatches.set_columns(work.db, [{"dispatch_id": name, "why": each} for name, each in why.items()])
    if why:
        await look(work, {each.meeting_id for each in some if each.dispatch_id in why and each.meeting_id is not None})
