"""What a care plan that comes in does: it is forwarded to the core group, and what stands in the way is told.

Whatever happens, the same is done: who is to get each care plan of a meeting is worked out anew, and what waits is
queued once nothing stands in its way any more. What has left stays as it is, and who has it is told to a person where
it is not theirs by now, or does harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.envelope import Event
from schemas.report import ReportReceived
from services.directory import store as directory
from services.directory.rules import Agency
from services.foundation.clock import london_date
from services.foundation.letters import Attempt
from services.foundation.work import Derived, Work
from services.meetings import store as meetings
from services.meetings.rules import Meeting
from services.participation.handlers.answers import REVIEWED
from services.participation.rules.missing import Missing, Reviewed
from services.participation.rules.reports import CARE_PLAN as CAME_IN
from services.participation.rules.reports import Report
from services.participation.store import documents, reports
from services.participation.store.documents import Document
from services.participation.uploads import EXTENSIONS
from services.records.care_plan_readers import CarePlanReaders
from services.records.core_groups import members
from services.records.handlers import copies
from services.records.handlers.readdress import next_readers
from services.records.letters.care_plans import words
from services.records.rules.care_plans import (
    FOR_NOW,
    INFECTED,
    KEPT_OUT,
    NOT_FORWARDED,
    NOT_HELD,
    NOT_SCANNED,
    Recipient,
    Told,
    left_over,
    recipients,
)
from services.records.rules.copies import NO_ADDRESS
from services.records.rules.dispatch import (
    CARE_PLAN,
    EMAIL,
    LEFT,
    LINK,
    NO_LINK,
    NOT_PERMITTED,
    QUEUED,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    dispatch_id,
    line_of,
    may_have_been_read,
    opens_until,
    would_be_written_so,
)
from services.records.rules.record import Reader
from services.records.store import dispatches
from services.records.store.there import there_is

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
    """Care plans came in, asked for or not, or something else is said of one that did."""
    await scanned(work, {event.data.document_id for event in events if isinstance(event.data, ReportReceived)})


async def scanned(work: Work, document_ids: Iterable[str]) -> None:
    """Something is known now of whether these documents do harm."""
    await look(work, await reports.care_plans_for(work.db, document_ids))


async def heard(work: Work, events: Sequence[Event]) -> None:
    """Something came back, or its reader has it: where that is a care plan, a person has to know, or no more."""
    some = await dispatches.by_ids(work.db, {event.data.dispatch_id for event in events})  # type: ignore[attr-defined]
    await look_at(work, some.values())


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending care plans ended."""
    await copies.settled(work, attempts)
    ids = {attempt.row.params["dispatch_id"] for attempt in attempts if attempt.state != "pending"}
    await look_at(work, (await dispatches.by_ids(work.db, ids)).values())


async def plans_changed(work: Work, events: Sequence[Derived]) -> None:
    """The plans of children started or ended, or are said to have otherwise: so may their core groups have."""
    await look(work, (await there_is(work.db, (), {event.data for event in events})).care_plans)


async def look_at(work: Work, some: Iterable[Dispatch]) -> None:
    """Look again at the care plans among these."""
    await scanned(work, {each.about for each in some if each.kind == CARE_PLAN})


async def look(work: Work, meeting_ids: Collection[str], again: frozenset[str] = frozenset()) -> None:
    """Bring what is forwarded of the care plans of these meetings, and what is missing of it, into line with how things
    stand. What a person says is to go `again` goes to its reader's address of today, if it may.
    """
    if not meeting_ids:
        return
    sheet = await _Sheet.load(work, meeting_ids, again)
    for meeting in sheet.meetings.values():
        missing = [each for plan in sheet.plans[meeting.meeting_id] for each in _look(sheet, meeting, plan)]
        reviewed = Reviewed(meeting, frozenset({NOT_FORWARDED}), tuple(missing))
        work.emit(Derived(REVIEWED, meeting.meeting_id, meeting.partition_key, reviewed))
    written = sheet.written.values()
    await dispatches.put(work.db, [each for each in written if each.dispatch_id not in sheet.standing])
    changed = [each for each in written if each.dispatch_id in sheet.standing]
    await dispatches.set_columns(work.db, [{name: getattr(each, name) for name in _WRITTEN} for each in changed])
    # Only that: a mailer may be noting how the rest of it went.
    theirs = [{name: getattr(each, name) for name in _ABOUT} for each in sheet.about_another.values()]
    await dispatches.set_columns(work.db, theirs)
    for name, params in sheet.letters.items():
        each = sheet.written[name]
        work.post(CARE_PLAN_LETTER, line_of(CARE_PLAN, each.about, each.party), params)


