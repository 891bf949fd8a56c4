"""What is shown of a held meeting: its register, and whether it was quorate and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory.rules import Cause
from services.participation.held import Judged, judged
from services.participation.rules.register import ABSENT, APOLOGIES, PRESENT, Line
from services.participation.rules.verdict import Permission, Verdict
from services.participation.store.quoracy import verdicts_of


async def add_quoracy(db: AsyncConnection, policy: Policy, found: dict[str, Any], as_of: datetime | None) -> None:
    """Put the register and the verdict beside the meeting as explained, and each one's attendance to its invitation.

    As things stand it is the verdict that was kept; with `as_of` the question is asked again with what was known then,
    under the policy of today.
    """
    meeting_id = found["meeting_id"]
    one = (await judged(db, policy, [meeting_id], as_of)).get(meeting_id)
    if one is None:
        return
    found["attendance"] = {
        "held_at": one.held.held_at.isoformat(),
        "event": _event(one.held.cause),
        "parties": [_line(line) for line in one.lines],
    }
    by_party = {(line.agency_id, line.person_id): line for line in one.lines}
    for entry in found["entries"]:
        line = by_party.get((entry.get("agency_id"), entry.get("person_id")))
        if "invitation" in entry and line is not None and line.status in {PRESENT, APOLOGIES, ABSENT}:
            entry["invitation"]["attendance"] = line.status
    verdict = one.verdict if as_of is not None else (await verdicts_of(db, [meeting_id])).get(meeting_id)
    if verdict is not None:
        found["quoracy"] = _verdict(verdict)
    else:
        found["attendance"]["not_judged"] = _not_judged(one)


def _not_judged(one: Judged) -> str:
    if not one.held.day_counts:
        return "The meeting was adjourned, so it is not judged and does not count in its line."
    return "No rule of quoracy is set for this kind of meeting."


def _line(line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": line.kind, "status": line.status, "asked": line.asked, "text": line.text}
    for name in ("agency_id", "person_id"):
        value = getattr(line, name)
        if value is not None:
            shown[name] = value
    if line.modes:
        shown["modes"] = list(line.modes)
    if line.names:
        shown["names"] = list(line.names)
    if line.uninvited:
        shown["uninvited"] = True
    return shown


def _verdict(verdict: Verdict) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "quorate": verdict.quorate,
        "rule": verdict.rule,
        "confirmed": verdict.confirmed,
        "text": verdict.text,
        "needed": verdict.needed,
        "found": verdict.found,
        "missing": list(verdict.missing),
        "parties": [
            {
                "agency_id": each.agency_id,
                "kind": each.kind,
                "counts": each.counts,
                "why": each.why,
                "text": each.text,
                "events": [_event(cause) for cause in each.causes],
            }
            for each in verdict.parties
        ],
        "refused": [
            {"what": each.what, "text": each.text, "needs": each.needs, "attempted": each.attempted}
            for each in verdict.refused
        ],
        "allowed": [_permission(each) for each in verdict.allowed],
    }
    if verdict.went_on is not None:
        shown["went_on"] = _permission(verdict.went_on)
    if verdict.inquorate_before:
        shown["inquorate_before"] = list(verdict.inquorate_before)
    return shown


def _permission(each: Permission) -> dict[str, Any]:
    return {
        "allows": each.allows,
        "by": each.by,
        "reason": each.reason,
        "at": each.at.isoformat(),
        "event": _event(each.cause),
    }


def _event(cause: Cause) -> dict[str, str]:
    return {"source": cause.source, "id": cause.id}
