"""Answers as a coordinator asks after them: what each party said, in which way it comes, what it said before, and who
answered without having been asked. Each stands with the event that it came by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.invitations import store as invitations
from services.invitations.rules import CANCEL, CANCELLED, Invitation, Message
from services.meetings import store as meetings
from services.participation.due import wanted
from services.participation.rules.answers import Answer, answers_for, unasked
from services.participation.rules.asking import EARLIER_ANSWER, REMINDER, Asked, Proposal, asked
from services.participation.store import answers

ANSWERED_AGAIN, AN_EARLIER_TIME = "answered_again", "answered_an_earlier_time"


class Said:
    """What was heard about one meeting by a moment, and the invitations as they stood then."""

    def __init__(
        self,
        standing: Mapping[str, Invitation],
        messages: Mapping[str, Sequence[Message]],
        said: Sequence[Answer],
        proposed: Sequence[Proposal],
    ) -> None:
        self.standing, self.messages, self.said, self.proposed = standing, messages, said, proposed

    @classmethod
    async def load(cls, db: AsyncConnection, meeting_id: str, moment: datetime) -> Said:
        standing = (await invitations.of_meetings(db, [meeting_id])).get(meeting_id, {})
        written = await invitations.messages_of(db, [each.invitation_id for each in standing.values()])
        messages = {each: [one for one in some if one.written_at <= moment] for each, some in written.items()}
        said = (await answers.of_meetings(db, [meeting_id])).get(meeting_id, [])
        proposed = (await answers.proposals_of(db, [meeting_id])).get(meeting_id, [])
        return cls(
            {party: as_it_stood(each, messages.get(each.invitation_id, ())) for party, each in standing.items()},
            messages,
            [each for each in said if each.known_at <= moment],
            [each for each in proposed if each.known_at <= moment],
        )

    def of(self, invitation: Invitation) -> Asked:
        return asked(invitation, self.messages.get(invitation.invitation_id, ()), self.said, self.proposed)


def as_it_stood(invitation: Invitation, messages: Sequence[Message]) -> Invitation:
    """An invitation as the last of these messages had it, where it has moved on since."""
    if not messages or messages[-1].sequence >= invitation.sequence:
        return invitation
    last = messages[-1]
    begun = [each.written_at for each in messages if each.sequence == last.sequence]
    state = CANCELLED if last.method == CANCEL else invitation.state
    return replace(
        invitation,
        sequence=last.sequence,
        revision=last.revision,
        stamp=last.stamp,
        since=min(begun),
        told=last.told,
        state=state,
    )


async def add_answers(db: AsyncConnection, policy: Policy, found: dict[str, Any], said: Said) -> None:
    """Add to a meeting in the form of the contract what was heard back from each party."""
    by_id = {each.invitation_id: each for each in said.standing.values()}
    for entry in found["entries"]:
        shown = entry.get("invitation")
        if shown is not None:
            standing = by_id[shown["uid"]]
            shown |= {"sequence": standing.sequence} | _heard(said.of(standing))
    found["others_answered"] = _others(said)
    meeting = (await meetings.meetings_by_id(db, [found["meeting_id"]], datetime.fromisoformat(found["as_of"]))).get(
        found["meeting_id"]
    )
    when = wanted(policy, meeting) if meeting is not None else None
    if when is not None:
        found["answers_wanted"] = {"by": when.by.isoformat()}
        if when.remind_on is not None:
            found["answers_wanted"]["remind_on"] = when.remind_on.isoformat()


def _heard(each: Asked) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if each.heard.counts is not None:
        shown |= _answer(each.heard.counts)
    earlier = [(one, AN_EARLIER_TIME) for one in each.heard.superseded]
    earlier += [(one, ANSWERED_AGAIN) for one in each.heard.replaced]
    if earlier:
        shown["earlier_answers"] = [_answer(one) | {"why": why} for one, why in sorted(earlier, key=_given)]
    if each.proposed:
        shown["proposed"] = [_proposal(one) for one in each.proposed]
    for name, change in (("asked_again_at", EARLIER_ANSWER), ("reminded_at", REMINDER)):
        moments = [
            one.written_at for one in each.messages if one.change == change and one.sequence == each.invitation.sequence
        ]
        if moments:
            shown[name] = max(moments).isoformat()
    return shown


def _given(item: tuple[Answer, str]) -> datetime:
    return item[0].given


def _answer(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"answer": answer.answer, "answered_at": answer.at.isoformat()}
    for name in ("by", "mode", "reason", "note", "will_report"):
        value = getattr(answer, name)
        if value is not None:
            shown[name] = value
    delegate = {"name": answer.delegate_name, "email": answer.delegate_email}
    if any(delegate.values()):
        shown["delegate"] = {name: value for name, value in delegate.items() if value is not None}
    return shown | {"event": {"source": answer.event_source, "id": answer.event_id}}


def _proposal(proposal: Proposal) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "starts_at": proposal.starts_at.isoformat(),
        "ends_at": proposal.ends_at.isoformat(),
        "at": proposal.at.isoformat(),
    }
    for name in ("by", "note"):
        if getattr(proposal, name) is not None:
            shown[name] = getattr(proposal, name)
    return shown | {"event": {"source": proposal.event_source, "id": proposal.event_id}}


def _others(said: Said) -> list[dict[str, Any]]:
    """What was heard from parties that no invitation was written for."""
    standing = list(said.standing.values())
    proposed = (
        each
        for each in said.proposed
        if not any(answers_for(each.agency_id, each.person_id, each.team_id, one) for one in standing)
    )
    return [
        *(_party(each) | _answer(each) for each in unasked(said.said, standing)),
        *(_party(each) | {"proposed": [_proposal(each)]} for each in proposed),
    ]


def _party(each: Answer | Proposal) -> dict[str, Any]:
    named = {"agency_id": each.agency_id, "person_id": each.person_id, "team_id": each.team_id}
    return {name: value for name, value in named.items() if value is not None}


def events_of(shown: Mapping[str, Any]) -> Iterable[Mapping[str, str]]:
    """The events behind what was heard from one party, as `add_answers` shows it."""
    said = [shown, *shown.get("earlier_answers", ()), *shown.get("proposed", ())]
    return (each["event"] for each in said if "event" in each)