# What is written of a dispatch that was kept back, or came back, and is looked at again.
_WRITTEN = (
    *("dispatch_id", "meeting_id", "child_id", "partition_key", "team_id", "address", "how", "state", "why"),
    *("document_id", "written_at", "sent_at", "delivered_at", "ended_at", "expires_at"),
)
# What is written of one that its reader may have on account of the child whom it is about by now, too.
_ABOUT = ("dispatch_id", "meeting_id", "child_id", "partition_key")


@dataclass(slots=True)
class _Sheet:
    """What is known of the care plans of some meetings, and what is written of them. `elsewhere` has the readers of
    what reached nobody, with the next address of theirs; `again` is what a person says is to go once more.
    """

    work: Work
    meetings: Mapping[str, Meeting]
    plans: Mapping[str, Sequence[Report]]
    known: CarePlanReaders
    agencies: Mapping[str, Agency]
    held: Mapping[str, Document]
    standing: Mapping[str, Dispatch]
    elsewhere: Mapping[str, Reader]
    again: frozenset[str]
    written: dict[str, Dispatch] = field(default_factory=dict)
    letters: dict[str, dict[str, Any]] = field(default_factory=dict)
    about_another: dict[str, Dispatch] = field(default_factory=dict)

    @classmethod
    async def load(cls, work: Work, meeting_ids: Collection[str], again: frozenset[str]) -> _Sheet:
        db = work.db
        came = await reports.of_meetings(db, meeting_ids)
        found = await meetings.meetings_by_id(db, came)
        plans = {each: _each_once(report for report in came[each] if report.kind == CAME_IN) for each in found}
        ids = {plan.document_id for some in plans.values() for plan in some}
        known = await CarePlanReaders.load(db, work.policy, ids, found)
        named = {
            agency_id for some in known.core_groups.values() for each in some for agency_id in each.meeting.core_group
        }
        senders = {plan.agency_id for some in plans.values() for plan in some}
        standing = {each.dispatch_id: each for some in (await dispatches.about(db, ids)).values() for each in some}
        theirs = {each.agency_id for each in standing.values() if each.agency_id}
        agencies = await directory.agencies_by_id(db, named | senders | theirs)
        agencies |= {
            agency_id: agency for where in known.about.values() for agency_id, agency in where.agencies.items()
        }
        held = await documents.some(db, ids)
        lost = [each for each in standing.values() if each.kind == CARE_PLAN and each.state == UNDELIVERED]
        elsewhere = await next_readers(work, [each for each in lost if each.dispatch_id not in again])
        return cls(work, found, plans, known, agencies, held, standing, elsewhere, again)


def _each_once(some: Iterable[Report]) -> list[Report]:
    """Each document once, as it came first."""
    found: dict[str, Report] = {}
    for each in some:
        found.setdefault(each.document_id, each)
    return list(found.values())


def _look(sheet: _Sheet, meeting: Meeting, plan: Report) -> list[Missing]:
    """Bring one care plan into line; returns what a person has to know: in one, since it is about one thing."""
    told = sheet.known.told[plan.document_id]
    child_id = told.is_for(meeting.child_ids)
    some = []
    if child_id is not None:
        some += _pass_on(sheet, meeting, plan, child_id)
    elif told.is_care_plan:
        said = "says of none of the children of this meeting that it is about them"
        some.append(f"{said}: pass it on yourself, or have it sent again for one child")
    some += _who_has(sheet, plan, told)
    return [_missing(sheet, plan, "; it ".join(some))] if some else []


