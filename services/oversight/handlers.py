"""Raises and resolves exceptions as meetings are resolved, messages go out or fail, and meetings begin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from schemas.outcomes import (
    ExceptionRaised,
    ExceptionResolved,
    InvitationDelivered,
    InvitationSent,
    InvitationUndelivered,
)
from services.directory import store as directory
from services.foundation.clock import london_date
from services.foundation.work import Derived, Work
from services.foundation.working_days import working_days_between
from services.invitations import store as invitations
from services.invitations.rules import QUEUED, invitation_id
from services.meetings import store as meetings
from services.meetings.handlers import Closed, Resolved
from services.meetings.rules import CAME_BACK, DECIDED_BY_A_PERSON, INVITED, Entry, Meeting, say
from services.oversight import store
from services.oversight.answered import answered_all_the_same
from services.oversight.rules import (
    BEGUN,
    ELSEWHERE,
    INVITED_LATE,
    NO_USABLE_ADDRESS,
    NOT_INVITED,
    NOWHERE,
    NOWHERE_FAMILY,
    OF_RESOLUTION,
    OUTLIVES_ITS_MEETING,
    RESOLVED,
    UNDELIVERED,
    Finding,
    Unread,
    about_letter_back,
    came_back,
    findings,
    not_reached,
)
from services.participation.rules.missing import Reviewed


async def note_left_out(work: Work, events: Sequence[Derived]) -> None:
    """Raise an exception for everyone expected who is not asked; resolve those that hold no more, and what tells to
    reach somebody whom a person keeps out by now.
    """
    resolved: list[Resolved] = [event.data for event in events]
    wanted = {
        e.agency_id for each in resolved for e in each.resolution.entries if e.decision != INVITED and e.agency_id
    }
    agencies = await directory.agencies_by_id(work.db, wanted)

    def name(agency_id: str) -> str:
        return agencies[agency_id].name if agency_id in agencies else agency_id

    found = [finding for each in resolved for finding in findings(each.meeting, each.resolution, work.policy, name)]
    found += await _asked_where_nobody_is(work, resolved)
    kept_out = {each for one in resolved for each in _about_the_kept_out(one)}
    # Whom nobody had asked when a meeting began stays among the exceptions, whatever is learnt afterwards.
    to_come = [each.meeting for each in resolved if each.meeting.starts_at > work.now]
    begun = [each.meeting for each in resolved if each.meeting.starts_at <= work.now]
    for some, kinds in ((to_come, OF_RESOLUTION), (begun, OF_RESOLUTION - {NOT_INVITED})):
        theirs = {meeting.meeting_id for meeting in some}
        await reconcile(work, [f for f in found if f.meeting_id in theirs], some, kinds, kept_out)


def _about_the_kept_out(resolved: Resolved) -> Iterator[str]:
    """The exceptions that what was sent to those whom a person has kept out just now did not reach them. That they were
    asked, and do not know that they are not any more, is told of afterwards, once it is known.
    """
    for party, entry in resolved.after.items():
        if _is_kept_out(entry) and not _is_kept_out(resolved.before.get(party)):
            meeting_id = resolved.meeting.meeting_id
            name = invitation_id(meeting_id, party)
            for about in (f"invitation:{name}", about_letter_back(name)):
                yield Finding(UNDELIVERED, meeting_id, about, "").exception_id


def _is_kept_out(entry: Entry | None) -> bool:
    return entry is not None and entry.decision != INVITED and entry.why_not in DECIDED_BY_A_PERSON


async def _asked_where_nobody_is(work: Work, resolved: Sequence[Resolved]) -> list[Finding]:
    """Who was asked at an address that has been found since to reach nobody, and has no other. Whose own message came
    back is told of as undelivered.
    """
    gone = [(each.meeting, entry) for each in resolved for entry in each.after.values() if entry.back == "for_good"]
    if not gone:
        return []
    standing = await invitations.of_meetings(work.db, {meeting.meeting_id for meeting, _ in gone})
    found = []
    for meeting, entry in gone:
        invitation = standing.get(meeting.meeting_id, {}).get(entry.party)
        if invitation is None or not invitation.came_back:
            text = "They were asked, and may not have read it. " + " ".join(
                reason.text for reason in entry.reasons if reason.rule == CAME_BACK
            )
            found.append(
                Finding(NO_USABLE_ADDRESS, meeting.meeting_id, entry.party, text, entry.agency_id, entry.person_id)
            )
    return found


async def note_closed(work: Work, events: Sequence[Derived]) -> None:
    """A meeting that will not take place has no exceptions, but for what outlives it."""
    closed: list[Closed] = [event.data for event in events]
    cancelled = [each.meeting for each in closed if each.meeting.state == "cancelled"]
    await reconcile(work, [], cancelled, None)


async def note_sent(work: Work, events: Sequence[Derived]) -> None:
    """A message went out: nothing is undelivered any more, and it may have gone out late."""
    sent: list[InvitationSent] = [event.data for event in events if event.data.method == "request"]
    found_meetings = await meetings.meetings_by_id(work.db, {each.meeting_id for each in sent})
    standing = await store.of_meetings(work.db, found_meetings)
    troubled = {row["meeting_id"] for row in standing.values() if row["kind"] in {UNDELIVERED, INVITED_LATE}}
    late: list[tuple[InvitationSent, str]] = []
    over: set[str] = set()
    for each in sent:
        meeting = found_meetings.get(each.meeting_id)
        if meeting is None:
            continue
        asked = each.asks and meeting.state == "scheduled"
        text = _late(work, meeting, each) if asked else None
        if text is not None:
            late.append((each, text))
        if each.meeting_id in troubled:
            over.add(_about(UNDELIVERED, each).exception_id)
            if asked and text is None:
                over.add(_about(INVITED_LATE, each).exception_id)
    known = await meetings.known_since(work.db, [found_meetings[each.meeting_id] for each, _ in late]) if late else {}
    rows = await invitations.rows_by_id(work.db, [each.invitation_id for each, _ in late])
    raised = []
    for each, text in late:
        since = known.get((each.meeting_id, rows[each.invitation_id]["party"]))
        told = f" That they are to be asked for then has been known since {say(london_date(since))}." if since else ""
        raised.append(_about(INVITED_LATE, each, text + told))
    await apply(work, raised, over, standing, found_meetings)


def _about(kind: str, message: InvitationSent | InvitationDelivered | InvitationUndelivered, text: str = "") -> Finding:
    """A finding about the invitation that a message belongs to."""
    about = f"invitation:{message.invitation_id}"
    return Finding(kind, message.meeting_id, about, text, message.agency_id, message.person_id)


def _late(work: Work, meeting: Meeting, sent: InvitationSent) -> str | None:
    """Why an invitation was late, in words; None where it was not."""
    today = work.policy.on(meeting.day)
    least = today.number(today.kind(meeting.kind).notice)
    asked_on = london_date(sent.at)
    if least is None:
        return None
    if least.unit == "working_days":
        given = working_days_between(asked_on, meeting.day)
    else:
        given = max(0, (meeting.day - asked_on).days) // (7 if least.unit == "weeks" else 1)
    if given >= least.value:
        return None
    unit = least.unit.replace("_", " ")
    notice = f"the notice was {given} {unit if given != 1 else unit[:-1]}, and at least {least.value:g} are due"
    return f"Asked on {say(asked_on)} for {say(meeting.day)}: {notice}."


async def note_undelivered(work: Work, events: Sequence[Derived]) -> None:
    """A message did not reach anyone: that is not an invitation, unless they have answered it; or it was to tell
    someone who had been asked that the meeting will not take place.
    """
    failed: list[InvitationUndelivered] = [event.data for event in events]
    found_meetings = await meetings.meetings_by_id(work.db, {each.meeting_id for each in failed})
    standing = await store.of_meetings(work.db, found_meetings)
    known = await invitations.standing(work.db, [each.invitation_id for each in failed])
    knew = await answered_all_the_same(work.db, found_meetings)
    found = [
        _about(UNDELIVERED, each, _failed(work, found_meetings[each.meeting_id], known[each.invitation_id], each))
        for each in failed
        if each.meeting_id in found_meetings
        and (each.method == "request" or known[each.invitation_id].asked_at is not None)
        and each.invitation_id not in knew
    ]
    over = {_about(UNDELIVERED, each).exception_id for each in failed if each.invitation_id in knew}
    await apply(work, found, over, standing, found_meetings)


def _failed(work: Work, meeting: Meeting, invitation: Row[Any], failed: InvitationUndelivered) -> str:
    """Why a message reached nobody and what happens next, in words."""
    cancels, takes_place = failed.method == "cancel", meeting.state != "cancelled"
    if failed.status is None:
        return not_reached(failed.reason, failed.code, cancels=cancels, takes_place=takes_place)
    if invitation.sequence > failed.sequence and invitation.state == QUEUED:
        follows = ELSEWHERE
    elif meeting.starts_at <= work.now:
        follows = BEGUN
    else:
        follows = NOWHERE_FAMILY if failed.person_id else NOWHERE
    return came_back(failed.status, follows, cancels=cancels, takes_place=takes_place)


async def note_delivered(work: Work, events: Sequence[Derived]) -> None:
    """A message is in the mailbox that it was meant for: nothing is undelivered any more."""
    delivered: list[InvitationDelivered] = [event.data for event in events if event.data.method == "request"]
    found_meetings = await meetings.meetings_by_id(work.db, {each.meeting_id for each in delivered})
    standing = await store.of_meetings(work.db, found_meetings)
    over = {_about(UNDELIVERED, each).exception_id for each in delivered if each.meeting_id in found_meetings}
    await apply(work, [], over, standing, found_meetings)


async def note_missing(work: Work, events: Sequence[Derived]) -> None:
    """What was due from those who were asked was looked at: raise what is missing, resolve what is not any more."""
    reviewed: list[Reviewed] = [event.data for event in events]
    last = {(each.meeting.meeting_id, each.kinds): each for each in reviewed}
    about = {each.meeting.meeting_id: each.meeting for each in last.values()}
    found = [
        Finding(missing.kind, meeting_id, missing.about, missing.text, missing.agency_id, missing.person_id)
        for (meeting_id, _), each in last.items()
        for missing in each.missing
    ]
    still = {finding.exception_id for finding in found}
    looked_at = {(meeting_id, kind) for meeting_id, kinds in last for kind in kinds}
    standing = await store.of_meetings(work.db, about)
    over = {each for each, row in standing.items() if (row["meeting_id"], row["kind"]) in looked_at} - still
    await apply(work, found, over, standing, about)


async def note_mail_waits(work: Work, events: Sequence[Derived]) -> None:
    """Messages came in that only a person can make something of."""
    unread: list[Unread] = [event.data for event in events]
    found = [each.finding for each in unread]
    standing = await store.by_ids(work.db, [finding.exception_id for finding in found])
    about = await meetings.meetings_by_id(work.db, {each.meeting_id for each in unread if each.meeting_id})
    await apply(work, found, set(), standing, about)


async def note_mail_settled(work: Work, events: Sequence[Derived]) -> None:
    """A person settled messages."""
    unread: list[Unread] = [event.data for event in events]
    over = {each.finding.exception_id for each in unread}
    standing = await store.by_ids(work.db, over)
    about = await meetings.meetings_by_id(work.db, {each.meeting_id for each in unread if each.meeting_id})
    await apply(work, [], over, standing, about)


async def reconcile(
    work: Work,
    found: Sequence[Finding],
    some: Sequence[Meeting],
    kinds: frozenset[str] | None,
    also: Collection[str] = (),
) -> None:
    """Make the exceptions of these kinds (None: of every kind but those that outlive a meeting) be the ones found, for
    these meetings; of other kinds, those of these names are over `also`.
    """
    by_id = {meeting.meeting_id: meeting for meeting in some}
    standing = await store.of_meetings(work.db, by_id)
    still = {finding.exception_id for finding in found}
    of_these = {
        each
        for each, row in standing.items()
        if (row["kind"] not in OUTLIVES_ITS_MEETING if kinds is None else row["kind"] in kinds)
    }
    over = of_these.union(also) - still
    await apply(work, found, over, standing, by_id)


async def apply(
    work: Work,
    found: Sequence[Finding],
    over: Iterable[str],
    standing: Mapping[str, Mapping[Any, Any]],
    about: Mapping[str, Meeting],
) -> None:
    """Raise what was found and does not stand, say anew what reads otherwise now, resolve what is over; and tell."""
    distinct = {finding.exception_id: finding for finding in found}
    raised = [f for each, f in distinct.items() if each not in standing or standing[each]["state"] == RESOLVED]
    await store.raise_all(work.db, raised, standing, work.now)
    reworded = {
        each: f.text
        for each, f in distinct.items()
        if each in standing and standing[each]["state"] != RESOLVED and standing[each]["text"] != f.text
    }
    await store.reword(work.db, reworded)
    closed = [standing[each] for each in over if each in standing and standing[each]["state"] != RESOLVED]
    await store.resolve(work.db, [row["exception_id"] for row in closed], work.now)
    for finding in raised:
        _tell(
            work,
            "quorate.exception.raised.v1",
            ExceptionRaised(
                exception_id=finding.exception_id,
                kind=finding.kind,
                meeting_id=finding.meeting_id,
                agency_id=finding.agency_id,
                person_id=finding.person_id,
                child_id=finding.child_id,
            ),
            about,
        )
    for row in closed:
        _tell(
            work,
            "quorate.exception.resolved.v1",
            ExceptionResolved(
                exception_id=row["exception_id"],
                kind=row["kind"],
                meeting_id=row["meeting_id"],
                agency_id=row["agency_id"],
                person_id=row["person_id"],
                child_id=row["child_id"],
            ),
            about,
        )


def _tell(work: Work, name: str, outcome: ExceptionRaised | ExceptionResolved, about: Mapping[str, Meeting]) -> None:
    meeting = about.get(outcome.meeting_id or "")
    key = meeting.partition_key if meeting is not None else outcome.exception_id
    work.emit(Derived(name, outcome.exception_id, key, outcome))
