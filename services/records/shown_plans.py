"""What was told of one child's plans, as a coordinator looks at it: to whom, whether it came, and who took it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory.rules import Cause
from services.records.notices.facts import ends_that_do_not_count
from services.records.rules.dispatch import NOTICE, Dispatch
from services.records.rules.notices import CHANGED, ENDED, JOINED, STANDS, STARTED, Notice
from services.records.rules.plans import Plan, plans
from services.records.rules.receipts import state
from services.records.rules.why import why_in_words
from services.records.shown import STATES, names_of
from services.records.store import dispatches
from services.records.store import plans as store

NOTICES = {
    STARTED: "the plan started",
    CHANGED: "the plan changed",
    ENDED: "the plan ended",
    STANDS: "the plan stands after all",
    JOINED: "somebody new takes part in the plan",
}
CONFIRMED = {
    "filed": "noted in their record",
    "flag_changed": "flag changed",
    "no_flag": "no such flag in their records",
    "noted": "taken note of",
}


async def shown_plans(db: AsyncConnection, policy: Policy, child_id: str) -> list[dict[str, Any]]:
    """The plans of a child that were told of, the newest first, each with its notices, the newest first; empty where
    none was.

    A plan: `{plan_id, since?, ended_on?, does_not_count?, category?, event, notices}`; an end that does not count says
    why it does not. A notice: `{notice_id, kind, text, category?, at,
    event, to}`; each of `to`: `{dispatch_id, agency_id, team_id?, name, kind, state, text, at, channel, how, address?,
    sent_at?, opened_at?, confirmed?, confirmed_at?, reminded_at?}`.
    """
    told = plans(await store.told_of(db, [child_id])).get(child_id, [])
    written = (await store.notices_of(db, [child_id])).get(child_id, [])
    some = [e for e in (await dispatches.of_children(db, [child_id])).get(child_id, ()) if e.kind == NOTICE]
    names = await names_of(db, policy, some)
    why = await ends_that_do_not_count(db, policy, told)
    return [
        _plan(plan, why.get(plan.name), [n for n in written if n.plan_id == plan.plan_id], some, names)
        for plan in reversed(told)
    ]


def _plan(
    plan: Plan,
    does_not_count: str | None,
    notices: Sequence[Notice],
    some: Sequence[Dispatch],
    names: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    days = {"since": plan.since, "ended_on": plan.ended.day if plan.ended is not None else None}
    return {
        "plan_id": plan.plan_id,
        **{name: day.isoformat() for name, day in days.items() if day is not None},
        **({"does_not_count": does_not_count} if does_not_count else {}),
        **({"category": plan.category} if plan.category else {}),
        "event": _event(plan.last.cause),
        "notices": [
            {
                "notice_id": each.notice_id,
                "kind": each.kind,
                "text": NOTICES.get(each.kind, each.kind.replace("_", " ")),
                **({"category": each.category} if each.category else {}),
                "at": each.at.isoformat(),
                "event": _event(each.cause),
                "to": _told(each, some, names),
            }
            for each in reversed(notices)
        ],
    }


def _told(notice: Notice, some: Sequence[Dispatch], names: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Who was told, first those who have not taken it up."""
    own = [each for each in some if each.about == notice.notice_id]
    own.sort(key=lambda each: (each.confirmed_at is not None, names[each.party]["name"]))
    return [_to(each, names[each.party]) for each in own]


def _to(each: Dispatch, name: Mapping[str, str]) -> dict[str, Any]:
    stands, at = state(each)
    text = CONFIRMED.get(each.confirmed or "", "") or STATES.get(stands, stands)
    ids = ("agency_id", "person_id", "team_id", "address", "confirmed")
    moments = ("sent_at", "delivered_at", "opened_at", "confirmed_at", "reminded_at")
    return {
        "dispatch_id": each.dispatch_id,
        **{key: value for key in ids if (value := getattr(each, key)) is not None},
        **name,
        "state": stands,
        "text": f"{text}: {why_in_words(each.why)}" if each.why else text,
        "at": at.isoformat(),
        "channel": each.channel,
        "how": each.how,
        **{key: value.isoformat() for key in moments if (value := getattr(each, key)) is not None},
    }


def _event(cause: Cause) -> dict[str, str]:
    return {"source": cause.source, "id": cause.id}