def _who_has(sheet: _Sheet, plan: Report, told: Told) -> list[str]:
    """Who has a care plan that does harm, or that is not theirs by what is told of it today."""
    found = []
    have = [sheet.about_another.get(each.dispatch_id, each) for each in sheet.standing.values() if _has(each, plan)]
    document = sheet.held.get(plan.document_id)
    if have and document is not None and document.scan == INFECTED:
        names = _names(sheet, (each.agency_id or "" for each in have))
        found.append(f"went to {names} before something harmful was found in it: tell them to delete it unopened")
    if wrong := [each for each in have if each.child_id != told.child_id]:
        names = _names(sheet, (each.agency_id or "" for each in wrong))
        said = "is about the child on whose account they have it" if told.is_care_plan else "is a care plan"
        doubt = f"nothing that is told of it by now says that it {said}"
        found.append(f"went to {names}, and {doubt}: find out, and have them delete it if it is not theirs")
    return found


def _has(each: Dispatch, plan: Report) -> bool:
    return each.kind == CARE_PLAN and each.about == plan.document_id and may_have_been_read(each)


def _pass_on(sheet: _Sheet, meeting: Meeting, plan: Report, child_id: str) -> list[str]:
    """Bring what is sent of one care plan into line; returns what is wrong with that."""
    group = sheet.known.core_group(child_id, meeting)
    core_group = members(group)
    sources = sheet.known.sources(child_id, meeting)
    barred = sheet.known.barred(plan.document_id, child_id)
    some = recipients(child_id, plan.agency_id, sources, core_group, barred)
    now = [_by_another_team(sheet, each, plan, child_id) or _bring(sheet, each, plan, child_id) for each in some]
    wrong = [_STANDS_IN_THE_WAY[why] for why in dict.fromkeys(each.why for each in now) if why in _STANDS_IN_THE_WAY]
    unreached = [each.dispatch for each in now if each.why in (NO_ADDRESS, UNDELIVERED)]
    if unreached:
        wrong.append(f"it did not reach {_names(sheet, (each.agency_id or '' for each in unreached))}")
    if kept_back := [each.dispatch for each in now if each.why == _KEPT_BACK]:
        names = _names(sheet, (each.agency_id or "" for each in kept_back))
        wrong.append(
            f"it was kept back from {names}, and nothing is known any more that forbids it: pass it on yourself"
        )
    others = left_over(core_group, plan.agency_id, some) - set(barred)
    gone = others & sheet.known.gone(child_id, meeting)
    if others - gone:
        wrong.append(f"{_names(sheet, others - gone)} of the core group was not asked on account of the child")
    if gone:
        over = "what they had to do with the child is over by what is recorded"
        wrong.append(f"it did not go to {_names(sheet, gone)} of the core group: {over}, name the core group anew")
    to_all = recipients(child_id, plan.agency_id, {meeting.meeting_id: sources[meeting.meeting_id]}, None, barred)
    asked = {each.reader.agency_id or "" for each in to_all if each.why_not in (None, NO_ADDRESS)}
    if new := sheet.known.newly_asked(child_id, meeting, asked):
        after = "the meeting that it came for asked them after the core group was named"
        wrong.append(f"it did not go to {_names(sheet, new)}: {after}, name it anew or pass the plan on yourself")
    if not some and not new:
        wrong.append("nobody was asked on account of the child to whom it could go")
    return [f"was not forwarded to all whom it is for: {'; '.join(wrong)}"] if wrong else []


def _missing(sheet: _Sheet, plan: Report, text: str) -> Missing:
    words = f"A care plan that came from {_names(sheet, [plan.agency_id])} {text}."
    return Missing(NOT_FORWARDED, f"document:{plan.document_id}", words, plan.agency_id)


def _names(sheet: _Sheet, agency_ids: Iterable[str]) -> str:
    names = (sheet.agencies[each].name if each in sheet.agencies else f"the agency {each}" for each in set(agency_ids))
    return " and ".join(sorted(names))


_KEPT_BACK = "kept_back"


@dataclass(frozen=True, slots=True)
class _Standing:
    """How it stands with a care plan for one agency: `why` it does not have it, None where it has, will, or may not."""

    dispatch: Dispatch
    why: str | None


