"""The letters that tell of plans: how they read, and whether they may still go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.invitations.letters import letter
from services.invitations.render import authority_name
from services.records.letters.links import NOTICE, url_of
from services.records.notices import words
from services.records.notices.facts import Standing, gather
from services.records.rules.dispatch import DELIVERED, NOT_PERMITTED, QUEUED, SENT, Dispatch
from services.records.rules.flags import as_first_asked, had_to_stay, is_answered, is_asked_by_another, is_off
from services.records.rules.notices import ENDED, JOINED, STARTED, Recipient, counting, recipients
from services.records.rules.plans import Plan
from services.records.store import dispatches

REMINDER = "reminder"


def render(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to one agency. The same parameters give the same bytes, so that a repeat is the same message."""
    reminds = params["change"] == REMINDER
    values = {
        **params,
        "authority_name": authority_name(params["authority"]),
        "url": url_of(params, settings, NOTICE),
        "reminder": reminds,
    }
    template, which = f"notice_{params['notice']}", "reminder" if reminds else "notice"
    return letter(template, params["dispatch_id"], which, values, datetime.fromisoformat(params["stamp"]), settings)


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which notices may not go any more: what has been overtaken or went elsewhere, to an address that is not one of
    the agency's secure ones now, and reminders of what has been answered since.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in some.values() if each.agency_id})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or not _is_wanted(each, row.params):
            found[row.outbox_id] = NOT_WANTED
        elif each.agency_id not in agencies or each.address not in secure_addresses(agencies[each.agency_id]):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _is_wanted(each: Dispatch, params: Mapping[str, Any]) -> bool:
    """Whether a letter is wanted still: a notice that waits to go, as it reads now, or word to remind of one that went
    there and is not answered. Whether to have taken note of that is an answer is for `permitted` to say.
    """
    if params["change"] == REMINDER:
        answered = is_answered(each, params["notice"], holds_codes=True)
        return not answered and each.state in {SENT, DELIVERED} and each.address == params["to"]
    return each.state == QUEUED and each.content == params["content"]


async def permitted(work: Work, rows: Sequence[OutboxRow]) -> dict[int, str]:
    """Which notices may not go: of an end that does not count any more, of a plan that has ended since, reminders of
    what is asked no more or would be asked otherwise, and to whom nothing may be told, or not there.
    """
    some = await dispatches.by_ids(work.db, {row.params["dispatch_id"] for row in rows})
    standing = await gather(work, {each.child_id for each in some.values() if each.child_id is not None})
    ways: dict[tuple[str, str], list[Recipient]] = {}
    found = {}
    for row in rows:
        each = some[row.params["dispatch_id"]]
        plan = _plan(standing, each)
        reminds = row.params["change"] == REMINDER
        if plan is None or standing.has_ended(plan) != (row.params["notice"] == ENDED):
            found[row.outbox_id] = NOT_WANTED
            continue
        if reminds and not _is_open(work, standing, plan, each, row.params):
            found[row.outbox_id] = NOT_WANTED
            continue
        if plan.name not in ways:
            ways[plan.name] = _ways(work, standing, plan)
        beginning = row.params["notice"] in {STARTED, JOINED}
        if not any(
            (way.agency.agency_id, way.address) == (each.agency_id, each.address) and not (beginning and way.only_told)
            for way in ways[plan.name]
        ):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _is_open(work: Work, standing: Standing, plan: Plan, each: Dispatch, params: Mapping[str, Any]) -> bool:
    """Whether a notice counts still, nothing that its reader has said to it or to another answers it, no other asks it
    instead, and what it is a reminder of reads so still: what becomes of the flags hangs on other plans too.
    Whoever holds health records, or was told to leave the flag at first, answers by saying what became of it.
    """
    told, sent = standing.notices.get(plan.child_id, ()), standing.dispatches.get(plan.child_id, ())
    of_plan = [notice for notice in told if notice.plan_id == plan.plan_id]
    notice = next((one for one, dispatch in counting(of_plan, sent) if dispatch == each), None)
    plans = standing.plans[plan.child_id]
    if notice is None or is_off(each, told, sent) or is_asked_by_another(each, told, sent, plans):
        return False
    now = words.letter(work, standing, plan, notice, each, REMINDER)
    if any(params[name] != now[name] for name in ("another_plan", "family_plan", "codes")):
        return False
    of_flag = params["holds_codes"] or had_to_stay(each, told, plans)
    return not is_answered(as_first_asked(each, of_plan, sent), notice.kind, holds_codes=of_flag)


def _plan(standing: Standing, each: Dispatch) -> Plan | None:
    """The plan that a notice is about."""
    child_id = each.child_id or ""
    if child_id not in standing.about:
        return None
    told = next((one for one in standing.notices.get(child_id, ()) if one.notice_id == each.about), None)
    plans = standing.plans.get(child_id, ())
    return next((plan for plan in plans if told is not None and plan.plan_id == told.plan_id), None)


def _ways(work: Work, standing: Standing, plan: Plan) -> list[Recipient]:
    """The agencies that may be told of a plan, each with an address at which it may be."""
    about, others = standing.about[plan.child_id], standing.plans[plan.child_id]
    until = plan.ended.day if standing.has_ended(plan) and plan.ended is not None else None
    today, told = london_date(work.now), standing.told(plan)
    some = recipients(plan, about, others, work.policy, today, ever=True, until=until, told=told)
    return [each for each in some if each.why_not is None]
