"""What a care plan that comes in does: it is forwarded to the core group, and what stands in the way is told.

Whatever happens, the same is done: who is to get each care plan of a meeting is worked out anew, and what waits is
queued once nothing stands in its way any more. What has left stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.envelope import Event
from schemas.record import DispatchBounced
from schemas.report import ReportReceived
from services.foundation.clock import london_date
from services.foundation.letters import Attempt
from services.foundation.work import Derived, Work
from services.meetings import store as meetings
from services.meetings.rules import Meeting, reference
from services.participation.handlers.answers import REVIEWED
from services.participation.rules.missing import Missing, Reviewed
from services.participation.rules.reports import CARE_PLAN as CAME_IN
from services.participation.rules.reports import Report
from services.participation.store import documents, reports
from services.participation.store.documents import Document
from services.participation.store.quoracy import held_about
from services.participation.uploads import EXTENSIONS
from services.records.handlers import copies
from services.records.links import can_be_opened
from services.records.readers import Around, around
from services.records.rules.care_plans import (
    FOR_NOW,
    INFECTED,
    NOT_FORWARDED,
    NOT_HELD,
    NOT_SCANNED,
    Recipient,
    about_child,
    left_over,
    recipients,
)
from services.records.rules.copies import NO_ADDRESS
from services.records.rules.dispatch import (
    ATTACHMENT,
    CARE_PLAN,
    EMAIL,
    LINK,
    NO_LINK,
    QUEUED,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    dispatch_id,
    line_of,
    opens_until,
)
from services.records.store import dispatches

CARE_PLAN_LETTER = "care_plan"
MOST_ATTACHED = 10 << 20
"""Bytes up to which a care plan goes as an attachment: mail servers refuse much larger messages."""

_STANDS_IN_THE_WAY = {
    NOT_SCANNED: "it waits for the scanner",
    INFECTED: "the scanner found something harmful in it",
    NOT_HELD: "it is not held here, or in a form that cannot be passed on: ask for the file, or pass it on yourself",
    NO_LINK: "no link can be made that its readers could open",
}


async def received(work: Work, events: Sequence[Event]) -> None:
    """Care plans came in, asked for or not."""
    some = [event.data for event in events if isinstance(event.data, ReportReceived) and event.data.kind == CAME_IN]
    told: dict[tuple[str, str], str] = {}
    for each in some:
        if each.child_id is not None:
            told.setdefault((each.meeting_id, each.document_id), each.child_id)
    await look(work, {each.meeting_id for each in some}, told)


async def scanned(work: Work, document_ids: Iterable[str]) -> None:
    """Something is known now of whether these documents do harm."""
    found = {row["meeting_id"] for each in document_ids for row in await documents.sent_for(work.db, each)}
    await look(work, found)


async def came_back(work: Work, events: Sequence[Event]) -> None:
    """Something came back: where that was a care plan, a person has to know."""
    ids = {event.data.dispatch_id for event in events if isinstance(event.data, DispatchBounced)}
    await _look_at_these(work, (await dispatches.by_ids(work.db, ids)).values())


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending care plans ended."""
    await copies.settled(work, attempts)
    ids = {attempt.row.params["dispatch_id"] for attempt in attempts if attempt.state != "pending"}
    await _look_at_these(work, (await dispatches.by_ids(work.db, ids)).values())


async def _look_at_these(work: Work, some: Iterable[Dispatch]) -> None:
    plans = {each.about for each in some if each.kind == CARE_PLAN}
    await scanned(work, plans)


async def look(work: Work, meeting_ids: Collection[str], told: Mapping[tuple[str, str], str] | None = None) -> None:
    """Bring what is forwarded of the care plans of these meetings, and what is missing of it, into line with how things
    stand. `told` says which child a document for a meeting is about, where that was said just now.
    """
    sheet = await _Sheet.load(work, meeting_ids, told or {})
    for meeting in sheet.meetings.values():
        missing = [each for plan in sheet.plans[meeting.meeting_id] for each in _look(sheet, meeting, plan)]
        reviewed = Reviewed(meeting, frozenset({NOT_FORWARDED}), tuple(missing))
        work.emit(Derived(REVIEWED, meeting.meeting_id, meeting.partition_key, reviewed))
    await dispatches.put(work.db, list(sheet.added.values()))
    names = ("dispatch_id", "address", "how", "state", "why", "document_id", "written_at", "ended_at", "expires_at")
    await dispatches.set_columns(
        work.db, [{name: getattr(each, name) for name in names} for each in sheet.changed.values()]
    )
    for each in (*sheet.added.values(), *sheet.changed.values()):
        if each.state == QUEUED:
            work.post(CARE_PLAN_LETTER, line_of(CARE_PLAN, each.about, each.party), _params(sheet, each))


