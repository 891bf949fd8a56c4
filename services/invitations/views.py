"""One meeting as a coordinator asks after it: who is asked and why, who is not and why not, and what became of each
invitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.invitations import store
from services.invitations.rules import UNDELIVERED
from services.meetings import store as meetings
from services.meetings.facts import resolve_all
from services.meetings.rules import Entry


async def explain(
    db: AsyncConnection, policy: Policy, meeting_id: str, as_of: datetime | None, now: datetime
) -> dict[str, Any] | None:
    """The meeting's entries in the form of the contract; None where no such meeting is known.

    With `as_of` the question is asked again with what was known then, under the policy of today. What became of an
    invitation is told as it stands now all the same.
    """
    meeting = (await meetings.meetings_by_id(db, [meeting_id], as_of)).get(meeting_id)
    if meeting is None:
        return None
    if as_of is not None and meeting.state == "scheduled":
        resolution, _ = (await resolve_all(db, [meeting], policy, as_of))[meeting_id]
        entries = {entry.party: entry for entry in resolution.entries}
    else:
        entries = (await meetings.entries_of(db, [meeting_id], as_of)).get(meeting_id, {})
    standing = (await store.of_meetings(db, [meeting_id])).get(meeting_id, {})
    rows = await store.rows_by_id(db, [invitation.invitation_id for invitation in standing.values()])
    by_party = {invitation.party: rows[invitation.invitation_id] for invitation in standing.values()}
    moment = as_of or now
    return {
        "meeting_id": meeting_id,
        "kind": meeting.kind,
        "authority": meeting.authority,
        "state": meeting.state,
        "starts_at": meeting.starts_at.isoformat(),
        "ends_at": meeting.ends_at.isoformat(),
        "as_of": moment.isoformat(),
        "entries": [_entry(entry, by_party.get(party), moment) for party, entry in sorted(entries.items(), key=_order)],
    }


def _order(item: tuple[str, Entry]) -> tuple[str, str, str]:
    party, entry = item
    return entry.decision, entry.kind, party


def _entry(entry: Entry, invitation: Mapping[Any, Any] | None, moment: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": entry.kind, "decision": entry.decision, "child_ids": list(entry.child_ids)}
    for name in ("agency_id", "person_id", "team_id", "why_not"):
        value = getattr(entry, name)
        if value is not None:
            shown[name] = value
    shown["counts_for_quoracy"] = entry.counts_for_quoracy
    shown["reasons"] = [
        {
            "rule": reason.rule,
            "text": reason.text,
            "events": [{"source": cause.source, "id": cause.id} for cause in reason.causes],
        }
        for reason in entry.reasons
    ]
    if invitation is not None and invitation["written_at"] <= moment:
        shown["invitation"] = {
            "uid": invitation["invitation_id"],
            "sequence": invitation["sequence"],
            "state": invitation["state"],
            "address": invitation["address"],
            "asked_at": invitation["asked_at"].isoformat() if invitation["asked_at"] else None,
            **({"failure": invitation["failure"]} if invitation["state"] == UNDELIVERED else {}),
        }
    return shown
