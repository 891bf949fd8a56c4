"""What stands in one reader's notice: the child, those of the household whose records may carry a flag, the codes that
are suggested; and to each reader no more of it than that one may know.

Whoever holds a health record is told the names of grown-ups and the days on which children were born, since it is by
those that the record is found, and the codes; whoever does not is told how each belongs to the child.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from schemas.policy import Policy
from services.directory.rules import Child, Relative
from services.foundation.clock import LONDON, london_date
from services.foundation.work import Work
from services.meetings.rules import ILLNESS_FLAG, INVITED, reference, say
from services.meetings.rules.words import relation
from services.records.notices.facts import Standing
from services.records.rules.dispatch import Dispatch
from services.records.rules.notices import CHANGED, ENDED, About, Notice, ends_told
from services.records.rules.plans import Plan

SELF = "self"


def letter(
    work: Work,
    standing: Standing,
    plan: Plan,
    notice: Notice,
    dispatch: Dispatch,
    change: str | None,
    *,
    plan_follows: bool = False,
) -> dict[str, Any]:
    """The parameters of one letter: all that it says. `content` names what it says and to whom, whenever it is said."""
    about = standing.about[plan.child_id]
    agency = about.agencies[dispatch.agency_id or ""]
    today = london_date(work.now)
    holds_codes = agency.kind in work.policy.groups.told_nhs_number
    team = next((each for each in agency.teams if each.team_id == dispatch.team_id), None)
    own = [each for each in standing.standing(plan.child_id) if each.plan_id != plan.plan_id]
    siblings, ended = standing.family_plan(plan.child_id), notice.kind == ENDED
    says = {
        "dispatch_id": dispatch.dispatch_id,
        "notice": notice.kind,
        "change": change,
        "authority": about.child.authority,
        "reference": reference(f"plan {plan.plan_id}"),
        "to": dispatch.address,
        "expires_at": dispatch.expires_at.isoformat() if dispatch.expires_at else None,
        "reader": f"{agency.name}, {team.name}" if team else agency.name,
        "holds_codes": holds_codes,
        "child": _child(work.policy, about.child, agency.kind, today),
        "since": _say(plan.since),
        "ended_on": _say(plan.ended.day) if ended and plan.ended else None,
        "category": notice.category,
        "before": notice.before if notice.kind == CHANGED else None,
        "changed_on": _say(_changed_on(plan)) if notice.kind == CHANGED else None,
        "household": _household(plan, about, holds_codes),
        "household_told": bool(plan.household),
        "codes": _codes(work.policy, today, ended, bool(own), siblings) if holds_codes else [],
        "another_plan": _since(own) if ended and own else None,
        "family_plan": ended and siblings,
        "asked_again": ended and _is_told_again(standing, notice, dispatch),
        "flagged": any(ILLNESS_FLAG in each.flags for each in (about.child, *about.family, *about.elsewhere)),
        "plan_follows": plan_follows,
        "next": None if ended else _next(work, about, agency.agency_id),
    }
    content = hashlib.sha256(json.dumps(says, sort_keys=True).encode()).hexdigest()
    return {**says, "content": content, "stamp": work.now.replace(microsecond=0).isoformat()}


def _is_told_again(standing: Standing, notice: Notice, dispatch: Dispatch) -> bool:
    """Whether the reader of the end of a plan has answered word of that before, which counted then."""
    told = [each for each in standing.notices.get(notice.child_id, ()) if each.plan_id == notice.plan_id]
    before = {each.notice_id for each in ends_told([*told, notice])} - {notice.notice_id}
    return any(
        each.about in before and each.agency_id == dispatch.agency_id and each.confirmed_at is not None
        for each in standing.dispatches.get(notice.child_id, ())
    )


def _say(day: date | None) -> str | None:
    return say(day) if day is not None else None


def _since(some: Iterable[Plan]) -> str:
    """Since when the first of these plans stands, as far as that has been told."""
    return next((say(each.since) for each in some if each.since is not None), "a day that is not on record here")


def _changed_on(plan: Plan) -> date | None:
    """The day on which the category changed, or else that on which it was said to have."""
    if plan.category_since is not None and plan.category_since != plan.since:
        return plan.category_since
    return london_date(plan.started.at) if plan.started is not None else None


def _child(policy: Policy, child: Child, kind: str, today: date) -> dict[str, Any]:
    born = f"born {say(child.date_of_birth)}" if child.date_of_birth else None
    expected = f"expected {say(child.expected_on)}" if child.expected_on and child.unborn_on(today) else None
    number = child.nhs_number if kind in policy.groups.told_nhs_number else None
    return {
        "initials": child.initials,
        "age": born or expected,
        "nhs_number": f"{number[:3]} {number[3:6]} {number[6:]}" if number else None,
    }


def _household(plan: Plan, about: About, holds_codes: bool) -> list[str]:
    """Those whose records may carry a flag, in words, in an order that hangs on who they are alone: a letter that says
    the same is the same, whatever was learnt first. Where nobody was named, everyone who is on record in the family:
    whether they live there is not known, and so none of them by name.
    """
    children = {each.child_id: each for each in about.family}
    known = children | {each.child_id: each for each in about.elsewhere}
    relatives = {each.person_id: each for each in about.relatives}
    named = sorted(plan.household) or (*sorted(children), *sorted(relatives))
    by_name = holds_codes and bool(plan.household)
    found: dict[str, str] = {}
    unknown = 0
    for person_id in named:
        relative = relatives.get(person_id)
        child_id = _in_person(relative) or person_id
        if child_id == plan.child_id:
            continue
        if child_id in known:
            child = known[child_id]
            born = f", born {say(child.date_of_birth)}" if by_name and child.date_of_birth else ""
            found.setdefault(child_id, f"{child.initials}, another child of the family{born}")
        elif relative is not None:
            what = _relation(relative, about, children)
            found.setdefault(person_id, f"{relative.name}, {what}" if by_name else what[:1].upper() + what[1:])
        else:
            unknown += 1
    listed = list(found.values())
    if unknown:
        listed.append(f"{unknown} more {'person' if unknown == 1 else 'people'} of whom no details are on record here")
    return listed


def _in_person(relative: Relative | None) -> str | None:
    """The child that a relative is, where the record stands for a child in person."""
    ties: Iterable[Any] = relative.relationships if relative is not None else ()
    return next((tie.child_id for tie in ties if tie.kind == SELF), None)


def _relation(relative: Relative, about: About, children: dict[str, Child]) -> str:
    """What somebody is to the child, or else to another child of the family."""
    ties = {tie.child_id: tie.kind for tie in relative.relationships}
    if about.child.child_id in ties:
        return f"{about.child.initials}'s {relation(ties[about.child.child_id])}"
    other = min((each for each in ties if each in children), default=None)
    return f"{children[other].initials}'s {relation(ties[other])}" if other is not None else "a member of the household"


def _codes(policy: Policy, today: date, ended: bool, another: bool, sibling: bool) -> list[dict[str, Any]]:
    """The codes that are suggested. None that says that something is over goes with a plan that stands: of the child
    itself, or for the household of a brother or sister.
    """
    when = "ended" if ended else "started"
    found = [each for each in policy.on(today).codes.values() if each.when == when]
    if ended:
        found = [each for each in found if not another and not (sibling and each.of == "household")]
    return [
        {
            "of": each.of,
            "meaning": each.meaning,
            "snomed_ct": each.snomed_ct,
            "read_v2": each.read_v2,
            "ctv3": each.ctv3,
        }
        for each in sorted(found, key=lambda each: (each.of, each.id))
    ]


def _next(work: Work, about: About, agency_id: str) -> dict[str, str] | None:
    """The next meeting about the child that the agency is asked to: one to which it is not is not its to know of."""
    some = [
        each
        for each in about.meetings
        if each.state == "scheduled"
        and each.starts_at > work.now
        and any(
            asked.stands
            and asked.decision == INVITED
            and asked.agency_id == agency_id
            and about.child.child_id in asked.child_ids
            for asked in about.asked.get(each.meeting_id, ())
        )
    ]
    if not some:
        return None
    first = min(some, key=lambda each: (each.starts_at, each.meeting_id))
    name = work.policy.on(first.day).kind(first.kind).name
    at = first.starts_at.astimezone(LONDON)
    return {"kind_name": name, "day": f"{at:%A} {say(first.day)}", "time": f"{at:%H:%M}"}
