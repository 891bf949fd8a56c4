"""Tells whom it concerns of plans, and brings what is queued, reminded of and missing into line with how things stand.

Whatever happens, the same is done: what is owed of each plan is worked out anew. So events may come late, twice and in
any order, and who becomes known late is told late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemas.policy import Number
from services.directory import store as directory
from services.foundation import outbox
from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED, Attempt
from services.foundation.work import Derived, Work
from services.meetings.rules.words import earlier
from services.records.handlers.newcomers import Joined, give_plans
from services.records.handlers.plans import concern
from services.records.notices.chasing import Chased, chase
from services.records.notices.facts import Standing, gather
from services.records.notices.household import to_ask_again
from services.records.notices.sheet import Sheet, expires
from services.records.notices.words import letter
from services.records.rules.dispatch import (
    DELIVERED,
    NOTICE,
    OVERTAKEN,
    QUEUED,
    RECALLED,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    line_of,
    may_have_been_read,
)
from services.records.rules.flags import as_first_asked, is_answered
from services.records.rules.notices import (
    CHANGED,
    ENDED,
    JOINED,
    NO_ADDRESS,
    STANDS,
    STARTED,
    Notice,
    Recipient,
    ends_told,
    owed,
    recipients,
    told_last,
    who_take_part,
)
from services.records.rules.plans import Plan
from services.records.rules.receipts import was_read
from services.records.rules.versions import NO_READER
from services.records.store import dispatches
from services.records.store import plans as store

DUE = "records.notices"  # the timer of a child: a reminder, or the end of the time for something
NOTICE_LETTER = "notice"
REVIEWED = "records.notices_reviewed"  # it was looked at what is missing of the notices about a child

REMINDER = "reminder"


async def look(work: Work, events: Sequence[Derived]) -> None:
    """What is to be told of the plans of children may be another now."""
    await _look(work, {event.data for event in events})


async def due(work: Work, keys: Sequence[str]) -> None:
    """The timer of a child."""
    await _look(work, set(keys))


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending notices ended. A reminder that does not go changes nothing, nor does a letter that
    was not wanted as it read: what it was to read instead is queued behind it, be it what it reads already. What a
    mailer had in hand when it was taken back, or came to read otherwise, is noted as sent, and stays what it is. What
    was given up although its reader has shown that they have it is not undelivered.
    """
    some = await dispatches.by_ids(work.db, {attempt.row.params["dispatch_id"] for attempt in attempts})
    sent, late, failed = [], [], []
    for attempt in attempts:
        each = some.get(attempt.row.params["dispatch_id"])
        if each is None or attempt.state == "pending" or attempt.row.params["change"] == REMINDER:
            continue
        its_own = each.state == QUEUED and each.content == attempt.row.params["content"]
        if attempt.state == "sent" and its_own:
            sent.append({"dispatch_id": each.dispatch_id, "state": SENT, "sent_at": attempt.at})
        elif attempt.state == "sent":
            late.append({"dispatch_id": each.dispatch_id, "sent_at": attempt.at})
        elif its_own and attempt.reason != NOT_WANTED:
            read = was_read(each)
            failed.append(
                {
                    "dispatch_id": each.dispatch_id,
                    "state": SENT if read else UNDELIVERED,
                    "why": None if read else attempt.reason,
                    "ended_at": None if read else attempt.at,
                }
            )
    await dispatches.set_columns(work.db, sent)
    await dispatches.note_first(work.db, "sent_at", late)
    await dispatches.set_columns(work.db, failed)
    concern(work, {each.child_id for each in some.values() if each.child_id is not None})


