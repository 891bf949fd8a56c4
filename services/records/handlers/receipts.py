"""What is heard of what was sent: that it arrived, came back, was opened, and what its reader says of it.

What counts is when something was so, not when it was learnt: events may come late, twice and in any order. What is
heard of something that was never sent is kept in the journal, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from schemas.envelope import Event
from schemas.outcomes import NoticeAcknowledged, RecordFiled, RecordOpened
from schemas.record import DispatchBounced, DispatchConfirmed, DispatchOpened, DispatchReceived
from services.directory.handlers import GivenBack, note_given_back
from services.foundation.work import Derived, Work
from services.records.handlers.copies import how
from services.records.handlers.readdress import readdress
from services.records.handlers.review import look
from services.records.rules.dispatch import (
    DELIVERED,
    EMAIL,
    IN_DOUBT,
    NOT_PERMITTED,
    NOTICE,
    QUEUED,
    RECALLED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.own_copies import had_since, is_in_doubt
from services.records.rules.receipts import is_filed, was_read, weightier
from services.records.rules.versions import NOT_TOLD
from services.records.store import dispatches
from services.records.store import receipts as store

_STATUS_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_UNSAID = "5.0.0"  # it came back, and no reason was given

CAME_BACK = "bounced"
RECALL = "recall"  # how the letter is called that takes something back


async def opened(work: Work, events: Sequence[Event]) -> None:
    """Readers opened what a link leads to."""
    told = [(event, event.data) for event in events if isinstance(event.data, DispatchOpened)]
    some = await dispatches.by_ids(work.db, {said.dispatch_id for _, said in told})
    heard = [(event, said) for event, said in told if said.dispatch_id in some]
    await store.put_openings(
        work.db,
        [
            {"dispatch_id": said.dispatch_id, "at": said.at, "event_source": event.source, "event_id": event.id}
            for event, said in heard
        ],
    )
    after = dict(some)
    for _, said in heard:
        each = after[said.dispatch_id]
        first = said.at if each.opened_at is None else min(each.opened_at, said.at)
        after[said.dispatch_id] = _arrived(replace(each, opened_at=first))
    await _keep(work, some, after)
    for dispatch_id, each in after.items():
        if some[dispatch_id].opened_at is None and each.opened_at is not None:
            _tell_of_record(work, "quorate.record.opened.v1", RecordOpened, each, each.opened_at)
    await look(work, _meetings(some))


async def confirmed(work: Work, events: Sequence[Event]) -> None:
    """Readers said what they did with it."""
    told = [(event, event.data) for event in events if isinstance(event.data, DispatchConfirmed)]
    some = await dispatches.by_ids(work.db, {said.dispatch_id for _, said in told})
    heard = [(event, said) for event, said in told if said.dispatch_id in some]
    await store.put(work.db, [_receipt(work, event, said, said.what, detail=said.how) for event, said in heard])
    after = dict(some)
    for _, said in heard:
        each = after[said.dispatch_id]
        before = (each.confirmed, each.confirmed_at) if each.confirmed and each.confirmed_at else None
        what, at = weightier(each.kind, (said.what, said.at), before)
        after[said.dispatch_id] = _arrived(replace(each, confirmed=what, confirmed_at=at))
    await _keep(work, some, after)
    for dispatch_id, each in after.items():
        before_it = some[dispatch_id]
        if each.confirmed_at is None:
            continue
        if is_filed(each) and not is_filed(before_it):
            _tell_of_record(work, "quorate.record.filed.v1", RecordFiled, each, each.confirmed_at)
        if each.kind == NOTICE and before_it.confirmed_at is None:
            outcome = NoticeAcknowledged(
                notice_id=each.about,
                child_id=each.child_id,
                meeting_id=each.meeting_id,
                agency_id=each.agency_id,
                person_id=each.person_id,
                at=each.confirmed_at,
            )
            work.emit(Derived("quorate.notice.acknowledged.v1", each.about, each.partition_key, outcome))
    await look(work, _meetings(some))


async def received(work: Work, events: Sequence[Event]) -> None:
    """Mailboxes took what they were meant to. After something came back that says nothing: a message that was put into
    one mailbox and came back from the next has not reached everyone it was for. Nor does what is heard of another
    letter about it say that its reader has the thing itself.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, DispatchReceived)]
    some = await dispatches.by_ids(work.db, {said.dispatch_id for _, said in told})
    heard = [(event, said) for event, said in told if said.dispatch_id in some]
    await store.put(
        work.db, [_receipt(work, event, said, "received", said.address, said.letter) for event, said in heard]
    )
    after = dict(some)
    for _, said in heard:
        each = after[said.dispatch_id]
        if said.letter is not None or not _same(each.address, said.address):
            continue
        first = said.at if each.delivered_at is None else min(each.delivered_at, said.at)
        after[said.dispatch_id] = _back_in_doubt(
            replace(each, delivered_at=first, state=DELIVERED if each.state == SENT else each.state)
        )
    await _keep(work, some, after)
    await look(work, _meetings(some))


