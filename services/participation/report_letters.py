"""The letters that ask for a report or a care plan, and that remind of one: how they read, and whether they may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.letters import Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.invitations import handlers as invitation_handlers
from services.invitations import store as invitations
from services.invitations.letters import letter
from services.invitations.render import answer_url, authority_name, clock_time, long_day, weekday
from services.meetings import store as meetings
from services.participation.handlers.reports import NOT_TRUE_NOW, REMINDER_LETTER, REQUEST_LETTER
from services.participation.rules.reports import CARE_PLAN, FOR_APOLOGIES, REPORT, Request, came
from services.participation.store import reports as store

_WHAT = {(REPORT,): "Report", (CARE_PLAN,): "Care plan"}


def render_request(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to somebody who sent apologies."""
    return _render(REQUEST_LETTER, params, settings)


def render_reminder(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to somebody whose report or care plan is due soon."""
    return _render(REMINDER_LETTER, params, settings)


def _render(name: str, params: Mapping[str, Any], settings: Settings) -> Letter:
    """The same parameters give the same bytes, so that a repeat is the same message."""
    starts_at, ends_at = (datetime.fromisoformat(params[each]) for each in ("starts_at", "ends_at"))
    kinds = tuple(each["kind"] for each in params["wanted"])
    to_time, last_day = clock_time(ends_at), long_day(ends_at)
    values = {
        **params,
        "day": long_day(starts_at),
        "from_time": clock_time(starts_at),
        "to_time": to_time if last_day == long_day(starts_at) else f"{to_time} on {last_day}",
        "authority_name": authority_name(params["authority"]),
        "what": _WHAT.get(kinds, "Report and care plan"),
        "wanted": [
            {**each, "day": weekday(date.fromisoformat(each["by"])) if each["by"] else None}
            for each in params["wanted"]
        ],
        "wants_report": REPORT in kinds,
        "wants_care_plan": CARE_PLAN in kinds,
        "answer_url": answer_url(params, settings, ends_at),
    }
    stamp = datetime.fromisoformat(params["stamp"])
    return letter(name, params["invitation_id"], which(name, params), values, stamp, settings)


def which(name: str, params: Mapping[str, Any]) -> str:
    """What tells a letter from others in its Message-ID: what it asks for at which SEQUENCE of the invitation, and of
    which day it reminds. It is the same for ever.
    """
    kinds = [each["kind"] for each in params["wanted"]]
    if name == REMINDER_LETTER:
        ends = (datetime.fromisoformat(each["due_at"]) for each in params["wanted"])
        kinds = [f"{kind}.{due_at:%Y%m%d%H%M}" for kind, due_at in zip(kinds, ends, strict=True)]
    return f"{params['sequence']}.{name}.{'.'.join(kinds)}"


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[int, str]:
    """Which of these letters may not go any more: to an address that is not the right one now, once the meeting has
    begun or is off, where nothing of what they ask for is missing, and where what they say has been overtaken.
    """
    found = dict(await invitation_handlers.withheld(db, rows, now))
    about = await meetings.meetings_by_id(db, {row.params["meeting_id"] for row in rows})
    invited = {
        invitation.invitation_id: invitation
        for some in (await invitations.of_meetings(db, about)).values()
        for invitation in some.values()
    }
    kept, reports = await store.requests_of(db, [row.key for row in rows]), await store.of_meetings(db, about)
    for row in rows:
        meeting, invitation = about.get(row.params["meeting_id"]), invited.get(row.key)
        if row.outbox_id in found:
            continue
        if meeting is None or invitation is None or meeting.state != "scheduled" or meeting.starts_at <= now:
            found[row.outbox_id] = "too_late"
            continue
        came_in = reports.get(meeting.meeting_id, ())
        left = [each for each in row.params["wanted"] if came(each["kind"], invitation, came_in) is None]
        if not left:
            found[row.outbox_id] = "not_permitted"
        elif row.params["sequence"] != invitation.sequence or not all(
            _is_true(row.name, each, kept.get(row.key, {}).get(each["kind"])) for each in left
        ):
            found[row.outbox_id] = NOT_TRUE_NOW
    return found


def _is_true(name: str, wanted: Mapping[str, Any], request: Request | None) -> bool:
    """Whether something that a letter asks for is owed as it says: until then, and for that reason."""
    if request is None or request.ended_at is not None:
        return False
    if datetime.fromisoformat(wanted["due_at"]) != request.due_at:
        return False
    return name != REQUEST_LETTER or request.because == FOR_APOLOGIES
