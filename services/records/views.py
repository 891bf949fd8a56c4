"""One meeting as a coordinator asks after it: who was asked and why, what was heard back, and how far each copy of its
records has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory.rules import Cause
from services.meetings import store as meetings
from services.participation import views
from services.participation.store.quoracy import held_facts
from services.records.care_plan_views import add_forwarded
from services.records.due import deadlines, held_at
from services.records.rules.dispatch import CARE_PLAN, RECORD, WITHHELD, Dispatch
from services.records.rules.due import Deadline, approved
from services.records.rules.own_copies import why_it_ended
from services.records.rules.receipts import as_known_at, state
from services.records.rules.record import Record
from services.records.rules.versions import Recall
from services.records.rules.why import why_in_words
from services.records.store import dispatches, receipts, records
from services.records.store.receipts import Receipt


async def explain(
    db: AsyncConnection, policy: Policy, meeting_id: str, as_of: datetime | None, now: datetime
) -> dict[str, Any] | None:
    """The meeting in the form of the contract; None where no such meeting is known. With `as_of`, as it was then."""
    found = await views.explain(db, policy, meeting_id, as_of, now)
    if found is not None:
        await add_records(db, policy, found, as_of, now)
    return found


async def add_records(
    db: AsyncConnection, policy: Policy, found: dict[str, Any], as_of: datetime | None, now: datetime
) -> None:
    """Add to a meeting in the form of the contract what became of its records.

    To each entry `record`: for each version of each record `{kind, record_id, version, dispatch_id, channel, how,
    state, at, why?, text?, left_out, moments}`, the newest version last; `state` is one of `withheld`, `queued`,
    `sent`, `delivered`, `opened`, `filed`, `undelivered`, `overtaken`, `recalled` and `kept` (nothing in it differs
    from the earlier copy that they have, which stands), and each of `moments` is `{what, at, event?, detail?}`. What
    went to a party that has no entry is in `records_of_others`, with its `agency_id` or `person_id`. A held meeting
    has `deadlines`: `{kind, last_day, due_at, state, approved_at?, event?}`, `state` being `to_come`, `missed`,
    `approved` or `late`.
    """
    meeting_id, moment = found["meeting_id"], as_of or now
    meeting = (await meetings.meetings_by_id(db, [meeting_id], as_of))[meeting_id]
    known = [
        each for each in (await records.of_meetings(db, [meeting_id])).get(meeting_id, ()) if each.approved_at <= moment
    ]
    await add_forwarded(db, found, moment)
    made = [
        as_known_at(each, moment)
        for each in (await dispatches.of_meetings(db, [meeting_id])).get(meeting_id, ())
        if each.kind in {RECORD, CARE_PLAN} and each.written_at <= moment
    ]
    heard = await receipts.of_dispatches(db, [each.dispatch_id for each in made])
    by_party: dict[str, list[dict[str, Any]]] = {}
    for each in made:
        words = [one for one in heard.get(each.dispatch_id, ()) if one.at <= moment]
        by_party.setdefault(each.party, []).append(_shown(each, known, words))
    for entry in found["entries"]:
        copies = by_party.pop(_party(entry), None)
        if copies is not None:
            entry["record"] = copies
    if by_party:
        whose = {each.party: each for each in made}
        found["records_of_others"] = [
            {**_who(whose[party]), **copy} for party, copies in sorted(by_party.items()) for copy in copies
        ]
    held = held_at((await held_facts(db, [meeting_id], as_of)).get(meeting_id))
    if held is not None and meeting.state == "held":
        since = (await meetings.held_known_since(db, [meeting_id]))[meeting_id]
        wanted = deadlines(policy, meeting, held, since)
        recalls = await records.recalls_of(db, {each.record_id for each in known})
        taken_back = [each for of in recalls.values() for each in of if each.at <= moment]
        found["deadlines"] = [_deadline(each, known, taken_back, moment) for each in wanted]


def _party(entry: Mapping[str, Any]) -> str:
    if "person_id" in entry:
        return f"person:{entry['person_id']}"
    return f"agency:{entry.get('agency_id', '')}:{entry.get('team_id', '')}"


def _who(each: Dispatch) -> dict[str, Any]:
    who = {"agency_id": each.agency_id, "person_id": each.person_id, "team_id": each.team_id}
    return {name: value for name, value in who.items() if value is not None}


def _shown(each: Dispatch, known: Sequence[Record], heard: Sequence[Receipt]) -> dict[str, Any]:
    record = next((one for one in known if one.record_id == each.about and one.version == each.version), None)
    name, at = state(each)
    shown: dict[str, Any] = {
        "kind": record.kind if record is not None else each.kind,
        "record_id": each.about,
        "version": each.version,
        "dispatch_id": each.dispatch_id,
        "channel": each.channel,
        "how": each.how,
        "state": name,
        "at": at.isoformat(),
    }
    if each.why is not None:
        shown |= {"why": each.why, "text": why_in_words(why_it_ended(each) or each.why, each.person_id is not None)}
    shown["left_out"] = [
        {"section": decided["number"], "why": decided["why_not"], "text": decided["text"]}
        for decided in each.decided or ()
        if decided["why_not"] is not None
    ]
    moments: list[tuple[str, datetime, Cause | None, str | None]] = []
    if record is not None:
        moments.append(("approved", record.approved_at, record.cause, None))
    if each.state != WITHHELD:
        moments += [(what, at, None, None) for what, at in (("written", each.written_at), ("sent", each.sent_at)) if at]
    moments += [(one.what, one.at, one.cause, one.detail) for one in heard]
    shown["moments"] = [
        {"what": what, "at": at.isoformat(), **_event(cause), **({"detail": detail} if detail else {})}
        for what, at, cause, detail in sorted(moments, key=lambda moment: moment[1])
    ]
    return shown


def _event(cause: Cause | None) -> dict[str, Any]:
    return {"event": {"source": cause.source, "id": cause.id}} if cause is not None else {}


def _deadline(each: Deadline, known: Sequence[Record], recalls: Sequence[Recall], moment: datetime) -> dict[str, Any]:
    counted = approved(each.kind, each.held_on, known, recalls)
    first = min(counted, key=lambda record: record.approved_at, default=None)
    shown: dict[str, Any] = {
        "kind": each.kind,
        "last_day": each.last_day.isoformat(),
        "due_at": each.due_at.isoformat(),
    }
    if first is None:
        return shown | {"state": "missed" if each.due_at <= moment else "to_come"}
    state_now = "late" if first.approved_at >= each.due_at else "approved"
    return shown | {"state": state_now, "approved_at": first.approved_at.isoformat(), **_event(first.cause)}
