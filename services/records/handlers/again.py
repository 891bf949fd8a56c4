"""Puts back what ended undelivered once a person says that nothing stands in its way any more, and has a copy for a
mailbox that is its reader's no more go to the one that is.

Whether it goes is decided anew, by the same rules and with what is known today: whether its reader may have what was
decided and shown before, all of it and no more; at which address, and in which way. What goes there as it went before
goes as the same message, so that a reader who has it after all can tell; anything else is written anew, as what goes to
a next address is. What may not go stays as it is, and its exception with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.foundation.clock import london_date
from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow
from services.foundation.work import Work
from services.participation.store import reports
from services.records.by_mesh import COPY_PARCEL, mailbox_of
from services.records.handlers import care_plans, copies, notices
from services.records.handlers.addresses import as_decided
from services.records.handlers.copies import Decided, apply, ask_for_print, how
from services.records.handlers.plans import concern
from services.records.handlers.receipts import CAME_BACK
from services.records.handlers.review import look
from services.records.letters import notices as notice_letters
from services.records.letters.queueing import COPY_LETTER
from services.records.notices.facts import gather
from services.records.notices.sheet import Sheet, expires
from services.records.readers import Around, around
from services.records.rules.copies import NO_ADDRESS, Copy
from services.records.rules.copies import copies as copies_for
from services.records.rules.dispatch import (
    ATTACHMENT,
    CARE_PLAN,
    LINK,
    MESH,
    NOT_PERMITTED,
    NOTICE,
    PRINTING,
    QUEUED,
    RECORD,
    UNDELIVERED,
    Dispatch,
    opens_until,
    would_be_written_so,
)
from services.records.rules.front_page import may_be_shown
from services.records.rules.record import Record
from services.records.rules.versions import Recall, Step
from services.records.store import dispatches, records

_THINGS = frozenset({COPY_LETTER, COPY_PARCEL, care_plans.CARE_PLAN_LETTER, notices.NOTICE_LETTER})


class Lost(NamedTuple):
    """Something that did not reach its reader, with the row by which it was to."""

    row: OutboxRow
    each: Dispatch


def brings_something(row: OutboxRow) -> bool:
    """Whether it brings a reader a copy, a notice or a care plan, and is no letter that only speaks of one."""
    return row.name in _THINGS and row.params.get("change") != notices.REMINDER


async def put_back(work: Work, rows: Sequence[OutboxRow]) -> dict[int, bool]:
    """Have what these rows were to bring go again, as far as it may; returns the rows of which it does, and whether it
    goes as the message that it was: that one is for whoever has the outbox in hand to let fall due.
    """
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    lost = [Lost(row, some[row.params["dispatch_id"]]) for row in rows if row.params["dispatch_id"] in some]
    lost = [
        one
        for one in lost
        if one.each.state == UNDELIVERED and one.each.why != CAME_BACK and one.each.address == one.row.params["to"]
    ]
    found: dict[int, bool] = {}
    for kind, decide in ((RECORD, _copies), (CARE_PLAN, _care_plans), (NOTICE, _notices)):
        own = [one for one in lost if one.each.kind == kind]
        if own:
            found |= await decide(work, own)
    alike = [one.each.dispatch_id for one in lost if found.get(one.row.outbox_id)]
    goes = {"state": QUEUED, "why": None, "ended_at": None}
    await dispatches.set_columns(work.db, [{"dispatch_id": each, **goes} for each in alike])
    return found


async def _copies(work: Work, lost: Sequence[Lost]) -> dict[int, bool]:
    """Copies of records: of the newest version alone, with the parts that were decided. One that is to go elsewhere or
    in another way, or of which the front page would show something else, is made anew.
    """
    matters = await _Matters.load(work, [one.each for one in lost])
    found: dict[int, bool] = {}
    decided: list[Decided] = []
    for row, each in lost:
        record, where = matters.of(each)
        copy = matters.copy_now(each)
        if copy is None or not as_decided(record, copy, each, matters.recalls.get(each.about, ())):
            continue
        way = ATTACHMENT if each.channel == MESH else how(work, copy.reader)
        if way == LINK and (_opens_until(work) is None or not work.settings.links_can_be_opened):
            continue
        until = None if each.channel == MESH else _opens_until(work)
        as_it_was = each.document_id is not None and would_be_written_so(each, copy.reader.address, way, until)
        found[row.outbox_id] = as_it_was and may_be_shown(each.shown, copy.reader, where.readers, where.matter)
        if not found[row.outbox_id]:
            decided.append(Decided(record, where, [Step("write", copy, each)], each.channel))
    await _make(work, decided)
    return found


def _opens_until(work: Work) -> datetime | None:
    """Until when a link opens that is written now; None where there are none."""
    lasts = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    return opens_until(work.now, lasts) if lasts is not None else None


async def _make(work: Work, decided: Sequence[Decided]) -> None:
    """Have the documents made of what was decided."""
    fresh = await apply(work, decided)
    newest = {(of.record.record_id, of.record.version): of.record for of in decided}
    ask_for_print(work, [newest[each.about, each.version] for each in fresh if each.state == PRINTING])


async def _care_plans(work: Work, lost: Sequence[Lost]) -> dict[int, bool]:
    """Care plans: what brings them into line decides, and writes what is not to go as it was."""
    again = {one.each.dispatch_id for one in lost}
    plans = await reports.care_plans_for(work.db, {one.each.about for one in lost})
    await care_plans.look(work, plans, frozenset(again))
    now = await dispatches.by_ids(work.db, again)
    return {
        row.outbox_id: now[each.dispatch_id] == replace(each, state=QUEUED, why=None, ended_at=None)
        for row, each in lost
        if now[each.dispatch_id].state == QUEUED
    }


async def _notices(work: Work, lost: Sequence[Lost]) -> dict[int, bool]:
    """Notices that count still. Where they are to go elsewhere they have gone there by themselves."""
    standing = await gather(work, {one.each.child_id for one in lost if one.each.child_id is not None})
    sheet = Sheet(work, standing, set())
    counting = {
        each.dispatch_id for some in standing.plans.values() for plan in some for _, each in sheet.counting(plan)
    }
    forbidden = await notice_letters.permitted(work, [one.row for one in lost])
    found = {
        row.outbox_id: would_be_written_so(each, row.params["to"], each.how, expires(work))
        for row, each in lost
        if row.outbox_id not in forbidden and each.dispatch_id in counting
    }
    anew = [each for row, each in lost if found.get(row.outbox_id) is False]
    # Without what it said before, it is written by whatever brings notices into line.
    columns = {"state": QUEUED, "why": None, "ended_at": None, "content": None, "expires_at": expires(work)}
    await dispatches.set_columns(work.db, [{"dispatch_id": each.dispatch_id, **columns} for each in anew])
    concern(work, {each.child_id for each in anew if each.child_id is not None})
    return found


async def parcels_settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending copies by MESH ended. One that was kept back since its mailbox is its reader's no
    more goes to the one that is; where there is none, it waits until one is recorded.
    """
    kept_back = {
        attempt.row.params["dispatch_id"]: attempt.row.params["to"]
        for attempt in attempts
        if attempt.state == "failed" and attempt.reason == NOT_PERMITTED
    }
    some = await dispatches.by_ids(work.db, kept_back)
    await _to_another_mailbox(
        work,
        [e for e in some.values() if e.state == QUEUED and e.address == kept_back[e.dispatch_id]],
        {attempt.row.params["dispatch_id"] for attempt in attempts if attempt.row.may_have_left},
    )
    await copies.settled(work, attempts)


