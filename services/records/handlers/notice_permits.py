"""The last look at a notice before it leaves: whether what it tells is so, and may be told there, as is known now."""

from __future__ import annotations

from collections.abc import Sequence

from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED
from services.foundation.outbox import OutboxRow
from services.foundation.work import Work
from services.records.notice_facts import Standing, gather
from services.records.rules.dispatch import NOT_PERMITTED, Dispatch
from services.records.rules.notices import ENDED, recipients
from services.records.rules.plans import Plan
from services.records.store import dispatches


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which notices may not go: of an end that does not count any more, of a plan that has ended since, and to whom
    nothing may be told, or not there.
    """
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    standing = await gather(work, {each.child_id for each in some.values() if each.child_id is not None})
    ways: dict[tuple[str, str], set[tuple[str, str | None]]] = {}
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        plan = _plan(standing, each)
        if plan is None or standing.has_ended(plan) != (row.params["notice"] == ENDED):
            found[row.outbox_id] = NOT_WANTED
            continue
        if plan.name not in ways:
            ways[plan.name] = _ways(work, standing, plan)
        if (each.agency_id, each.address) not in ways[plan.name]:
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _plan(standing: Standing, each: Dispatch) -> Plan | None:
    """The plan that a notice is about."""
    child_id = each.child_id or ""
    if child_id not in standing.about:
        return None
    told = next((one for one in standing.notices.get(child_id, ()) if one.notice_id == each.about), None)
    plans = standing.plans.get(child_id, ())
    return next((plan for plan in plans if told is not None and plan.plan_id == told.plan_id), None)


def _ways(work: Work, standing: Standing, plan: Plan) -> set[tuple[str, str | None]]:
    """The agencies that may be told of a plan, each with an address at which it may be."""
    about, others = standing.about[plan.child_id], standing.plans[plan.child_id]
    until = plan.ended.day if standing.has_ended(plan) and plan.ended is not None else None
    some = recipients(plan, about, others, work.policy, london_date(work.now), ever=True, until=until)
    return {(each.agency.agency_id, each.address) for each in some if each.why_not is None}