@dataclass(slots=True)
class _Sheet:
    """What is known of the care plans of some meetings, and what is written of them."""

    work: Work
    meetings: Mapping[str, Meeting]
    plans: Mapping[str, Sequence[Report]]
    children: Mapping[tuple[str, str], str | None]
    core_groups: Mapping[str, Meeting]
    about: Mapping[str, Around]
    held: Mapping[str, Document]
    standing: Mapping[str, Sequence[Dispatch]]
    added: dict[str, Dispatch] = field(default_factory=dict)
    changed: dict[str, Dispatch] = field(default_factory=dict)

    @classmethod
    async def load(cls, work: Work, meeting_ids: Collection[str], told: Mapping[tuple[str, str], str]) -> _Sheet:
        db = work.db
        came = await reports.of_meetings(db, meeting_ids)
        plans = {each: _each_once(report for report in some if report.kind == CAME_IN) for each, some in came.items()}
        plans = {each: some for each, some in plans.items() if some}
        found = await meetings.meetings_by_id(db, plans)
        ids = {each.document_id for some in plans.values() for each in some}
        standing = await dispatches.about(db, ids)
        children: dict[tuple[str, str], str | None] = {}
        for meeting_id, meeting in found.items():
            for each in plans[meeting_id]:
                name = (meeting_id, each.document_id)
                before = {one.child_id for one in standing.get(each.document_id, ())} & set(meeting.child_ids)
                children[name] = about_child(meeting.child_ids, told.get(name) or next(iter(before), None))
        core_groups = await _core_groups(work, {child for child in children.values() if child is not None})
        about = await around(db, work.policy, {*found, *(each.meeting_id for each in core_groups.values())})
        held = await documents.some(db, ids)
        return cls(work, found, plans, children, core_groups, about, held, standing)


def _each_once(some: Iterable[Report]) -> list[Report]:
    found: dict[str, Report] = {}
    for each in some:
        found.setdefault(each.document_id, each)
    return list(found.values())


async def _core_groups(work: Work, child_ids: Collection[str]) -> dict[str, Meeting]:
    """The latest held meeting about each child that names a core group."""
    held = await held_about(work.db, child_ids)
    known = await meetings.meetings_by_id(work.db, {meeting_id for meeting_id, _, _ in held})
    found: dict[str, Meeting] = {}
    for meeting_id, child_id, _ in sorted(held, key=lambda each: (each[2], each[0])):
        if meeting_id in known and known[meeting_id].core_group:
            found[child_id] = known[meeting_id]
    return found


def _look(sheet: _Sheet, meeting: Meeting, plan: Report) -> list[Missing]:
    """Bring one care plan into line; returns what a person has to know."""
    child_id = sheet.children[meeting.meeting_id, plan.document_id]
    if child_id is None:
        said = "says of none of the children of this meeting that it is about them"
        return [_missing(sheet, plan, f"{said}: pass it on yourself, or have it sent again for one child")]
    core = sheet.core_groups.get(child_id)
    core_group = frozenset(core.core_group) if core is not None else None
    sources = {each: sheet.about[each].readers for each in (meeting.meeting_id, *([core.meeting_id] if core else []))}
    some = recipients(child_id, plan.agency_id, sources, core_group)
    now = [_bring(sheet, each, plan, child_id) for each in some]
    wrong = [_STANDS_IN_THE_WAY[why] for why in dict.fromkeys(each.why for each in now) if why in _STANDS_IN_THE_WAY]
    unreached = [each for each in now if each.why == NO_ADDRESS or each.state == UNDELIVERED]
    if unreached:
        wrong.append(f"it did not reach {_names(sheet, (each.agency_id or '' for each in unreached))}")
    if others := left_over(core_group, plan.agency_id, some):
        wrong.append(f"{_names(sheet, others)} of the core group was not asked on account of the child")
    if not some:
        wrong.append("nobody was asked on account of the child to whom it could go")
    return [_missing(sheet, plan, f"was not forwarded to all whom it is for: {'; '.join(wrong)}")] if wrong else []