async def _to_another_mailbox(work: Work, some: Sequence[Dispatch], unsure: Collection[str]) -> None:
    """Have copies go to the mailboxes of their readers, as they were decided; from whom a rule keeps one now it is kept
    for that. `unsure` are those that may have gone to the mailbox before.
    """
    if not some:
        return
    matters = await _Matters.load(work, some)
    decided = []
    for each in some:
        record, where = matters.of(each)
        copy = matters.copy_now(each)
        if copy is None or copy.reader.address == each.address:
            continue
        nowhere = copy.why_not == NO_ADDRESS
        if nowhere and each.dispatch_id in unsure:
            continue  # they may have it
        what = Step("withhold" if nowhere else "write", copy, each, copy.why_not)
        if as_decided(
            record, replace(copy, why_not=None) if nowhere else copy, each, matters.recalls.get(each.about, ())
        ):
            decided.append(Decided(record, where, [what], MESH))
    await _make(work, decided)
    if decided:
        await look(work, {of.record.meeting_id for of in decided})


class _Matters(NamedTuple):
    """What decides about copies: the versions of their records, what was taken back, and who reads."""

    work: Work
    known: dict[str, dict[int, Record]]
    recalls: dict[str, list[Recall]]
    about: dict[str, Around]

    @classmethod
    async def load(cls, work: Work, some: Sequence[Dispatch]) -> _Matters:
        known = await records.of_records(work.db, {each.about for each in some})
        recalls = await records.recalls_of(work.db, known)
        return cls(work, known, recalls, await around(work.db, work.policy, _meetings(some)))

    def of(self, each: Dispatch) -> tuple[Record, Around]:
        """The version that a copy is of, and its meeting."""
        record = self.known[each.about][each.version]
        return record, self.about[record.meeting_id]

    def copy_now(self, each: Dispatch) -> Copy | None:
        """The copy as it would be decided today; None of an older version, and where its reader is none any more."""
        record, where = self.of(each)
        reader = where.reader(each.party)
        if reader is None or record.version != max(self.known[each.about]):
            return None
        if each.channel == MESH:
            reader = replace(reader, address=mailbox_of(self.work, reader, where.agencies))
        return next(iter(copies_for(record, [reader], where.matter)), None)


def _meetings(some: Iterable[Dispatch]) -> set[str]:
    return {each.meeting_id for each in some if each.meeting_id is not None}
