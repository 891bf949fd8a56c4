"""Whom earlier meetings bring in: their invitees, and the members of the core group that a conference named.

Source: rules of the field, sections 2.2 and 2.3 (a review asks everyone who was invited to the initial conference, not
only those who came), and section 10 (a service that has closed is asked once more; a new meeting inherits the list of
one that was adjourned or cancelled).
"""

from __future__ import annotations

from datetime import date

from services.directory.rules import Child, Involvement
from services.meetings.rules.entry import ASKED_ONCE_MORE, INVITED, EarlierMeeting, Entry, Reason
from services.meetings.rules.meeting import Meeting
from services.meetings.rules.question import Ask, Question
from services.meetings.rules.words import earlier, say

ONCE_MORE = "closed_since"


def belonging(q: Question, child: Child) -> list[EarlierMeeting]:
    """The earlier meetings about the child that belong to what this one is about, oldest first.

    They are of the kinds that this kind follows, and begin with the last conference that began an episode; where there
    was none, as long ago as policy says. The meeting that this one names as the one it follows belongs to it in any
    case, whatever its kind and even where it was cancelled.
    """
    named = q.meeting.follows
    past = [
        each
        for each in q.facts.earlier
        if child.child_id in each.meeting.child_ids
        and (each.meeting.meeting_id == named or _is_followed(q, each.meeting))
    ]
    past.sort(key=lambda each: (each.meeting.starts_at, each.meeting.meeting_id))
    first = date.min
    beginnings = [each.meeting.day for each in past if q.today.kind(each.meeting.kind).begins_episode]
    look_back = q.today.number("earlier_meeting_look_back")
    if beginnings:
        first = beginnings[-1]
    elif look_back is not None:
        first = earlier(q.meeting.day, look_back)
    return [each for each in past if each.meeting.day >= first or each.meeting.meeting_id == named]


def _is_followed(q: Question, meeting: Meeting) -> bool:
    return meeting.kind in q.kind.follows and meeting.state != "cancelled" and meeting.starts_at < q.meeting.starts_at


def called(q: Question, past: EarlierMeeting) -> str:
    """An earlier meeting as it stands in a sentence: its kind by name, and its day."""
    return f"the {q.today.kind(past.meeting.kind).name} on {say(past.meeting.day)}"


def by_core_group(q: Question, child: Child) -> None:
    """The agencies that the last conference to do so named as members of the core group."""
    named = [past for past in belonging(q, child) if past.meeting.held_by is not None and past.meeting.core_group]
    if not named:
        return
    meeting = named[-1].meeting
    assert meeting.held_by is not None
    for agency_id in sorted(set(meeting.core_group)):
        text = f"{q.name(agency_id)} was named as a member of the core group at {called(q, named[-1])}."
        reason = Reason("core_group_member", text, (meeting.held_by,), child.child_id)
        q.asks.append(Ask(q.kind_of(agency_id), agency_id, reason, settles="meeting"))


def by_earlier_meetings(q: Question, child: Child) -> None:
    """Everyone who was asked to the meetings that this one follows is asked again.

    A service that has closed since is asked once more, with a question, and then named as not asked.
    """
    asked: dict[str, list[tuple[EarlierMeeting, Entry]]] = {}
    for past in belonging(q, child):
        for entry in past.entries:
            if entry.agency_id is not None and entry.decision == INVITED and child.child_id in entry.child_ids:
                asked.setdefault(entry.agency_id, []).append((past, entry))
    today = {ask.agency_id for ask in q.asks if ask.why_not is None and ask.reason.child_id in {child.child_id, None}}
    for agency_id, some in sorted(asked.items()):
        last = some[-1][0]
        text = f"{q.name(agency_id)} was asked to {called(q, last)}."
        reason = Reason("earlier_invitees", text, (last.meeting.cause,), child.child_id)
        teams = sorted({entry.team_id or "": entry for past, entry in some if past is last}.items())
        if agency_id in today or not _is_over(q, child, agency_id, some):
            for team_id, entry in teams:
                q.asks.append(
                    Ask(entry.kind, agency_id, reason, team_id=team_id or None, counts=entry.counts_for_quoracy)
                )
        else:
            _once_more(q, child, agency_id, some)


def _is_over(q: Question, child: Child, agency_id: str, asked: list[tuple[EarlierMeeting, Entry]]) -> bool:
    """Whether what the agency was asked for has ended: the involvement is closed, or the child lives there no more."""
    own = involvements_with(q, child, agency_id)
    if own:
        return not any(each.counts_on(q.meeting.day) for each in own)
    reasons = [reason for _, entry in asked for reason in entry.reasons if reason.child_id == child.child_id]
    return bool(reasons) and all(reason.rule in {"placement", "earlier_invitees", ONCE_MORE} for reason in reasons)


def involvements_with(q: Question, child: Child, agency_id: str) -> list[Involvement]:
    """Every involvement of the child or of a parent with one agency, closed ones too."""
    people = [child.child_id, *(relative.person_id for relative, _ in q.parents(child))]
    return [each for person in people for each in q.involvements(person) if each.agency_id == agency_id]


def _once_more(q: Question, child: Child, agency_id: str, asked: list[tuple[EarlierMeeting, Entry]]) -> None:
    name = q.name(agency_id)
    over = tuple(each.cause for each in involvements_with(q, child, agency_id)[-1:])
    already = [
        past
        for past, entry in asked
        if any(reason.rule == ONCE_MORE and reason.child_id == child.child_id for reason in entry.reasons)
    ]
    last, entry = asked[-1]
    if already:
        text = (
            f"The involvement of {name} with {child.initials} has ended. It was asked once more, to "
            f"{called(q, already[0])}, and is not asked again: name it if it is still relevant."
        )
        reason = Reason(ONCE_MORE, text, (already[0].meeting.cause, *over), child.child_id)
        q.asks.append(Ask(entry.kind, agency_id, reason, team_id=entry.team_id, why_not=ASKED_ONCE_MORE))
        return
    text = (
        f"{name} was asked to {called(q, last)}. Its involvement with {child.initials} has ended since: it is asked "
        "once more, to say whether it is still relevant."
    )
    reason = Reason(ONCE_MORE, text, (last.meeting.cause, *over), child.child_id)
    q.asks.append(Ask(entry.kind, agency_id, reason, team_id=entry.team_id, counts=False))
