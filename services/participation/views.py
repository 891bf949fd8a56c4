"""One meeting as a coordinator asks after it: who was asked and why, and what was heard back from each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.invitations import views
from services.participation.answer_views import Said, add_answers
from services.participation.quoracy_views import add_quoracy
from services.participation.report_views import add_reports


async def explain(
    db: AsyncConnection, policy: Policy, meeting_id: str, as_of: datetime | None, now: datetime
) -> dict[str, Any] | None:
    """The meeting in the form of the contract; None where no such meeting is known. With `as_of`, as it was then."""
    found = await views.explain(db, policy, meeting_id, as_of, now)
    if found is None:
        return None
    said = await Said.load(db, meeting_id, as_of or now)
    await add_answers(db, policy, found, said)
    await add_reports(db, policy, found, said.standing, said.said, as_of, now)
    await add_quoracy(db, policy, found, as_of)
    return found
