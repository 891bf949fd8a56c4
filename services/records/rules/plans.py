"""Child protection plans as events tell of them: since when, in which category, until when; and whether an end counts.

What is told newest, by the events' own time, counts, whatever order it comes in. An end that is told of stays an end
unless the plan is told of as standing at a later moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.directory.rules import Cause
from services.meetings.rules import Meeting, say
from services.participation.rules.verdict import PLAN_ENDED, Verdict, may_follow

STARTED, ENDED = "started", "ended"


@dataclass(frozen=True, slots=True)
class Told:
    """What one event said of a plan, and when that became known."""

    plan_id: str
    child_id: str
    aspect: str
    day: date
    category: str | None
    household: tuple[str, ...]
    meeting_id: str | None
    at: datetime
    cause: Cause
    known_from: datetime
    partition_key: str

    @property
    def order(self) -> tuple[datetime, str, str]:
        """What decides between two of them."""
        return self.at, self.cause.source, self.cause.id


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of one child as it stands: some systems give brothers and sisters plans of one id. `since` is None where
    only its end has been told; `category_since` is the day of which the category was told. `household` holds everyone
    who was ever named as belonging to it: their records may carry a flag. `known_from` is when it was first told of.
    """

    plan_id: str
    child_id: str
    partition_key: str
    since: date | None
    category: str | None
    category_since: date | None
    household: tuple[str, ...]
    started: Told | None
    ended: Told | None
    known_from: datetime | None = None

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from every other."""
        return self.plan_id, self.child_id

    @property
    def last(self) -> Told:
        """The newest that was told of it."""
        found = self.ended or self.started
        assert found is not None
        return found


def plans(told: Iterable[Told]) -> dict[str, list[Plan]]:
    """The plans of children, by child, the first one first."""
    by_plan: dict[tuple[str, str], list[Told]] = {}
    for each in told:
        by_plan.setdefault((each.plan_id, each.child_id), []).append(each)
    found: dict[str, list[Plan]] = {}
    for name in sorted(by_plan):
        plan = _plan(sorted(by_plan[name], key=lambda each: each.order))
        found.setdefault(plan.child_id, []).append(plan)
    for some in found.values():
        some.sort(key=lambda plan: (plan.since or plan.last.day, plan.plan_id))
    return found


def _plan(told: Sequence[Told]) -> Plan:
    since: date | None = None
    category: str | None = None
    category_since: date | None = None
    started: Told | None = None
    ended: Told | None = None
    for each in told:
        if each.aspect == ENDED:
            ended = each
            continue
        started = each
        changed = each.category is not None and category is not None and each.category != category
        if since is None or each.day < since or (not changed and category_since == since):
            since = each.day
        if changed or category_since is None or each.day != category_since:
            category_since = max(each.day, since)
        category = each.category or category
    # Told at the same moment, as by a system that sends all that it has at once: it has ended.
    if ended is not None and started is not None and started.at > ended.at:
        ended = None
    household = tuple(dict.fromkeys(person for each in told for person in each.household))
    last = told[-1]
    return Plan(
        last.plan_id,
        last.child_id,
        last.partition_key,
        since,
        category,
        category_since,
        household,
        started,
        ended,
        min(each.known_from for each in told),
    )


@dataclass(frozen=True, slots=True)
class MeetingOfAnEnd:
    """What is known of the meeting that is named as having ended a plan. `is_judged`: it has been judged, or there is
    no rule to judge it by; `allowed`: a person with the right to decide lets it end the plan; `kind_name` is its kind
    in words, and `ends_plans` whether one of that kind may end a plan.
    """

    meeting: Meeting | None
    verdict: Verdict | None
    is_judged: bool
    adjourned: bool
    allowed: bool
    kind_name: str
    ends_plans: bool


def why_it_does_not_count(plan: Plan, known: Mapping[str, MeetingOfAnEnd]) -> str | None:
    """Why the end that is told of a plan has no effect as things stand, in words; None where it has.

    An end that names no meeting counts: the child has moved, or has come of age. One that names a meeting counts once
    that was held, was about the child and may end a plan, or a person allows it; until then nobody is told to take a
    flag off.
    """
    assert plan.ended is not None
    if plan.ended.meeting_id is None:
        return None
    at = known[plan.ended.meeting_id]
    if at.allowed:
        return None
    said = f"It is recorded that the plan ended on {say(plan.ended.day)}, and nobody has been told to clear a flag"
    if at.meeting is None:
        return f"{said}: the meeting that is named as having decided it is not recorded. Record it, and its register."
    of = f"the meeting of {say(at.meeting.day)} that is named as having decided it"
    if plan.child_id not in at.meeting.child_ids:
        return f"{said}: {of} is not about this child. Name the meeting that was, or put on record whom it was about."
    if not at.ends_plans:
        return (
            f"{said}: by the policy no {at.kind_name} ends a plan, as that of {say(at.meeting.day)} is said to have. "
            "Name the conference that did. Or somebody with the right to decide allows it, with a reason."
        )
    if at.meeting.state == "cancelled":
        return f"{said}: the meeting that is named as having decided it was cancelled. Correct one or the other."
    if at.meeting.state != "held" or not at.is_judged:
        return f"{said}: the register of the meeting of {say(at.meeting.day)} that decided it is not here. Send it."
    if at.adjourned:
        return f"{said}: {of} was adjourned."
    if not may_follow(PLAN_ENDED, at.verdict):
        return (
            f"{said}: the meeting of {say(at.meeting.day)} was not quorate. The plan stands until somebody with the "
            "right to decide allows it, with a reason, or a quorate meeting ends it."
        )
    return None
