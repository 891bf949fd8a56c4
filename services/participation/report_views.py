"""What a coordinator reads of reports and care plans: who owes one, until when, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.invitations import store as invitations
from services.invitations.rules import Invitation
from services.meetings import store as meetings
from services.participation.report_terms import apologies_among, terms
from services.participation.rules.answers import Answer
from services.participation.rules.reports import CARE_PLAN, REPORT, Report, came, owed, state
from services.participation.store import documents
from services.participation.store import reports as store
from services.participation.store.documents import Document


async def add_reports(
    db: AsyncConnection,
    policy: Policy,
    found: dict[str, Any],
    standing: Mapping[str, Invitation],
    said: Sequence[Answer],
    as_of: datetime | None,
    now: datetime,
) -> None:
    """Add to a meeting in the form of the contract how it stands with what was asked for in writing: to each
    invitation `report` and `care_plan` (`asked`, `received` or `late`), each with the moment until which there is time
    (`report_due`, `care_plan_due`), and to each entry the `documents` that came from it. What came from agencies that
    have no entry is in `documents` of the meeting.
    """
    moment, meeting_id = as_of or now, found["meeting_id"]
    facts = await meetings.facts_of(db, [meeting_id], as_of)
    meeting = meetings.told_by(facts)[meeting_id]
    reports = [
        each for each in (await store.of_meetings(db, [meeting_id])).get(meeting_id, []) if each.known_at <= moment
    ]
    held = await documents.some(db, {each.document_id for each in reports})
    asked = await invitations.standing(db, [each.invitation_id for each in standing.values()])
    away = apologies_among(facts, {meeting_id: standing}, {meeting_id: said})
    whose = {each.agency_id for each in standing.values() if each.agency_id and each.invitation_id in away}
    agencies = await directory.agencies_by_id(db, whose, as_of)
    asked_for = terms(policy, meeting)
    shown: set[tuple[str, str]] = set()
    by_id = {each.invitation_id: each for each in standing.values()}
    for entry in found["entries"]:
        own = [each for each in reports if _is_from(each, entry)]
        if own:
            entry["documents"] = _documents(own, held)
            shown |= {(each.event_source, each.event_id) for each in own}
        if "invitation" not in entry:
            continue
        invitation = by_id[entry["invitation"]["uid"]]
        asked_at = asked[invitation.invitation_id].asked_at
        if asked_at is not None and invitation.since > moment:
            invitation = replace(invitation, since=asked_at)  # it was asked for another time then
        kind = agencies[invitation.agency_id or ""].kind if invitation.agency_id in agencies else None
        wanted = owed(
            meeting,
            asked_for,
            invitation,
            asked_at if asked_at is not None and asked_at <= moment else None,
            away.get(invitation.invitation_id),
            gives_care_plan=kind in policy.groups.care_plan_on_apologies,
        )
        until = {each.kind: each.due_at for each in wanted}
        for name in (REPORT, CARE_PLAN):
            how = state(until.get(name), came(name, invitation, reports), meeting, moment)
            if how is not None:
                entry["invitation"][name] = how
            if name in until:
                entry["invitation"][f"{name}_due"] = until[name].isoformat()
    rest = [each for each in reports if (each.event_source, each.event_id) not in shown]
    if rest:
        found["documents"] = [
            {"agency_id": each.agency_id, **document}
            for each, document in zip(rest, _documents(rest, held), strict=True)
        ]


def _is_from(report: Report, entry: Mapping[str, Any]) -> bool:
    """Whether a document came from the agency of an entry, or from the team of it that the entry is about."""
    team_id = entry.get("team_id")
    return report.agency_id == entry.get("agency_id") and (
        report.team_id is None or team_id is None or report.team_id == team_id
    )


def _documents(some: Iterable[Report], held: Mapping[str, Document]) -> list[dict[str, Any]]:
    """Documents as they came; those that Quorate holds itself with what it holds of them."""
    return [
        {
            "document_id": each.document_id,
            "kind": each.kind,
            "at": each.at.isoformat(),
            **({"team_id": each.team_id} if each.team_id else {}),
            **({"by": each.by} if each.by else {}),
            "event": {"source": each.event_source, "id": each.event_id},
            "held": each.document_id in held,
            **_as_held(held.get(each.document_id)),
        }
        for each in some
    ]


def _as_held(document: Document | None) -> dict[str, Any]:
    if document is None:
        return {}
    return {"name": document.name, "size": document.size, "scan": document.scan}