async def _look(work: Work, child_ids: set[str]) -> None:
    """What is told of one child hangs on the plans of its brothers and sisters too, and on those of the children whom
    somebody of its household has elsewhere: all are looked at.
    """
    if not (concerned := await store.with_plans(work.db, child_ids)):
        return
    concerned |= await directory.children_sharing_a_relative(work.db, concerned)
    families = await directory.families_of_children(work.db, concerned)
    household = await directory.children_of_families(work.db, set(families.values()))
    standing = await gather(work, await store.with_plans(work.db, {each.child_id for each in household}))
    sheet = Sheet(work, standing, await _stop(work, standing))
    barred = {
        plan.name: _bring_into_line(sheet, plan)
        for child_id in sorted(standing.about)
        for plan in standing.plans.get(child_id, ())
    }
    for child_id in sorted(standing.about):
        of_child = standing.plans.get(child_id, ())
        for plan in of_child:
            _ask_for_the_household(sheet, plan)
        found = [_chase(sheet, plan, barred[plan.name]) for plan in of_child]
        next_at = min((moment for each in found for moment in each.moments if moment > work.now), default=None)
        if next_at is not None:
            work.arm(DUE, child_id, next_at)
        for each in found:
            work.emit(Derived(REVIEWED, child_id, child_id, each))
    today = london_date(work.now)
    taking_part = {child_id: who_take_part(about, today) for child_id, about in standing.about.items()}
    joined = [
        Joined(plan, each)
        for child_id in standing.about
        for plan in standing.standing(child_id)
        for notice, each in sheet.counting(plan)
        if (notice.kind == JOINED or each.agency_id in taking_part[child_id])
        and (each.state != WITHHELD or each.why == NO_ADDRESS)
    ]
    _post(sheet, await give_plans(work, standing, joined))
    await store.put_notices(work.db, sheet.notices)
    await dispatches.put(work.db, list(sheet.added.values()))
    names = ("dispatch_id", "state", "why", "address", "content", "reminded_at", "ended_at", "expires_at")
    await dispatches.set_columns(
        work.db, [{name: getattr(each, name) for name in names} for each in sheet.changed.values()]
    )


async def _stop(work: Work, standing: Standing) -> set[str]:
    """Keep what is to be taken back of plans from leaving; returns the dispatches that may have left all the same,
    since a mailer has one in hand, or had.
    """
    waiting: dict[str, str] = {}
    for child_id in standing.about:
        notices = standing.notices.get(child_id, ())
        for plan in standing.plans.get(child_id, ()):
            of_plan = [each for each in notices if each.plan_id == plan.plan_id]
            if owed(plan, standing.has_ended(plan), of_plan) is None:
                continue
            ids = {each.notice_id for each in of_plan}
            waiting |= {
                each.dispatch_id: line_of(NOTICE, plan.plan_id, each.party)
                for each in standing.dispatches.get(child_id, ())
                if each.about in ids and each.state in {QUEUED, WITHHELD}
            }
    lines = set(waiting.values())
    rows = [each for each in await outbox.waiting_under(work.db, lines) if each.params.get("dispatch_id") in waiting]
    taken = await outbox.take_back_rows(work.db, [each.outbox_id for each in rows], work.now)
    return {each.params["dispatch_id"] for each in rows if taken.get(each.outbox_id, True)}


def _post(sheet: Sheet, with_plan: set[str]) -> None:
    """Queue every letter that is to go and that has not been queued as it reads now; what was queued before it is left
    in the outbox, and does not go. `with_plan` are the notices that say that the plan follows.
    """
    for child_id, plans in sheet.standing.plans.items():
        if child_id not in sheet.standing.about:
            continue
        for plan in plans:
            for notice, each in sheet.counting(plan):
                if each.state != QUEUED:
                    continue
                follows = each.dispatch_id in with_plan
                params = letter(sheet.work, sheet.standing, plan, notice, each, None, plan_follows=follows)
                if params["content"] != each.content:
                    sheet.set(each, content=params["content"])
                    sheet.work.post(NOTICE_LETTER, line_of(NOTICE, plan.plan_id, each.party), params)
    for plan, notice, each in sheet.reminders:
        params = letter(sheet.work, sheet.standing, plan, notice, each, REMINDER)
        sheet.work.post(NOTICE_LETTER, line_of(NOTICE, plan.plan_id, each.party), params)


def _bring_into_line(sheet: Sheet, plan: Plan) -> dict[str, str]:
    """What is to be told of one plan is written. Returns of what came back why its reader may not be told now."""
    work, standing = sheet.work, sheet.standing
    about, others = standing.about[plan.child_id], standing.plans[plan.child_id]
    notices, today = sheet.notices_of(plan), london_date(work.now)
    has_ended = standing.has_ended(plan)
    barred: dict[str, str] = {}
    if has_ended and _is_long_over(work, plan) and not _is_known(sheet, plan, notices):
        _take_back(sheet, plan, notices)
    else:
        until = plan.ended.day if has_ended and plan.ended is not None else None
        before = sheet.told(plan, notices)
        ever = recipients(plan, about, others, work.policy, today, ever=True, until=until, told=before)
        now = ever if has_ended else recipients(plan, about, others, work.policy, today, ever=False, until=None)
        what = owed(plan, has_ended, notices)
        if what is not None:
            _tell(sheet, plan, what, notices, ever, now)
        if what == STANDS or (what is None and notices):  # who was told of no end has heard nothing else either
            _tell_the_rest(sheet, plan, sheet.notices_of(plan), now)
        barred = _readdress(sheet, plan, ever)
    return barred


