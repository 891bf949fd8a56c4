"""What is said of a report or a care plan that has not come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from schemas.policy import Policy
from services.invitations.rules import Invitation
from services.meetings.rules import Meeting, say
from services.meetings.rules.words import day_in_england
from services.participation.rules.answers import Answer, heard
from services.participation.rules.missing import Missing
from services.participation.rules.reports import CARE_PLAN, FOR_APOLOGIES, Apologies, Request, is_over

REPORT_LATE = "report_late"
APOLOGIES_WITHOUT_REPORT = "apologies_without_report"
CARE_PLAN_NOT_RECEIVED = "care_plan_not_received"
KINDS = frozenset({REPORT_LATE, APOLOGIES_WITHOUT_REPORT, CARE_PLAN_NOT_RECEIVED})

_NAMES = {CARE_PLAN: "care plan"}


def missing(
    policy: Policy,
    meeting: Meeting,
    request: Request,
    invitation: Invitation,
    answers: Sequence[Answer],
    apologies: Apologies | None,
    now: datetime,
    last_day: date,
) -> Missing | None:
    """What is said of something that was asked for and has not come; None while there is time, and the party was told.

    One missing thing is one exception: of whoever sent apologies it is said that they came without a report, and of
    everyone else that the report is late. `last_day` is the last on which it would have been in time.
    """
    over = is_over(meeting, request.due_at, now)
    if not over and request.failure is None:
        return None
    what = _NAMES.get(request.kind, request.kind)
    kind = policy.on(meeting.day).kind(meeting.kind).name
    said = []
    if apologies is not None:
        known = f"known since {_day(apologies.since)}" if apologies.answered else "so says the register"
        said.append(f"They sent apologies ({known}) for the {kind} on {say(meeting.day)}.")
    if over and request.asked_at >= meeting.starts_at:
        said.append(f"No {what} of theirs has come.")
    elif over:
        until = f"by {say(last_day)}" if request.due_at < meeting.starts_at else "before the meeting"
        about = "" if said else f" for the {kind} on {say(meeting.day)}"
        said.append(f"Their {what}{about} was due {until} and has not come.")
    if request.because == FOR_APOLOGIES and request.failure is not None:
        said.append(f"The letter that asks them for the {what} has not reached them: ask them another way.")
    counts = heard(invitation, answers).counts
    if request.kind != CARE_PLAN and counts is not None and counts.will_report:
        said.append("They said that they would send one.")
    return Missing(
        _exception(request),
        f"invitation:{invitation.invitation_id}",
        " ".join(said),
        agency_id=invitation.agency_id,
        due_at=request.due_at,
    )


def _exception(request: Request) -> str:
    if request.kind == CARE_PLAN:
        return CARE_PLAN_NOT_RECEIVED
    return APOLOGIES_WITHOUT_REPORT if request.because == FOR_APOLOGIES else REPORT_LATE


def _day(instant: datetime) -> str:
    return say(day_in_england(instant))
