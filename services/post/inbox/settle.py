"""What a person makes of a message that waits: an answer by hand, which is an event like any other, or nothing; or,
where the fault was ours, another try.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from schemas.invitation import InvitationAnswered
from schemas.record import DispatchConfirmed
from services.foundation.work import Derived, Work
from services.intake.accept import Arrival, Intake
from services.meetings import store as meetings
from services.oversight.rules import Unread
from services.post.inbox import store
from services.post.inbox.asked import dispatches_sent, invitations_asked
from services.post.inbox.rules.decided import SOURCE, NewEvent
from services.post.inbox.rules.message import line
from services.post.inbox.sort import SETTLED

ANSWERS = ("accepted", "declined", "tentative", "delegated")
ANSWERED = "quorate.invitation.answered.v1"
CONFIRMATIONS = ("filed", "flag_changed", "no_flag", "noted")
CONFIRMED = "quorate.dispatch.confirmed.v1"
OUR_FAULT = ("fault", "missing")
"""Why a message waits that nothing is wrong with."""


class CannotSettle(Exception):
    """A message cannot be settled like this; the message says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a person said of a message: `user` is that person, `answer` and `confirmed` (that a copy is filed, or what
    was done about a notice) are None where nothing follows. `by` is whoever answered.
    """

    user: str
    answer: str | None = None
    invitation_id: str | None = None
    note: str | None = None
    by: str | None = None
    confirmed: str | None = None


async def settle(intake: Intake, row: Mapping[Any, Any], given: Given) -> Mapping[Any, Any]:
    """Settle the message of a row; returns the row as it is then. The answer is durable before the message is settled.
    Raises `CannotSettle`.
    """
    _must_wait(row)
    follows = given.answer or given.confirmed
    done: dict[str, Any] = {"what": "answered" if follows else "nothing_to_do"}
    if given.note:
        done["note"] = given.note
    if follows:
        event = await (_event if given.answer else _confirmation)(intake, row, given)
        [verdict] = await intake.accept([Arrival(event.encoded(), {"mail": row["mail_id"], "entered_by": given.user})])
        if verdict.state == "rejected":
            told = "; ".join(f"{error.path}: {error.message}" for error in verdict.errors)
            raise CannotSettle(f"the answer was not accepted, and stands among the dead letters: {told}")
        done["event"] = {"source": SOURCE, "id": event.id}
    async with intake.database.write() as db:
        work = intake.work(db)
        if await store.settle(db, row["mail_id"], given.user, work.now, {**row["document"], "settled": done}):
            await _tell_settled(work, row)
            await intake.finish(work)
        [after] = await store.by_beginning(db, row["mail_id"])
    return after


async def again(intake: Intake, row: Mapping[Any, Any]) -> None:
    """Have the message of a row told apart once more, now that what was wrong on our side is put right. Raises
    `CannotSettle`.
    """
    _must_wait(row)
    if row["why"] not in OUR_FAULT:
        raise CannotSettle(f"message {row['mail_id'][:12]} waits for no fault of Quorate's: it would be found the same")
    async with intake.database.write() as db:
        work = intake.work(db)
        if await store.again(db, row["mail_id"]):
            await _tell_settled(work, row)
            await intake.finish(work)


def _must_wait(row: Mapping[Any, Any]) -> None:
    if row["state"] != store.FOR_A_PERSON:
        by = f": {row['settled_by']} settled it" if row["settled_by"] else ""
        raise CannotSettle(f"message {row['mail_id'][:12]} does not wait for a person{by}")


async def _tell_settled(work: Work, row: Mapping[Any, Any]) -> None:
    """Tell that a message waits for a person no more."""
    meeting_id = row["meeting_id"]
    meeting = (await meetings.meetings_by_id(work.db, [meeting_id])).get(meeting_id) if meeting_id else None
    key = meeting.partition_key if meeting else row["mail_id"][:20]
    work.emit(Derived(SETTLED, row["mail_id"], key, Unread(row["mail_id"], meeting_id)))


async def _event(intake: Intake, row: Mapping[Any, Any], given: Given) -> NewEvent:
    invitation_id = given.invitation_id or row["invitation_id"]
    if invitation_id is None:
        raise CannotSettle("the message does not show whose answer it is: name the invitation (--invitation UID)")
    invitation_id = invitation_id.partition("@")[0].lower()
    async with intake.database.read() as db:
        asked = (await invitations_asked(db, [invitation_id])).get(invitation_id)
    if asked is None:
        raise CannotSettle(f"there is no invitation {invitation_id}: quorate explain shows the uid of each")
    entered = f"entered by {given.user}"
    try:
        data = InvitationAnswered.model_validate(
            {
                "meeting_id": asked.meeting_id,
                "agency_id": asked.agency_id,
                "person_id": asked.person_id,
                "team_id": asked.team_id,
                "answer": given.answer,
                "at": row["received_at"],
                "by": f"{given.by} ({entered})" if given.by else entered,
                "note": given.note,
            }
        )
    except ValidationError as wrong:
        told = "; ".join(f"{each['loc'][0] if each['loc'] else 'it'} {each['msg']}" for each in wrong.errors())
        raise CannotSettle(f"the answer cannot be entered like this: {told}") from None
    # The answer is part of the name: whoever was interrupted, and then says otherwise, is heard.
    name = f"{row['mail_id'][:16]}.{given.answer}.{asked.invitation_id}"
    return NewEvent(name, ANSWERED, row["received_at"], asked.meeting_id, asked.partition_key, data)


async def _confirmation(intake: Intake, row: Mapping[Any, Any], given: Given) -> NewEvent:
    about = list(row["document"].get("dispatches", ()))
    async with intake.database.read() as db:
        sent = next(iter((await dispatches_sent(db, intake.policy, about)).values()), None)
    if sent is None:
        raise CannotSettle("the message does not show which copy or notice it is about")
    entered = f"entered by {given.user}"
    data = DispatchConfirmed.model_validate(
        {
            "dispatch_id": sent.dispatch_id,
            "meeting_id": sent.meeting_id,
            "child_id": sent.child_id,
            "at": row["received_at"],
            "what": given.confirmed,
            "by": line(f"{given.by} ({entered})" if given.by else entered),
            "how": "told",
        }
    )
    name = f"{row['mail_id'][:16]}.{given.confirmed}.{sent.dispatch_id}"
    return NewEvent(name, CONFIRMED, row["received_at"], sent.dispatch_id, sent.partition_key, data)
