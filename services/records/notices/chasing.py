"""What becomes of notices that do not reach their readers, or that nobody confirms: whoever has to say that a flag was
taken off is reminded once, and then a person is told.

Days are England's working days, counted to their end. Source of the numbers: the policy; of what is to be told: rules
of the field, section 9 (exception definition 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.foundation.clock import london_date
from services.foundation.work import Work
from services.meetings.rules import say
from services.participation.due import morning
from services.participation.report_terms import end_of
from services.participation.rules.missing import Missing
from services.records.due import days_after
from services.records.notices.facts import Standing
from services.records.notices.household import told_of_the_household
from services.records.rules.dispatch import QUEUED, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.flags import (
    NO_FLAG,
    asked_since,
    had_to_stay,
    had_to_stay_until,
    is_answered,
    is_asked_by_another,
    is_off,
)
from services.records.rules.notices import (
    AGENCY_CLOSED,
    CHASED,
    ENDED,
    NO_ADDRESS,
    NOT_ON_RECORD,
    STANDS,
    Notice,
    ends_told,
)
from services.records.rules.plans import Plan
from services.records.rules.receipts import was_read
from services.records.rules.versions import NO_READER

NOT_TOLD, NOT_CLEARED = "plan_end_not_told", "flag_not_cleared"
NO_USABLE_ADDRESS, NOT_DELIVERED = "no_usable_address", "undelivered"
KINDS = (NOT_TOLD, NOT_CLEARED, NO_USABLE_ADDRESS, NOT_DELIVERED)

_WHAT = {
    "started": "that a child protection plan has started",
    "changed": "that the category of the child protection plan has changed",
    "ended": "that the child protection plan has ended",
    "stands": "that the child protection plan stands after all",
    "joined": "of the child protection plan that stands",
}
_WHY = {
    NO_ADDRESS: "there is no secure address for them that may be used. Record one, or tell them another way",
    AGENCY_CLOSED: "it has closed. Find out who has its records now, and tell them",
    "bounced": "it came back, and there is no other address that may be used. Record one, or tell them another way",
    "address_refused": "the mail server refused the address. Tell them another way",
    "not_permitted": "the address is not one that anything may be sent to. Record the right one",
}
_MISTAKEN = (
    "nothing on record says any more that they had to do with the child, so that nothing goes to them by itself. Find "
    "out whether they hold a flag, and tell them yourself"
)
_EXCLUDED = (
    "a person has excluded them since. Decide whether they may be told, and see to it that no flag is wrong with them"
)
_GAVE_UP = "the mail server could not be brought to take it. Tell them another way"


@dataclass(frozen=True, slots=True)
class Chased:
    """What is missing of the notices about one plan. `possible` are the things about which something may have been
    missing before; `to_remind` the notices of which their readers are to be reminded now; `moments` when to look again.
    """

    child_id: str
    missing: tuple[Missing, ...]
    possible: tuple[str, ...]
    to_remind: tuple[tuple[Notice, Dispatch], ...]
    moments: tuple[datetime, ...]


def chase(
    work: Work,
    standing: Standing,
    plan: Plan,
    notices: Sequence[Notice],
    some: Sequence[tuple[Notice, Dispatch]],
    told: Sequence[Notice],
) -> Chased:
    """What is missing of what was told of one plan. Of `some`, what came back from whom nothing may be told any more is
    judged as what is kept back is: nobody is asked to tell them another way. `told` is all that was told of the child's
    plans: no flag was to come off while another stood, and the days are counted from when it did so no more.
    """
    missing: list[Missing] = []
    moments: list[datetime] = []
    remind: list[tuple[Notice, Dispatch]] = []
    initials = standing.about[plan.child_id].child.initials
    stands = bool(standing.standing(plan.child_id))
    sent, plans = standing.dispatches.get(plan.child_id, ()), standing.plans[plan.child_id]
    knew = {each.agency_id for each in standing.told(plan)}
    for notice, each in some:
        fault = _not_told(work, notice, each, initials, moments, knew=each.agency_id in knew)
        if fault is not None:
            missing.append(fault)
        elif notice.kind in CHASED and (notice.kind == STANDS or not stands):
            told_at = asked_since(each)
            if told_at is None or _is_answered(work, standing, notice, each, told):
                continue
            asked_at = max(told_at, had_to_stay_until(each, told, sent, plans) or told_at)
            last_day, remind_at = _limits(work, asked_at)
            if remind_at is not None and each.reminded_at is None and remind_at <= work.now:
                remind.append((notice, each))
            if last_day is not None and end_of(last_day) <= work.now:
                household = not standing.family_plan(plan.child_id)
                late = replace(each, sent_at=told_at)
                missing.append(_not_confirmed(notice, late, initials, last_day, household=household))
            moments += [moment for moment in (remind_at, end_of(last_day) if last_day else None) if moment is not None]
    missing += [_taken_off_in_error(each, initials) for each in told_of_the_household(standing, plan, some)]
    found, at = _about_the_plan(work, standing, plan, notices, some, initials)
    written = [
        f"{what}:{each.dispatch_id}"
        for each in standing.dispatches.get(plan.child_id, ())
        for what in ("notice", "household")
    ]
    kinds = [f"plan:{plan.plan_id}:{plan.child_id}:{kind}" for kind in work.policy.groups.told_plan_end]
    return Chased(
        plan.child_id,
        (*missing, *found),
        (*written, f"plan:{plan.plan_id}:{plan.child_id}", *kinds),
        tuple(remind),
        (*moments, *at),
    )


def told_by(work: Work, since: datetime) -> datetime | None:
    """By when whoever is to be told has been, of what was known then."""
    day = london_date(since)
    within = work.policy.on(day).number("notice_told_within")
    return end_of(days_after(day, within)) if within is not None else None


def _limits(work: Work, asked_at: datetime) -> tuple[date | None, datetime | None]:
    """The last day on which what was asked then may be confirmed, and when its reader is reminded."""
    asked_on = london_date(asked_at)
    today = work.policy.on(asked_on)
    within, remind = today.number("notice_acknowledged_within"), today.number("notice_reminder_after")
    last_day = days_after(asked_on, within) if within is not None else None
    return last_day, morning(days_after(asked_on, remind)) if remind is not None else None


def _is_answered(work: Work, standing: Standing, notice: Notice, each: Dispatch, told: Sequence[Notice]) -> bool:
    """Whether a reader has said what a notice asks, to it or to a later end, or is asked that by another one: of an
    agency that holds health records, and of one that was told to leave the flag at first, what became of it.
    """
    child_id = each.child_id or ""
    sent, plans = standing.dispatches.get(child_id, ()), standing.plans[child_id]
    if is_off(each, told, sent) or is_asked_by_another(each, told, sent, plans):
        return True
    agency = standing.about[child_id].agencies.get(each.agency_id or "")
    holds_codes = agency is not None and agency.kind in work.policy.groups.told_nhs_number
    of_flag = holds_codes or had_to_stay(each, told, plans)
    return is_answered(each, notice.kind, holds_codes=of_flag)


def _not_confirmed(notice: Notice, each: Dispatch, initials: str, last_day: date, *, household: bool) -> Missing:
    """What is said of a notice that nobody has confirmed in time. `household`: its flags are to come off too, since no
    plan of a brother or sister stands.
    """
    sent_on = say(london_date(each.sent_at)) if each.sent_at is not None else ""
    said = f"They were told on {sent_on} {_WHAT[notice.kind]} ({initials}), and were to say by {say(last_day)}"
    if notice.kind == ENDED:
        whose = "the records of the child and of the household" if household else "the record of the child"
        stays = "" if household else " The household keeps its flags: a plan of another child of the family stands."
        text = f"{said} that the flag is off {whose}. They have not: ask them.{stays}"
    elif each.confirmed == NO_FLAG:
        text = f"{said} that the records say so again. They say that these carry no such flag: see to it with them."
    else:
        text = f"{said} that the records say so again. They have not: ask them, since they had been told that it ended."
    return Missing(NOT_CLEARED, f"notice:{each.dispatch_id}", text, each.agency_id, due_at=end_of(last_day))


def _taken_off_in_error(each: Dispatch, initials: str) -> Missing:
    """What is said of whoever was told to take the flags off a household that has a plan after all."""
    text = (
        f"They were told that the flags of the household come off with that of {initials}. A plan of another child of "
        "the family stands after all, and they have not heard of that from here: see to it with them that whoever "
        "belongs to the household has its flag."
    )
    return Missing(NOT_CLEARED, f"household:{each.dispatch_id}", text, each.agency_id)


def _about_the_plan(
    work: Work,
    standing: Standing,
    plan: Plan,
    notices: Sequence[Notice],
    some: Sequence[tuple[Notice, Dispatch]],
    initials: str,
) -> tuple[list[Missing], list[datetime]]:
    """Whether an end that was told of takes effect, and whether everyone who is always told of one is known."""
    if plan.name in standing.not_ended and plan.ended is not None:
        limit = told_by(work, plan.ended.known_from)
        if limit is None or work.now < limit:
            return [], [limit] if limit is not None else []
        text = f"{initials}: {standing.not_ended[plan.name]}"
        return [Missing(NOT_TOLD, f"plan:{plan.plan_id}:{plan.child_id}", text, due_at=limit)], []
    ends = ends_told(notices)
    limit = told_by(work, ends[0].written_at) if ends else None
    if limit is None:
        return [], []
    agencies = standing.about[plan.child_id].agencies
    told = {
        agencies[each.agency_id].kind
        for _, each in some
        if each.agency_id is not None
        and each.agency_id in agencies
        and (each.state != WITHHELD or each.why in {NO_ADDRESS, AGENCY_CLOSED})
    }
    lacking = [kind for kind in work.policy.groups.told_plan_end if kind not in told]
    if work.now < limit:
        return [], [limit] if lacking else []
    found = []
    for kind in lacking:
        text = (
            f"The child protection plan of {initials} has ended, and no {work.policy.agency_name(kind)} is told: none "
            "is on record as having had to do with the child while it stood, or it may not be told. Find out whether "
            "one holds a flag."
        )
        found.append(Missing(NOT_TOLD, f"plan:{plan.plan_id}:{plan.child_id}:{kind}", text, due_at=limit))
    return found, []


def _not_told(
    work: Work, notice: Notice, each: Dispatch, initials: str, moments: list[datetime], *, knew: bool
) -> Missing | None:
    """What is said of a notice that does not reach its reader, who `knew` of the plan from here or did not."""
    ended = notice.kind == ENDED
    about = f"notice:{each.dispatch_id}"
    said = f"They have not been told {_WHAT[notice.kind]} ({initials})"
    if was_read(each):
        return None
    if each.state == QUEUED:
        limit = told_by(work, each.written_at)
        if limit is None or work.now < limit:
            moments += [limit] if limit is not None else []
            return None
        text = (
            f"{said}: it waits still, and is tried again without your doing. Where time is short, tell them yourself."
        )
        return Missing(NOT_TOLD if ended else NOT_DELIVERED, about, text, each.agency_id)
    if each.state == WITHHELD and each.why == NO_ADDRESS:
        return Missing(NOT_TOLD if ended else NO_USABLE_ADDRESS, about, f"{said}: {_WHY[NO_ADDRESS]}.", each.agency_id)
    if each.state == WITHHELD and each.why == AGENCY_CLOSED and notice.kind in CHASED:
        # Whatever flag it held is in the records that somebody else has now.
        text = f"{said}: {_WHY[AGENCY_CLOSED]}."
        return Missing(NOT_TOLD if ended else NOT_DELIVERED, about, text, each.agency_id)
    if each.state == WITHHELD and knew and notice.kind in CHASED and each.why not in {NO_ADDRESS, AGENCY_CLOSED}:
        # A person excluded it since, or it is not on record any more: what it holds of the plan, it holds still.
        why = _MISTAKEN if each.why in {NOT_ON_RECORD, NO_READER} else _EXCLUDED
        return Missing(NOT_TOLD if ended else NOT_DELIVERED, about, f"{said}, and know of it: {why}.", each.agency_id)
    if each.state == UNDELIVERED:
        text = f"{said}: {_WHY.get(each.why or '', _GAVE_UP)}."
        return Missing(NOT_TOLD if ended else NOT_DELIVERED, about, text, each.agency_id)
    return None
