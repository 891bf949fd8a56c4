"""Whoever took the flag off a child's record while its household was to keep its flags, since a plan of another child
stood, is asked for those once none does any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.records.notices.facts import Standing
from services.records.notices.sheet import Sheet
from services.records.rules.dispatch import OVERTAKEN, RECALLED, Dispatch
from services.records.rules.flags import asked_since, stood
from services.records.rules.notices import ENDED, Notice, ends_told, told_last
from services.records.rules.plans import Plan


def to_ask_again(sheet: Sheet, plan: Plan) -> set[str]:
    """The agencies that have answered the end of a plan, of which they were told while one of another child stood, and
    that have not been told since of the end of that one. Who has not answered is asked for all of it by what chases.
    """
    standing, child_id = sheet.standing, plan.child_id
    if not ends_told(sheet.notices_of(plan)) or standing.standing(child_id) or standing.family_plan(child_id):
        return set()
    if not (others := _of_other_children(standing, child_id)):
        return set()
    answered = [each for _, each in sheet.counting(plan) if each.agency_id and each.confirmed_at is not None]
    return {each.agency_id or "" for each in answered if any(_kept(sheet, other, each) for other in others)} - {
        each.agency_id or "" for each in answered if any(_was_told_since(sheet, plan, other, each) for other in others)
    }


def told_of_the_household(standing: Standing, plan: Plan, some: Iterable[tuple[Notice, Dispatch]]) -> list[Dispatch]:
    """Of what was told of the end of a plan, what asked for the flags of the household since the plan of another child
    was told of as ended too, which stands after all: where its reader is not among those who hear of that one.
    """
    found: dict[str, Dispatch] = {}
    others = _of_other_children(standing, plan.child_id)
    told = {
        other.name: [each for each in standing.notices.get(other.child_id, ()) if each.plan_id == other.plan_id]
        for other in others
    }
    for other in others:
        hear_of_it = {each.agency_id for each in standing.told(other)}
        for notice, each in some if not standing.has_ended(other) else ():
            if notice.kind != ENDED or each.agency_id in hear_of_it:
                continue
            for at in (asked_since(each), each.reminded_at):
                last = told_last([one for one in told[other.name] if at is not None and one.written_at <= at])
                kept = at is None or any(stood(one, told[one.name], at) for one in others)
                if last is not None and last.kind == ENDED and not kept:
                    found[each.dispatch_id] = each
    return list(found.values())


def _of_other_children(standing: Standing, child_id: str) -> list[Plan]:
    about = standing.about[child_id]
    ids = [each.child_id for each in (*about.family, *about.elsewhere) if each.child_id != child_id]
    return [plan for each in ids for plan in standing.plans.get(each, ())]


def _kept(sheet: Sheet, other: Plan, each: Dispatch) -> bool:
    """Whether the household was to keep its flags for another plan by the letter that was answered, or since."""
    moments = [at for at in (_told_at(each), each.confirmed_at) if at is not None]
    return any(stood(other, sheet.notices_about(other.child_id), at) for at in moments)


def _told_at(each: Dispatch) -> datetime | None:
    """When the last letter went that a reader may have answered."""
    said = each.confirmed_at
    return max((at for at in (each.sent_at, each.reminded_at) if at and said and at <= said), default=said)


def _was_told_since(sheet: Sheet, plan: Plan, other: Plan, each: Dispatch) -> bool:
    """Whether the reader who has answered one end has been told since of that of another plan, which lists everyone
    who belongs to the household of this one.
    """
    told_at = _told_at(each)
    if told_at is None or not {*plan.household} <= {*other.household}:
        return False
    return any(
        one.agency_id == each.agency_id and one.state not in {OVERTAKEN, RECALLED} and one.written_at >= told_at
        for one in sheet.written(other, ends_told(sheet.notices_of(other)))
    )
