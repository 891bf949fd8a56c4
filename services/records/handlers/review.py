"""What is missing about the records of a meeting: the one place that says so, from how things stand.

Whatever happens, the same is done: what each record owes and each copy is worked out anew, and what is raised and
sent is brought into line with it. So events may come late, twice and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from schemas.envelope import Event
from schemas.meeting import MeetingRescheduled, MeetingScheduled
from services.foundation import outbox
from services.foundation.clock import london_date
from services.foundation.letters import PATIENCE
from services.foundation.outbox import Waiting
from services.foundation.work import Derived, Work
from services.meetings import store as meetings
from services.meetings.rules import Meeting
from services.participation.handlers.answers import REVIEWED
from services.participation.rules.missing import Missing, Reviewed
from services.records.due import deadlines, filing, held_at
from services.records.readers import Around, around
from services.records.reminders import remind_coordinators, remind_readers
from services.records.rules.dispatch import DELIVERED, EMAIL, GOES, PRINTING, RECORD, SENT, Dispatch, line_of
from services.records.rules.due import (
    KINDS,
    UNTRIED,
    Deadline,
    Waits,
    another_text,
    approved,
    not_approved,
    not_distributed,
    not_filed,
    not_told_of_recall,
    took_back_nothing,
)
from services.records.rules.own_copies import Copies, copies_of, had_since, newest
from services.records.rules.record import Record
from services.records.rules.versions import Recall, took_nothing
from services.records.store import dispatches, records
from services.records.store.there import There, there_is
from services.records.today import is_over_for, today, why_not_filed

LOOK = "records.look"  # the timer of a meeting: something about its records falls due


async def look(work: Work, meeting_ids: Iterable[str]) -> None:
    """Say what is missing about the records of these meetings, and look again when something falls due next."""
    await look_where(work, await there_is(work.db, meeting_ids))


async def look_where(work: Work, there: There) -> None:
    """The same for the meetings of which there is something: they were held, or have records, or something is named as
    taken back. About the others nothing can be missing.
    """
    standing = await _Standing.load(work, there)
    reminders = _Reminders()
    for meeting in standing.meetings.values():
        missing, moments = _look(work, meeting, standing, reminders)
        work.emit(
            Derived(REVIEWED, meeting.meeting_id, meeting.partition_key, Reviewed(meeting, KINDS, tuple(missing)))
        )
        next_at = min((moment for moment in moments if moment > work.now), default=None)
        if next_at is not None:
            work.arm(LOOK, meeting.meeting_id, next_at)
    await remind_readers(work, reminders.readers, standing.about)
    await remind_coordinators(work, reminders.coordinators)


async def look_again(work: Work, events: Sequence[Derived]) -> None:
    """Something was decided about a record: the event's data names its meeting."""
    await look(work, {event.data.meeting_id for event in events})


async def told_of_meetings(work: Work, events: Sequence[Event]) -> None:
    """Meetings were recorded anew: when one was held, or what kind it is of, may read otherwise now. One that is to
    come is resolved anew, and looked at then.
    """
    told = [event.data for event in events if isinstance(event.data, MeetingScheduled | MeetingRescheduled)]
    await look(work, {each.meeting_id for each in told if each.starts_at <= work.now})


async def due(work: Work, keys: Sequence[str]) -> None:
    """The timer of a meeting."""
    await look(work, set(keys))


@dataclass(slots=True)
class _Standing:
    """How things stand about the records of some meetings; every mapping is by meeting, but `waits` by dispatch and
    `taken_back` by record. A recall names a meeting besides, which may be another than that of the record.
    """

    meetings: Mapping[str, Meeting]
    about: Mapping[str, Around]
    held_at: Mapping[str, datetime]
    known_since: Mapping[str, datetime]
    records: Mapping[str, Sequence[Record]]
    dispatches: Mapping[str, Sequence[Dispatch]]
    other_texts: Mapping[str, Sequence[tuple[str, int]]]
    recalls: Mapping[str, Sequence[Recall]]
    taken_back: Mapping[str, Sequence[Recall]]
    waits: dict[str, Waits]

    @classmethod
    async def load(cls, work: Work, there: There) -> _Standing:
        db = work.db
        facts = await meetings.facts_of(db, there.held.keys() | there.records | there.recalls)
        held = {each: facts[each][meetings.HELD] for each in there.held if meetings.HELD in facts.get(each, ())}
        known = await records.of_meetings(db, there.records)
        sent = {
            meeting_id: [each for each in some if each.kind == RECORD]
            for meeting_id, some in (await dispatches.of_meetings(db, known)).items()
        }
        return cls(
            meetings.told_by(facts),
            await around(db, work.policy, known),
            {meeting_id: at for meeting_id, row in held.items() if (at := held_at(row)) is not None},
            there.held,
            known,
            sent,
            await records.with_another_text(db, known),
            await records.recalls_of_meetings(db, there.recalls),
            await records.recalls_of(db, {each.record_id for of in known.values() for each in of}),
            await _waits(work, [each for some in sent.values() for each in some if each.state in GOES]),
        )


