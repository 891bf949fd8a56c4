"""What is asked for in writing, reminded of and missed, as invitations go out, answers and reports come, meetings move
and time passes.

Whatever happens, the same is done: what each party owes is worked out anew from how things stand, and what is kept,
sent and raised is brought into line with it. So events may come late, twice and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.envelope import Event
from schemas.outcomes import InvitationSent, InvitationUndelivered
from schemas.policy import Policy
from schemas.report import ReportReceived
from services.directory import store as directory
from services.foundation.letters import Attempt, tell_settled, watch
from services.foundation.work import Derived, Work
from services.invitations import store as invitations
from services.invitations.readers import Names, for_all_readers, for_reader
from services.invitations.returned import LetterCameBack
from services.invitations.rules import BOUNCED, Invitation
from services.meetings import store as meetings
from services.meetings.handlers import Closed, Resolved
from services.meetings.rules import Entry, Meeting
from services.participation.handlers.answers import REVIEWED, tell_heard
from services.participation.report_terms import apologies_among, last_day, remind_at, terms
from services.participation.rules.answers import Answer
from services.participation.rules.missing import Missing, Reviewed
from services.participation.rules.missing_reports import KINDS, missing
from services.participation.rules.reports import (
    FOR_APOLOGIES,
    Apologies,
    Owed,
    Report,
    Request,
    came,
    last_asked,
    may_be_written_to,
    owed,
    reminder_is_owed,
)
from services.participation.store import answers as answers_store
from services.participation.store import reports as store

DUE = "participation.reports"  # the timer of a meeting: a reminder, or the end of the time for something
REQUEST_LETTER, REMINDER_LETTER = "report_request", "report_reminder"
NOT_TRUE_NOW = "not_true_now"  # why a letter was withheld that another one takes the place of
NO_ADDRESS = "no_address"  # why nothing was sent, beside the reasons that the post room has


async def received(work: Work, events: Sequence[Event]) -> None:
    """Keep what came, asked for or not."""
    await store.put(work.db, [_report(work, event) for event in events])
    tell_heard(work, events)


def _report(work: Work, event: Event) -> Report:
    came_in = event.data
    assert isinstance(came_in, ReportReceived)
    return Report(
        came_in.meeting_id,
        came_in.agency_id,
        came_in.team_id,
        came_in.document_id,
        came_in.kind,
        came_in.at,
        came_in.by,
        event.source,
        event.id,
        work.now,
        came_in.child_id,
    )


async def heard(work: Work, events: Sequence[Derived]) -> None:
    """Somebody answered, or sent something."""
    await review(work, {event.data.meeting_id for event in events})


async def tried(work: Work, events: Sequence[Derived]) -> None:
    """Invitations went out, or did not: from then on a report is owed, or not any more."""
    outcomes: list[InvitationSent | InvitationUndelivered] = [event.data for event in events]
    of_agencies = {each.meeting_id for each in outcomes if each.agency_id is not None and each.method == "request"}
    found = await meetings.meetings_by_id(work.db, of_agencies)
    concerned = {each for each, meeting in found.items() if terms(work.policy, meeting).report_by is not None}
    concerned |= await store.asked_among(work.db, of_agencies - concerned)
    await review(work, concerned, quietly=True)


async def resolved(work: Work, events: Sequence[Derived]) -> None:
    """A meeting is at another time, or of another kind, or somebody is not asked any more."""
    some: list[Resolved] = [event.data for event in events]
    # What was said may have been learnt before the meeting.
    concerned = await answers_store.asked_or_heard(work.db, {each.meeting.meeting_id for each in some})
    await review(work, concerned, quietly=True)


async def closed(work: Work, events: Sequence[Derived]) -> None:
    """A meeting was held, or will not be."""
    some: list[Closed] = [event.data for event in events]
    await review(work, {each.meeting.meeting_id for each in some})


async def due(work: Work, keys: Sequence[str]) -> None:
    """The timer of a meeting: somebody is to be reminded, or the time for something is over."""
    await review(work, set(keys))


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """A letter did not go. Where it was not true any more, the right one is written in its place; where it was, and it
    asks somebody who does not come for a report, a person has to ask.
    """
    tell_settled(work, attempts)
    failed = [each for each in attempts if each.state == "failed"]
    kept = await store.requests_of(work.db, [each.row.key for each in failed])
    changed: dict[tuple[str, str], Request] = {}
    for each in failed:
        for kind, request in kept.get(each.row.key, {}).items():
            before = changed.get((each.row.key, kind), request)
            after = _not_gone(before, each) if kind in _kinds(each.row.params) else before
            if after != before:
                changed[each.row.key, kind] = after
    await store.put_requests(work.db, [], list(changed.values()))
    await review(work, {request.meeting_id for request in changed.values()})


def _not_gone(request: Request, attempt: Attempt) -> Request:
    """What a party was asked for, after a letter about it did not go: it was not told by that one."""
    params = attempt.row.params
    if attempt.row.name == REMINDER_LETTER:
        written_at = datetime.fromisoformat(params["stamp"])
        replaced = attempt.reason == NOT_TRUE_NOW and request.reminded_at == written_at
        return replace(request, reminded_at=None) if replaced else request
    if request.told_sequence != params.get("sequence"):
        return request
    owed_still = request.ended_at is None and request.because == FOR_APOLOGIES
    if owed_still and attempt.reason != NOT_TRUE_NOW:
        return replace(request, failure=attempt.reason or "gave_up")
    return replace(request, told_sequence=None)


async def came_back(work: Work, events: Sequence[Derived]) -> None:
    """The letter that asks somebody who does not come for a report came back: a person has to ask."""
    some: list[LetterCameBack] = [event.data for event in events]
    lost = {each.invitation.invitation_id: each for each in some if each.letter == REQUEST_LETTER}
    kept = await store.requests_of(work.db, lost)
    changed = [
        replace(request, failure=BOUNCED)
        for invitation_id, of_invitation in kept.items()
        for request in of_invitation.values()
        if request.told_sequence is not None
        and lost[invitation_id].sequence in (None, request.told_sequence)
        and request.because == FOR_APOLOGIES
        and request.ended_at is None
    ]
    await store.put_requests(work.db, [], changed)
    await review(work, {request.meeting_id for request in changed})


def _kinds(params: Mapping[str, Any]) -> set[str]:
    return {each["kind"] for each in params.get("wanted", ())}


@dataclass(slots=True)
class _Standing:
    """How things stand about some meetings; every mapping is by meeting."""

    meetings: Mapping[str, Meeting]
    invitations: Mapping[str, Mapping[str, Invitation]]
    asked_at: Mapping[str, datetime | None]  # by invitation
    answers: Mapping[str, Sequence[Answer]]
    reports: Mapping[str, Sequence[Report]]
    requests: Mapping[str, Mapping[tuple[str, str], Request]]
    apologies: Mapping[str, Apologies]  # by invitation
    kinds: Mapping[str, str]  # of agencies that do not come

    @classmethod
    async def load(cls, work: Work, meeting_ids: Iterable[str]) -> _Standing:
        db = work.db
        facts = await meetings.facts_of(db, meeting_ids)
        found = meetings.told_by(facts)
        rows = await invitations.rows_of_meetings(db, found)
        invited = invitations.by_meeting(rows)
        said = await answers_store.of_meetings(db, found)
        away = apologies_among(facts, invited, said)
        whose = {each.agency_id for some in invited.values() for each in some.values() if each.invitation_id in away}
        agencies = await directory.agencies_by_id(db, {each for each in whose if each is not None})
        return cls(
            found,
            invited,
            {row["invitation_id"]: row["asked_at"] for row in rows},
            said,
            await store.of_meetings(db, found),
            await store.requests_of_meetings(db, found),
            away,
            {agency_id: agency.kind for agency_id, agency in agencies.items()},
        )


@dataclass(slots=True)
class _Outcome:
    """What is to be done, gathered over meetings."""

    fresh: list[Request] = field(default_factory=list)
    changed: list[Request] = field(default_factory=list)
    letters: list[tuple[str, Invitation, tuple[Owed, ...]]] = field(default_factory=list)


async def review(work: Work, meeting_ids: Iterable[str], *, quietly: bool = False) -> None:
    """Bring what is asked for, sent and raised into line with how things stand. `quietly`: nothing is said of what is
    missing where nothing is and nothing has changed.
    """
    wanted = set(meeting_ids)
    if not wanted:
        return
    standing = await _Standing.load(work, wanted)
    outcome = _Outcome()
    for meeting in standing.meetings.values():
        changed_before = len(outcome.changed)
        found, next_at = _look(work, meeting, standing, outcome)
        if next_at is not None:
            work.arm(DUE, meeting.meeting_id, next_at)
        if found or not quietly or len(outcome.changed) > changed_before:
            said = Reviewed(meeting, KINDS, tuple(found))
            work.emit(Derived(REVIEWED, meeting.meeting_id, meeting.partition_key, said))
    await store.put_requests(work.db, outcome.fresh, outcome.changed)
    await _post(work, standing, outcome.letters)


def _look(
    work: Work, meeting: Meeting, standing: _Standing, outcome: _Outcome
) -> tuple[list[Missing], datetime | None]:
    """One meeting: what is missing, and when it is to be looked at again."""
    meeting_id = meeting.meeting_id
    answers, reports = standing.answers.get(meeting_id, ()), standing.reports.get(meeting_id, ())
    kept = standing.requests.get(meeting_id, {})
    asked_for = terms(work.policy, meeting)
    found: list[Missing] = []
    moments: list[datetime] = []
    for invitation in standing.invitations.get(meeting_id, {}).values():
        wanted = owed(
            meeting,
            asked_for,
            invitation,
            standing.asked_at.get(invitation.invitation_id),
            standing.apologies.get(invitation.invitation_id),
            gives_care_plan=_gives_care_plan(work.policy, standing, invitation),
        )
        before = {kind: each for (of, kind), each in kept.items() if of == invitation.invitation_id}
        left = tuple(each for each in wanted if came(each.kind, invitation, reports) is None)
        after = {each.kind: _kept(invitation, each, before.get(each.kind)) for each in wanted}
        apologies = standing.apologies.get(invitation.invitation_id)
        _write(work, meeting, invitation, left, after, apologies, outcome)
        for kind, request in after.items():
            if kind not in before:
                outcome.fresh.append(request)
            elif request != before[kind]:
                outcome.changed.append(request)
        outcome.changed += [
            replace(each, ended_at=work.now, told_sequence=None if each.failure else each.told_sequence)
            for kind, each in before.items()
            if kind not in after and each.ended_at is None
        ]
        for each in left:
            said = missing(
                work.policy,
                meeting,
                after[each.kind],
                invitation,
                answers,
                apologies,
                work.now,
                last_day(each.due_at),
            )
            found += [said] if said is not None else []
            reminder = remind_at(work.policy, meeting.day, each.due_at, last_asked(each, apologies))
            moments += [moment for moment in (reminder, each.due_at) if moment is not None and moment > work.now]
    if meeting.state != "scheduled":
        moments = []
    return found, min(moments, default=None)


def _gives_care_plan(policy: Policy, standing: _Standing, invitation: Invitation) -> bool:
    return standing.kinds.get(invitation.agency_id or "") in policy.groups.care_plan_on_apologies


def _kept(invitation: Invitation, each: Owed, before: Request | None) -> Request:
    """What is owed as it is kept, with what was done about it before. Whom no letter reached is asked again when it
    sends apologies again.
    """
    fresh = Request(
        invitation.invitation_id,
        each.kind,
        invitation.meeting_id,
        invitation.agency_id or "",
        invitation.team_id,
        each.because,
        each.asked_at,
        each.due_at,
    )
    if before is None:
        return fresh
    if each.because == FOR_APOLOGIES:
        fresh = replace(fresh, told_sequence=before.told_sequence, failure=before.failure)
    elif before.failure is None:
        fresh = replace(fresh, told_sequence=before.told_sequence)
    return replace(fresh, reminded_at=before.reminded_at)


def _write(
    work: Work,
    meeting: Meeting,
    invitation: Invitation,
    left: Sequence[Owed],
    after: dict[str, Request],
    apologies: Apologies | None,
    outcome: _Outcome,
) -> None:
    """Ask whoever sends apologies for what has not come, once for each time of the meeting; else remind, once."""
    if meeting.state != "scheduled" or work.now >= meeting.starts_at:
        return
    reachable = may_be_written_to(meeting, invitation, work.now)
    to_ask = tuple(
        each for each in left if each.because == FOR_APOLOGIES and after[each.kind].told_sequence != invitation.sequence
    )
    for each in to_ask:
        told = invitation.sequence if reachable else after[each.kind].told_sequence
        after[each.kind] = replace(after[each.kind], told_sequence=told, failure=None if reachable else NO_ADDRESS)
    if to_ask and reachable:
        outcome.letters.append((REQUEST_LETTER, invitation, to_ask))
        return
    if not reachable:
        return
    moments = {
        each.kind: remind_at(work.policy, meeting.day, each.due_at, last_asked(each, apologies)) for each in left
    }
    to_remind = tuple(
        each for each in left if reminder_is_owed(each, moments[each.kind], after[each.kind].reminded_at, work.now)
    )
    for each in to_remind:
        after[each.kind] = replace(after[each.kind], reminded_at=work.now)
    if to_remind:
        outcome.letters.append((REMINDER_LETTER, invitation, to_remind))


async def _post(work: Work, standing: _Standing, letters: Sequence[tuple[str, Invitation, tuple[Owed, ...]]]) -> None:
    if not letters:
        return
    about = {invitation.meeting_id for _, invitation, _ in letters}
    entries: Mapping[str, Mapping[str, Entry]] = await meetings.entries_of(work.db, about)
    names = await Names.load(work.db, [invitation for _, invitation, _ in letters], entries)
    for name, invitation, some in letters:
        meeting, of_meeting = standing.meetings[invitation.meeting_id], entries.get(invitation.meeting_id, {})
        reader = for_reader(work.policy, meeting, invitation, of_meeting.get(invitation.party), names)
        params = {
            **for_all_readers(work, meeting, of_meeting, names),
            **reader,
            "invitation_id": invitation.invitation_id,
            "sequence": invitation.sequence,
            "to": invitation.address,
            "method": "request",
            "change": name,
            "stamp": work.now.isoformat(),
            "starts_at": meeting.starts_at.isoformat(),
            "ends_at": meeting.ends_at.isoformat(),
            "wanted": [
                {
                    "kind": each.kind,
                    "due_at": each.due_at.isoformat(),
                    "by": last_day(each.due_at).isoformat() if _has_a_day(meeting, each, work.now) else None,
                }
                for each in some
            ],
        }
        work.post(name, invitation.invitation_id, params)
    watch(work, about)


def _has_a_day(meeting: Meeting, each: Owed, now: datetime) -> bool:
    """Whether there is a day until which there is time, rather than none to lose."""
    return now < each.due_at < meeting.starts_at