def _by_another_team(sheet: _Sheet, to: Recipient, plan: Report, child_id: str) -> _Standing | None:
    """How it stands where another team of the agency has it, or a person kept it from that: it goes to no agency twice,
    and not by itself where somebody thinks again. None where that is not so.
    """
    every = {**sheet.standing, **sheet.written}.values()
    own = [each for each in every if each.about == plan.document_id and each.agency_id == to.reader.agency_id]
    if any(each.party == to.reader.party and each.state in (QUEUED, *LEFT) for each in own):
        return None
    for each in own:
        if each.party != to.reader.party and each.child_id == child_id:
            if each.state not in (WITHHELD, UNDELIVERED):
                return _Standing(each, None)
            if each.why in {*KEPT_OUT, NOT_PERMITTED} and to.why_not is None:
                return _Standing(each, _KEPT_BACK)
    return None


def _bring(sheet: _Sheet, to: Recipient, plan: Report, child_id: str) -> _Standing:
    """What is sent of one care plan to one agency, as it stands now. What went stays as it is; what was kept back goes
    once nothing stands in its way, and what reached nobody goes to the next address of its reader.
    """
    name = dispatch_id(CARE_PLAN, plan.document_id, 1, to.reader.party)
    before = sheet.written.get(name) or sheet.standing.get(name)
    if before is not None and before.state == UNDELIVERED and name in sheet.elsewhere:
        to = Recipient(sheet.elsewhere[name], to.meeting_id, to.reader.why_not)
    made = _dispatch(sheet, to, plan, child_id, name)
    if before is None or _goes_again(sheet, before, made):
        sheet.written[name] = made
        to_address = (made.address, made.how, made.expires_at)
        as_it_was = before is not None and before.child_id == child_id and would_be_written_so(before, *to_address)
        if before is not None and name in sheet.again and as_it_was:
            sheet.written[name] = replace(before, state=QUEUED, why=None, ended_at=None)
        elif made.state == QUEUED:
            where, document = sheet.known.about[to.meeting_id], sheet.held[plan.document_id]
            sender = sheet.agencies.get(plan.agency_id)
            sheet.letters[name] = words(sheet.work, where, to.reader, plan.agency_id, sender, document, made)
        return _Standing(made, UNDELIVERED if name in sheet.again else made.why)  # until it has gone
    if before.child_id != child_id and to.why_not in (None, NO_ADDRESS):
        sheet.about_another[name] = replace(
            before, meeting_id=made.meeting_id, child_id=child_id, partition_key=made.partition_key
        )
    if before.state == UNDELIVERED:
        return _Standing(before, UNDELIVERED if to.why_not in (None, NO_ADDRESS) else to.why_not)
    if before.state == WITHHELD:
        return _Standing(before, made.why or _KEPT_BACK)
    return _Standing(before, None)


def _goes_again(sheet: _Sheet, before: Dispatch, made: Dispatch) -> bool:
    """Whether what is decided now takes the place of what was: never of what went, nor of what a rule forbade. What the
    last look kept back goes to another address or in another way, and not the same way again.
    """
    if before.state == UNDELIVERED:
        return made.why is None and before.dispatch_id in {*sheet.elsewhere, *sheet.again}
    if before.state != WITHHELD:
        return False
    if before.why == NOT_PERMITTED:
        return made.why is None and (made.address, made.how) != (before.address, before.how)
    return before.why in FOR_NOW and before.why != made.why


def _dispatch(sheet: _Sheet, to: Recipient, plan: Report, child_id: str, name: str) -> Dispatch:
    work, reader = sheet.work, to.reader
    document = sheet.held.get(plan.document_id)
    way = copies.how(work, reader)
    if document is not None and document.size > MOST_ATTACHED:
        way = LINK
    no_link = NO_LINK if way == LINK and not work.settings.links_can_be_opened else None
    why = to.why_not or _why_not(document) or no_link
    opens_for = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    return Dispatch(
        dispatch_id=name,
        kind=CARE_PLAN,
        about=plan.document_id,
        version=1,
        meeting_id=to.meeting_id,
        child_id=child_id,
        partition_key=sheet.known.about[to.meeting_id].meeting.partition_key,
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
