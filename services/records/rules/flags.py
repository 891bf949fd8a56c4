"""What a notice about a plan asks of the flag on a record, and which words of its reader answer that.

To have taken note says nothing of a flag. That the records carry none answers whoever asks to take one off, and nobody
who asks to put one on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from services.meetings.rules.words import day_in_england
from services.records.rules.dispatch import (
    DELIVERED,
    QUEUED,
    RECALLED,
    SENT,
    UNDELIVERED,
    Dispatch,
    may_have_been_read,
)
from services.records.rules.notices import CHANGED, ENDED, STANDS, Notice, told_last
from services.records.rules.plans import Plan
from services.records.rules.receipts import was_read

FLAG_CHANGED, NO_FLAG, NOTED = "flag_changed", "no_flag", "noted"

SET, REMOVE, UPDATE, LEAVE = "set", "remove", "update", "leave"
"""What becomes of a flag: it is on, it is off, it stays and may say something else, it stays as it is."""


def flag_asked(notice: Notice, standing: Collection[str]) -> str:
    """What is to become of the flag: while another plan of the child stands, the end of one takes none off; and once
    a plan has ended, no older word of it puts one on. `standing` are the plans of the child that have not ended, as far
    as that counts, whatever was told of them: the letter goes by these too.
    """
    if is_past(notice, standing):
        return LEAVE
    if notice.kind == CHANGED:
        return UPDATE
    if notice.kind != ENDED:
        return SET
    return LEAVE if {*standing} - {notice.plan_id} else REMOVE


def is_past(notice: Notice, standing: Collection[str]) -> bool:
    """Whether a notice says that a plan stands which has ended since: their reader is told of that, and asked anew."""
    return notice.kind != ENDED and notice.plan_id not in standing


def settles(flag: str, said: str | None) -> bool:
    """Whether what a reader said leaves nothing open of what is to become of the flag."""
    if said is None or flag not in {SET, REMOVE}:
        return said is not None
    return said == FLAG_CHANGED or (said == NO_FLAG and flag == REMOVE)


def is_answered(each: Dispatch, kind: str, *, holds_codes: bool) -> bool:
    """Whether the reader of a notice that is chased has answered it: from whoever holds health records word of the flag
    is wanted, from others any is an answer.
    """
    if each.confirmed_at is None or not holds_codes:
        return each.confirmed_at is not None
    return settles(REMOVE if kind == ENDED else SET, each.confirmed)


def had_to_stay(each: Dispatch, told: Sequence[Notice], plans: Iterable[Plan]) -> bool:
    """Whether the flag was to stay when the reader of the end of a plan was told of it, or answered, since another plan
    of the child stood that has ended by now: to take note of that says nothing of a flag that is to come off since.
    `told` is all that was told of the child's `plans`.
    """
    own = _own_end(each, told)
    if own is None:
        return False
    moments = [at for at in (asked_since(each), each.confirmed_at) if at is not None]
    others = [plan for plan in plans if plan.plan_id != own.plan_id]
    return any(stood(plan, told, at) for plan in others for at in moments)


def stood(plan: Plan, told: Sequence[Notice], at: datetime) -> bool:
    """Whether a plan that has ended by now stood at a moment, be it that only an end was known, which did not count."""
    of_plan = [notice for notice in told if notice.plan_id == plan.plan_id]
    last = told_last([notice for notice in of_plan if notice.written_at <= at])
    if last is not None:
        return last.kind != ENDED and not _was_over_unsaid(plan, of_plan, at)
    return bool(of_plan) and plan.known_from is not None and plan.known_from <= at


def _was_over_unsaid(plan: Plan, of_plan: Sequence[Notice], at: datetime) -> bool:
    """Whether a plan was known by a moment to have ended so long ago that nobody was told. From when an end counts that
    a meeting decided is not kept: until then the flag was to stay.
    """
    last = told_last(of_plan)
    if plan.ended is None or last is None or last.kind == ENDED:
        return False
    return plan.ended.meeting_id is None and plan.ended.known_from <= at


def as_first_asked(each: Dispatch, told: Sequence[Notice], dispatches: Iterable[Dispatch]) -> Dispatch:
    """Word that a plan stands after all, as its reader is held to it who was told so before, in another category: since
    then it is for them to answer, and what they say to any of it answers all. `told` is what was told of the plan,
    `dispatches` what went out of it. Anything else is what it is.
    """
    about = {notice.notice_id: notice for notice in told}
    if about[each.about].kind != STANDS or asked_since(each) is None:
        return each
    own = [(about[one.about], one) for one in dispatches if one.agency_id == each.agency_id and one.about in about]
    ends = [notice.number for notice, one in own if notice.kind == ENDED and may_have_been_read(one)]
    asked = [one for notice, one in own if notice.kind == STANDS and notice.number > max(ends, default=-1)]
    said = [one for one in asked if one.confirmed_at is not None]
    answer = next((one for one in said if settles(SET, one.confirmed)), next(iter(said), each))
    return replace(
        each,
        sent_at=min(since for one in (each, *asked) if (since := asked_since(one)) is not None),
        reminded_at=min((one.reminded_at for one in asked if one.reminded_at is not None), default=None),
        confirmed=answer.confirmed,
        confirmed_at=answer.confirmed_at,
    )


def asked_since(each: Dispatch) -> datetime | None:
    """Since when a reader has what they are asked: since it was sent, or, where the mailer gave it up and they have it
    all the same, since they first showed that. None where nobody knows that they have it.
    """
    if each.state not in {SENT, DELIVERED} and not (each.state in {QUEUED, UNDELIVERED} and was_read(each)):
        return None
    shown = [at for at in (each.delivered_at, each.opened_at, each.confirmed_at) if at is not None]
    return each.sent_at or min(shown, default=None)


def is_off(each: Dispatch, told: Sequence[Notice], dispatches: Iterable[Dispatch]) -> bool:
    """Whether the reader of the end of one plan has said to a later end that the flag is off: while another plan stood,
    the flag was to stay, so that the last end speaks for all. `told` is all that was told of the plans of the child,
    `dispatches` what went out of it.
    """
    return any(
        end.written_at >= own.written_at and settles(REMOVE, other.confirmed)
        for own, end, other in _other_ends(each, told, dispatches)
    )


def is_asked_by_another(
    each: Dispatch, told: Sequence[Notice], dispatches: Sequence[Dispatch], plans: Iterable[Plan]
) -> bool:
    """Whether the reader of the end of one plan has been told of another that asks the same, so that the answer to that
    is waited for and not to this one as well: of a later one, unless nobody ever heard that its plan stood; and else of
    the one before it, where its plan was over by then.
    """
    over = {plan.plan_id: plan.ended.day for plan in plans if plan.ended is not None}
    for own, end, other in _other_ends(each, told, dispatches):
        asked = asked_since(other)
        if asked is None:
            continue
        later = (end.written_at, end.plan_id) > (own.written_at, own.plan_id)
        heard_of = _was_heard_of(end.plan_id if later else own.plan_id, told, dispatches)
        was_over = own.plan_id in over and over[own.plan_id] <= day_in_england(asked)
        if heard_of if later else was_over and not heard_of:
            return True
    return False


def had_to_stay_until(
    each: Dispatch, told: Sequence[Notice], dispatches: Sequence[Dispatch], plans: Iterable[Plan]
) -> datetime | None:
    """Until when the flag had to stay, for the reader of the end of one plan, since another of the child stood: one
    that somebody had heard of, or that was known when they were told. An old plan that is learnt when it is over puts
    no flag on, and gives nobody more days.
    """
    own, since = _own_end(each, told), asked_since(each)
    if own is None or since is None:
        return None
    ends = []
    for plan in plans:
        last = told_last([notice for notice in told if notice.plan_id == plan.plan_id])
        if plan.plan_id == own.plan_id or plan.ended is None or last is None:
            continue
        if _was_heard_of(plan.plan_id, told, dispatches) or stood(plan, told, since):
            ends.append(last.written_at if last.kind == ENDED else plan.ended.known_from)
    return max(ends, default=None)


def _own_end(each: Dispatch, told: Iterable[Notice]) -> Notice | None:
    """The end of a plan that a dispatch tells of; None where it tells of something else."""
    return next((notice for notice in told if notice.notice_id == each.about and notice.kind == ENDED), None)


def _was_heard_of(plan_id: str, told: Iterable[Notice], dispatches: Iterable[Dispatch]) -> bool:
    """Whether anybody has heard from here that a plan stood, or may have."""
    standing = {notice.notice_id for notice in told if notice.plan_id == plan_id and notice.kind != ENDED}
    return any(each.about in standing and may_have_been_read(each) for each in dispatches)


def _other_ends(
    each: Dispatch, told: Sequence[Notice], dispatches: Iterable[Dispatch]
) -> Iterator[tuple[Notice, Notice, Dispatch]]:
    """What an agency has been told of the ends of other plans of a child beside that of one; nothing where `each` does
    not tell of an end.
    """
    own = _own_end(each, told)
    if own is None:
        return
    ends = {notice.notice_id: notice for notice in told if notice.kind == ENDED}
    for other in dispatches:
        end = ends.get(other.about)
        if end is None or end.plan_id == own.plan_id or other.state == RECALLED:
            continue
        if other.agency_id == each.agency_id:
            yield own, end, other