def _ask_for_the_household(sheet: Sheet, plan: Plan) -> None:
    """Tell of an end once more to whoever was to leave the household its flags when they answered that."""
    if plan.ended is None or not (again := to_ask_again(sheet, plan)):
        return
    work, standing, notices = sheet.work, sheet.standing, sheet.notices_of(plan)
    about, others, today = standing.about[plan.child_id], standing.plans[plan.child_id], london_date(work.now)
    before = sheet.told(plan, notices)
    ever = recipients(plan, about, others, work.policy, today, ever=True, until=plan.ended.day, told=before)
    some = [each for each in ever if each.agency.agency_id in again]
    for _, each in sheet.counting(plan):
        if each.agency_id in {recipient.agency.agency_id for recipient in some}:
            sheet.set(each, state=OVERTAKEN, ended_at=work.now)  # the link in it is to say that there is newer word
    if some:
        sheet.write(plan, sheet.notice(plan, ENDED, len(notices), told_last(notices)), some)


def _chase(sheet: Sheet, plan: Plan, barred: Mapping[str, str]) -> Chased:
    """What is missing of what was told of one plan is looked at, once all that is to be told of a child is written."""
    notices, counting = sheet.notices_of(plan), sheet.counting(plan)
    written, own = sheet.written(plan, notices), {each.dispatch_id: each for _, each in counting}
    some = [
        (
            notice,
            replace(each, state=WITHHELD, why=barred[each.dispatch_id])
            if each.dispatch_id in barred
            else as_first_asked(each, notices, written),
        )
        for notice, each in counting
    ]
    chased = chase(sheet.work, sheet.standing, plan, notices, some, sheet.notices_about(plan.child_id))
    for notice, dispatch in chased.to_remind:
        reminded = sheet.set(own[dispatch.dispatch_id], reminded_at=sheet.work.now, expires_at=expires(sheet.work))
        sheet.reminders.append((plan, notice, reminded))
    return chased


def _is_known(sheet: Sheet, plan: Plan, notices: Sequence[Notice]) -> bool:
    """Whether anybody has heard of a plan from here, or may have, so that its end is told however long ago it was."""
    last = told_last(notices)
    if last is not None and last.kind == ENDED:
        return True
    return any(sheet.may_have_left(each) for each in sheet.written(plan, notices))


def _is_long_over(work: Work, plan: Plan) -> bool:
    """Whether a plan had ended so long before that was told of that nobody is told any more by itself."""
    assert plan.ended is not None
    known_on = london_date(plan.ended.known_from)
    look_back: Number | None = work.policy.on(known_on).number("earlier_meeting_look_back")
    return look_back is not None and plan.ended.day < earlier(known_on, look_back)


def _tell(
    sheet: Sheet,
    plan: Plan,
    what: str,
    notices: Sequence[Notice],
    ever: Sequence[Recipient],
    now: Sequence[Recipient],
) -> None:
    """Tell something new of a plan; what was to be told before it and has not left is left out. Where its category is
    another too, whoever was told of an end and has not answered that it stands hears that once more, with the category
    that holds, and not that any flag stays as it is.
    """
    before, last = sheet.written(plan, notices), told_last(notices)
    heard = last if what == CHANGED else _heard_last(sheet, notices, before)
    _take_back(sheet, plan, notices)
    if what in {STARTED, ENDED}:
        sheet.write(plan, sheet.notice(plan, what, len(notices), last), ever if what == ENDED else now)
        return
    changed = heard is not None and plan.category not in {None, heard.category}
    believe = _who_believe_it_ended(sheet, plan, notices, before, answered=changed)
    number = len(notices)
    if believe or what == STANDS:
        some = [each for each in ever if each.agency.agency_id in believe]
        sheet.write(plan, sheet.notice(plan, STANDS, number, last), some)
        number += 1
    if changed:
        rest = [each for each in ever if each.agency.agency_id not in believe]
        sheet.write(plan, sheet.notice(plan, CHANGED, number, heard), rest)


def _heard_last(sheet: Sheet, notices: Sequence[Notice], before: Sequence[Dispatch]) -> Notice | None:
    """The last word that a plan stands, in what category, that has left, or may have."""
    left = {each.about for each in before if sheet.may_have_left(each)}
    return told_last([each for each in notices if each.kind != ENDED and each.notice_id in left])


