"""One meeting as a coordinator asks after it: who was asked and why, and what was heard back from each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.invitations import store as invitations
from services.invitations import views
from services.invitations.rules import Invitation
from services.participation.report_views import add_reports
from services.participation.rules.answers import Answer, heard
from services.participation.store import answers


async def explain(
    db: AsyncConnection, policy: Policy, meeting_id: str, as_of: datetime | None, now: datetime
) -> dict[str, Any] | None:
    """The meeting in the form of the contract; None where no such meeting is known. With `as_of`, as it was then."""
    found = await views.explain(db, policy, meeting_id, as_of, now)
    if found is None:
        return None
    standing = (await invitations.of_meetings(db, [meeting_id])).get(meeting_id, {})
    by_id = {invitation.invitation_id: invitation for invitation in standing.values()}
    said = [
        answer
        for answer in (await answers.of_meetings(db, [meeting_id])).get(meeting_id, [])
        if answer.known_at <= (as_of or now)
    ]
    for entry in found["entries"]:
        shown = entry.get("invitation")
        if shown is not None:
            shown |= _answer(by_id[shown["uid"]], said)
    await add_reports(db, policy, found, standing, said, as_of, now)
    return found


def _answer(invitation: Invitation, said: Sequence[Answer]) -> dict[str, Any]:
    counts = heard(invitation, said).counts
    if counts is None:
        return {}
    shown: dict[str, Any] = {"answer": counts.answer, "answered_at": counts.at.isoformat()}
    for name in ("by", "mode", "reason", "note", "will_report", "delegate_name", "delegate_email"):
        value = getattr(counts, name)
        if value is not None:
            shown[name] = value
    return shown