def _missing(sheet: _Sheet, plan: Report, text: str) -> Missing:
    words = f"A care plan that came from {_names(sheet, [plan.agency_id])} {text}."
    return Missing(NOT_FORWARDED, f"document:{plan.document_id}", words, plan.agency_id)


def _names(sheet: _Sheet, agency_ids: Iterable[str]) -> str:
    known = {each: agency.name for where in sheet.about.values() for each, agency in where.agencies.items()}
    return " and ".join(sorted(known.get(each, f"the agency {each}") for each in set(agency_ids)))


def _bring(sheet: _Sheet, to: Recipient, plan: Report, child_id: str) -> Dispatch:
    """What is sent of one care plan to one agency, as it stands now."""
    name = dispatch_id(CARE_PLAN, plan.document_id, 1, to.reader.party)
    before = next((each for each in sheet.standing.get(plan.document_id, ()) if each.dispatch_id == name), None)
    before = sheet.added.get(name) or sheet.changed.get(name) or before
    if before is not None and not (before.state == WITHHELD and before.why in FOR_NOW):
        return before
    made = _dispatch(sheet, to, plan, child_id, name)
    if before is None:
        sheet.added[name] = made
    elif (before.state, before.why) != (made.state, made.why):
        sheet.changed[name] = replace(made, child_id=before.child_id, meeting_id=before.meeting_id)
    return made


def _dispatch(sheet: _Sheet, to: Recipient, plan: Report, child_id: str, name: str) -> Dispatch:
    work, reader = sheet.work, to.reader
    document = sheet.held.get(plan.document_id)
    way = copies.how(work, reader)
    if document is not None and document.size > MOST_ATTACHED:
        way = LINK
    why = to.why_not or _why_not(document) or (NO_LINK if way == LINK and not can_be_opened(work.settings) else None)
    opens_for = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    return Dispatch(
        dispatch_id=name,
        kind=CARE_PLAN,
        about=plan.document_id,
        version=1,
        meeting_id=to.meeting_id,
        child_id=child_id,
        partition_key=sheet.about[to.meeting_id].meeting.partition_key,
        party=reader.party,
        agency_id=reader.agency_id,
        person_id=None,
        team_id=reader.team_id,
        channel=EMAIL,
        address=reader.address if why is None else None,
        how=way,
        state=QUEUED if why is None else WITHHELD,
        why=why,
        decided=None,
        content=plan.document_id,
        document_id=plan.document_id if why is None else None,
        written_at=work.now,
        ended_at=None if why is None else work.now,
        expires_at=opens_until(work.now, opens_for) if why is None and opens_for is not None else None,
    )


def _why_not(document: Document | None) -> str | None:
    """What stands in the way of passing a document on to anyone."""
    if document is None or document.media_type not in EXTENSIONS:
        return NOT_HELD
    if document.scan in documents.MAY_BE_READ:
        return None
    return INFECTED if document.scan == documents.INFECTED else NOT_SCANNED


def _params(sheet: _Sheet, each: Dispatch) -> dict[str, Any]:
    work, where = sheet.work, sheet.about[each.meeting_id or ""]
    reader = next(reader for reader in where.readers if reader.party == each.party)
    document = sheet.held[each.about]
    meeting = where.meeting
    sender = next(plan.agency_id for some in sheet.plans.values() for plan in some if plan.document_id == each.about)
    kind = next((where.agencies[sender].kind for where in sheet.about.values() if sender in where.agencies), "")
    return {
        "dispatch_id": each.dispatch_id,
        "meeting_id": meeting.meeting_id,
        "authority": meeting.authority,
        "kind_name": work.policy.on(meeting.day).kind(meeting.kind).name,
        "day": meeting.day.isoformat(),
        "reference": reference(meeting.meeting_id),
        "organiser": meeting.organiser,
        "sender": sender,
        "from_kind": work.policy.agency_name(kind) if kind else "another agency",
        "reader": reader.name,
        "agency_kind": reader.kind,
        "before": None,
        "to": each.address,
        "how": each.how,
        "document_id": each.document_id if each.how == ATTACHMENT else None,
        "media_type": document.media_type,
        "ends": EXTENSIONS[document.media_type],
        "family_told": not (where.matter.family_never or where.matter.flagged),
        "expires_at": each.expires_at.isoformat() if each.expires_at is not None else None,
        "stamp": work.now.replace(microsecond=0).isoformat(),
    }