async def _waits(work: Work, going: Sequence[Dispatch]) -> dict[str, Waits]:
    """Since when what has not left waits, as the outbox knows; what is written in this transaction waits since now.
    What nothing waits for in the outbox does not go by itself, however long it is waited for.
    """
    printing = {each.dispatch_id: f"{each.about}:{each.version}" for each in going if each.state == PRINTING}
    queued = {
        each.dispatch_id: line_of(each.kind, each.about, each.party, each.channel)
        for each in going
        if each.state != PRINTING
    }
    rows = await outbox.waiting_under(work.db, {*printing.values(), *queued.values()})
    found = {}
    for each in going:
        own = [row for row in rows if _is_of(row, each, printing, queued)]
        oldest = min(own, key=lambda row: row.written_at, default=None)
        if oldest is not None:
            found[each.dispatch_id] = Waits(oldest.written_at, oldest.tried)
        elif any(row["key"] in (printing.get(each.dispatch_id), queued.get(each.dispatch_id)) for row in work.rows):
            found[each.dispatch_id] = Waits(work.now, False)
        else:
            found[each.dispatch_id] = Waits(each.written_at, True)
    return found


def _is_of(row: Waiting, each: Dispatch, printing: Mapping[str, str], queued: Mapping[str, str]) -> bool:
    if each.dispatch_id in printing:
        return row.key == printing[each.dispatch_id]
    return row.key == queued[each.dispatch_id] and row.params.get("dispatch_id") == each.dispatch_id


@dataclass(slots=True)
class _Reminders:
    """Who is to be reminded of what, gathered over meetings."""

    readers: list[tuple[Dispatch, Record, date | None]] = field(default_factory=list)
    coordinators: list[tuple[Meeting, Deadline]] = field(default_factory=list)


def _look(
    work: Work, meeting: Meeting, standing: _Standing, reminders: _Reminders
) -> tuple[list[Missing], list[datetime]]:
    """One meeting: what is missing, and when something falls due."""
    meeting_id, kind_name = meeting.meeting_id, work.policy.on(meeting.day).kind(meeting.kind).name
    versions, some = standing.records.get(meeting_id, ()), standing.dispatches.get(meeting_id, ())
    taken_back = [each for name in newest(versions) for each in standing.taken_back.get(name, ())]
    found: list[Missing | None] = []
    moments: list[datetime] = []
    wanted: list[Deadline] = []
    if meeting.state == "held" and meeting_id in standing.held_at:
        wanted = deadlines(work.policy, meeting, standing.held_at[meeting_id], standing.known_since[meeting_id])
    for deadline in wanted:
        if approved(deadline.kind, deadline.held_on, versions, taken_back):
            continue
        found.append(not_approved(deadline, kind_name, work.now, versions, taken_back))
        moments.append(deadline.due_at)
        if deadline.remind_at is not None:
            moments.append(deadline.remind_at)
            if deadline.remind_at <= work.now < deadline.due_at:
                reminders.coordinators.append((meeting, deadline))
    for each in some:
        version = next((one for one in versions if (one.record_id, one.version) == (each.about, each.version)), None)
        if version is not None:
            found.append(not_told_of_recall(each, version, meeting, kind_name))
    for record_id, number in standing.other_texts.get(meeting_id, ()):
        last = newest(versions)[record_id]
        if last.version == number:
            found.append(another_text(last, meeting, kind_name))
    found += [
        took_back_nothing(each, meeting, kind_name)
        for each in took_nothing(standing.recalls.get(meeting_id, ()), versions, some)
    ]
    about = standing.about.get(meeting_id)
    for copies in copies_of(versions, some, about.readers if about is not None else ()):
        known = {each.version: each for each in versions if each.record_id == copies.record.record_id}
        recalls = standing.taken_back.get(copies.record.record_id, ())
        now = today(copies, known, about, recalls) if about is not None else None
        found.append(not_distributed(copies, meeting, kind_name, standing.waits, PATIENCE, work.now, now))
        moments += [
            standing.waits[each.dispatch_id].since + patience
            for each in copies.some
            if each.state in GOES
            for patience in (PATIENCE, UNTRIED)
        ]
        if now is not None and now.shut:
            continue  # nobody files what they cannot open
        missing, due_at = _filed(work, meeting, kind_name, copies, known, about, reminders)
        found.append(missing)
        moments += due_at
    return [each for each in found if each is not None], moments


def _filed(
    work: Work,
    meeting: Meeting,
    kind_name: str,
    copies: Copies,
    known: Mapping[int, Record],
    about: Around | None,
    reminders: _Reminders,
) -> tuple[Missing | None, list[datetime]]:
    """Whether a copy that an agency got should be in its file by now, and when something about that falls due."""
    had = [each for each in copies.some if each.agency_id is not None and had_since(each) is not None]
    first = min((at for each in had if (at := had_since(each)) is not None), default=None)
    if first is None or copies.filed or copies.taken_back or copies.in_doubt or not copies.reached:
        return None, []
    if about is not None and is_over_for(copies, about):
        return None, []
    kept_from_them = why_not_filed(copies, known, about, london_date(work.now)) if about is not None else None
    limits = filing(work.policy, first)
    moments = [moment for moment in (limits.due_at, limits.remind_at) if moment is not None]
    if limits.remind_at is not None and limits.remind_at <= work.now and kept_from_them is None:
        reminders.readers += [
            (each, copies.record, limits.last_day)
            for each in had
            if each.channel == EMAIL and each.state in (SENT, DELIVERED) and each.reminded_at is None
        ]
    if limits.due_at is None or limits.last_day is None or work.now < limits.due_at:
        return None, moments
    return not_filed(copies, meeting, kind_name, london_date(first), limits.last_day, kept_from_them), moments