def _who_believe_it_ended(
    sheet: Sheet, plan: Plan, notices: Sequence[Notice], before: Sequence[Dispatch], *, answered: bool
) -> set[str]:
    """The agencies that were told that a plan has ended, or may have been, and have not been told since that it stands;
    or, where that is to be `answered`, have not said that their records say so again. What told them of the end is
    taken back.
    """
    about = {each.notice_id: each for each in notices}
    agencies, holding = sheet.standing.about[plan.child_id].agencies, sheet.work.policy.groups.told_nhs_number
    ended: dict[str, int] = {}
    stands: dict[str, int] = {}
    for each in before:
        notice, agency_id = about[each.about], each.agency_id or ""
        if notice.kind == ENDED and (each.state == RECALLED or sheet.may_have_left(each)):
            ended[agency_id] = max(notice.number, ended.get(agency_id, -1))
            if each.state != RECALLED:  # the link in it is to say that it does not count
                sheet.set(each, state=RECALLED, ended_at=sheet.work.now)
        elif notice.kind == STANDS and (
            is_answered(each, STANDS, holds_codes=agencies[agency_id].kind in holding)
            or (not answered and each.state in {SENT, DELIVERED})
        ):
            stands[agency_id] = max(notice.number, stands.get(agency_id, -1))
    return {agency_id for agency_id, number in ended.items() if number > stands.get(agency_id, -1)}


def _take_back(sheet: Sheet, plan: Plan, notices: Sequence[Notice]) -> None:
    """What was to be told and has not left is not told any more."""
    for each in sheet.written(plan, notices):
        if each.state in {QUEUED, WITHHELD}:
            sheet.set(each, state=OVERTAKEN, ended_at=sheet.work.now)


def _tell_the_rest(sheet: Sheet, plan: Plan, notices: Sequence[Notice], now: Sequence[Recipient]) -> None:
    """Tell those who were not known when all were told, or take part only since."""
    last = told_last(notices)
    if last is None:
        return
    same = ends_told(notices) if last.kind == ENDED else [each for each in notices if each.kind != ENDED]
    told = {each.agency_id for each in sheet.written(plan, same) if each.state != OVERTAKEN}
    rest = [each for each in now if each.agency.agency_id not in told]
    whole = last if last.kind in {STARTED, CHANGED, ENDED} else None
    joined, late = 0, []
    for each in rest:
        new = last.kind != ENDED and each.since is not None and plan.since is not None and each.since > plan.since
        if whole is not None and not new:
            late.append(each)
        elif each.why_not is None or each.why_not == NO_ADDRESS:
            sheet.write(plan, sheet.notice(plan, JOINED, len(notices) + joined, last), [each])
            joined += 1
    if whole is not None:
        sheet.write(plan, whole, late)


def _readdress(sheet: Sheet, plan: Plan, ever: Sequence[Recipient]) -> dict[str, str]:
    """What waits goes to the address that is the right one now; what could not go, or came back, to one that is new.
    Returns of what stays as it came back, since its reader may have it, why nothing may be told to that one now.
    """
    work = sheet.work
    ways: dict[str, list[Recipient]] = {}
    barred: dict[str, str] = {}
    for recipient in ever:
        ways.setdefault(recipient.agency.agency_id, []).append(recipient)
    for notice, each in sheet.counting(plan):
        some = ways.get(each.agency_id or "", [])
        if notice.kind in {STARTED, JOINED}:
            some = [way for way in some if not way.only_told]  # who has nothing to do with the child any more
        way = next((way for way in some if way.party == each.party), some[0] if some else None)
        if each.dispatch_id in sheet.added or was_read(each) or each.state not in {QUEUED, WITHHELD, UNDELIVERED}:
            continue
        why = way.why_not if way is not None else NO_READER  # by now there is no reason to tell them
        if why is None:
            if way is not None and way.address != each.address:
                goes = {"state": QUEUED, "why": None, "ended_at": None, "expires_at": expires(work)}
                sheet.set(each, **goes, address=way.address, content=None)
        elif each.state == WITHHELD:
            if why != each.why:
                sheet.set(each, why=why)
        elif each.state == QUEUED or (why != NO_ADDRESS and not may_have_been_read(each)):
            sheet.set(each, state=WITHHELD, why=why, address=None, content=None, ended_at=sheet.work.now)
        elif why != NO_ADDRESS:
            barred[each.dispatch_id] = why
    return barred