async def bounced(work: Work, events: Sequence[Event]) -> None:
    """Something came back. The address is not used for the next message, and a copy goes to another one of its reader.

    What is merely late changes nothing, since the mail server says how that ends; nor does what comes back from an
    address that it has been sent past since, or after the reader has shown that they have it. A copy in doubt that
    comes back was kept back, and there is no doubt any more. Where another letter
    about it came back, the reader has what they had: a copy that they have neither goes twice nor to somebody else.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, DispatchBounced)]
    some = await dispatches.by_ids(work.db, {said.dispatch_id for _, said in told})
    heard = [(event, said) for event, said in told if said.dispatch_id in some]
    await store.put(
        work.db,
        [
            _receipt(work, event, said, "bounced" if said.permanent else "delayed", said.address, _detail(said))
            for event, said in heard
        ],
    )
    final = [(event, said) for event, said in heard if said.permanent]
    await note_given_back(
        work,
        [
            GivenBack(
                said.address,
                said.status if _STATUS_CODE.fullmatch(said.status) else _UNSAID,
                said.at,
                event.source,
                event.id,
                some[said.dispatch_id].meeting_id,
                some[said.dispatch_id].agency_id,
                some[said.dispatch_id].person_id,
            )
            for event, said in final
            if some[said.dispatch_id].channel == EMAIL
        ],
    )
    after = dict(some)
    for _, said in sorted(final, key=lambda told: told[1].at):
        each = after[said.dispatch_id]
        if said.letter not in (None, RECALL) or not _same(each.address, said.address):
            continue
        if said.letter is None and not was_read(each) and each.state in {QUEUED, SENT, DELIVERED}:
            after[said.dispatch_id] = replace(each, state=UNDELIVERED, why=CAME_BACK, ended_at=said.at)
        elif said.letter is None and is_in_doubt(each) and each.kind == RECORD and had_since(each) is None:
            after[said.dispatch_id] = replace(each, state=WITHHELD, why=NOT_PERMITTED)
        elif each.state == RECALLED and (said.letter == RECALL or each.channel == EMAIL):
            # Be it the copy or the letter that takes it back: nobody knows that they have read the letter. What MESH
            # gives back says nothing of a letter, which went by mail.
            after[said.dispatch_id] = replace(each, why=NOT_TOLD)
    await _keep(work, some, after)
    await readdress(work, [each for each in after.values() if each.state == UNDELIVERED and each.why == CAME_BACK], how)
    await look(work, _meetings(some))


def _arrived(each: Dispatch) -> Dispatch:
    """A dispatch whose reader has shown that they have it: whatever came back, it is not undelivered. A copy that they
    were not to have any more stays in doubt: they have it, and a person decides what becomes of that.
    """
    each = _back_in_doubt(each)
    if each.state != UNDELIVERED or (each.kind == RECORD and is_in_doubt(each)):
        return each
    return replace(each, state=SENT, why=None, ended_at=None)


def _back_in_doubt(each: Dispatch) -> Dispatch:
    """A copy that was kept back, and that somebody has all the same, as it stands: it has gone before."""
    kept_back = each.kind == RECORD and each.state == WITHHELD and each.why == NOT_PERMITTED
    return replace(each, state=UNDELIVERED, why=IN_DOUBT) if kept_back else each


def _detail(said: DispatchBounced) -> str:
    return said.status if said.letter is None else f"{said.status} ({said.letter})"


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.lower() == other.lower()


def _receipt(
    work: Work,
    event: Event,
    said: DispatchConfirmed | DispatchBounced | DispatchReceived,
    what: str,
    address: str | None = None,
    detail: str | None = None,
) -> dict[str, Any]:
    return {
        "dispatch_id": said.dispatch_id,
        "what": what,
        "at": said.at,
        "address": address,
        "detail": detail,
        "event_source": event.source,
        "event_id": event.id,
        "known_at": work.now,
    }


async def _keep(work: Work, before: dict[str, Dispatch], after: dict[str, Dispatch]) -> None:
    names = ("dispatch_id", "state", "why", "delivered_at", "opened_at", "confirmed", "confirmed_at", "ended_at")
    changed = [each for dispatch_id, each in after.items() if each != before[dispatch_id]]
    await dispatches.set_columns(work.db, [{name: getattr(each, name) for name in names} for each in changed])


def _tell_of_record(
    work: Work, name: str, outcome: type[RecordOpened | RecordFiled], each: Dispatch, at: datetime
) -> None:
    if each.kind != RECORD or each.meeting_id is None:
        return
    told = outcome(
        record_id=each.about,
        meeting_id=each.meeting_id,
        version=each.version,
        agency_id=each.agency_id,
        person_id=each.person_id,
        at=at,
    )
    work.emit(Derived(name, each.meeting_id, each.partition_key, told))


def _meetings(some: dict[str, Dispatch]) -> set[str]:
    return {each.meeting_id for each in some.values() if each.meeting_id is not None}
