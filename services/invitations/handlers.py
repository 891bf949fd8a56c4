"""What a resolved meeting owes to those who are asked, and what becomes of a message that the post room has tried."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.outcomes import InvitationSent, InvitationUndelivered
from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation import outbox, timers
from services.foundation.letters import NOT_WANTED, Attempt, watch
from services.foundation.outbox import OutboxRow
from services.foundation.work import Derived, Work
from services.invitations import store
from services.invitations.readers import Names, for_all_readers, for_reader
from services.invitations.rules import (
    BOUNCED,
    CANCEL,
    CANCELLED,
    DELIVERED,
    QUEUED,
    REQUEST,
    UNDELIVERED,
    Change,
    Invitation,
    Step,
    Told,
    once_more,
    owed,
    silenced,
    withdraw,
)
from services.meetings import store as meetings
from services.meetings.handlers import RESOLVE_LATER, Closed, Resolved
from services.meetings.rules import ILLNESS_FLAG, Entry, Meeting

LETTER = store.LETTER
SEND_AGAIN = "invitations.send_again"
STANDS = "invitations.stands"  # what was sent before stands, and a message that said no more was not wanted any more
ASKING = frozenset({"new", "again", "time"})


@dataclass(frozen=True, slots=True)
class SendAgain:
    """An invitation is to go once more as it stands. `change` says why, `before` what the reader answered to, where
    that was another time, and `answer_by` by when an answer is wanted.
    """

    meeting_id: str
    party: str
    change: Change
    before: Told | None = None
    answer_by: date | None = None


async def write(work: Work, events: Sequence[Derived]) -> None:
    """Write what resolved meetings owe: invitations to newcomers, updates, and what a person took back."""
    resolved: dict[str, Resolved] = {event.data.meeting.meeting_id: event.data for event in events}
    standing = await store.of_meetings(work.db, resolved)
    steps: list[Step] = []
    silent: list[str] = []
    for meeting_id, each in resolved.items():
        invited = standing.get(meeting_id, {})
        steps += owed(each.meeting, each.after, invited, work.now)
        silent += silenced(each.after, invited)
    await store.stop_address(work.db, silent)
    steps = await _take_back(work, steps)
    await _post_all(
        work,
        steps,
        {meeting_id: each.meeting for meeting_id, each in resolved.items()},
        {meeting_id: each.after for meeting_id, each in resolved.items()},
        standing,
    )


async def close(work: Work, events: Sequence[Derived]) -> None:
    """Cancel every invitation to a meeting that will not take place."""
    cancelled: dict[str, Meeting] = {}
    for event in events:
        closed: Closed = event.data
        if closed.meeting.state == CANCELLED and closed.meeting.ends_at > work.now:
            cancelled[closed.meeting.meeting_id] = closed.meeting
    standing = await store.of_meetings(work.db, cancelled)
    steps = [
        withdraw(invitation, work.now, "cancelled")
        for invited in standing.values()
        for invitation in invited.values()
        if invitation.state != CANCELLED
    ]
    entries = await meetings.entries_of(work.db, {step.invitation.meeting_id for step in steps})
    await _post_all(work, steps, cancelled, entries, standing)


async def send_again(work: Work, events: Sequence[Derived]) -> None:
    """Send invitations once more, as far as their readers are still to be told what stands in them."""
    wanted: list[SendAgain] = [event.data for event in events]
    about = await meetings.meetings_by_id(work.db, {each.meeting_id for each in wanted})
    standing = await store.of_meetings(work.db, about)
    entries = await meetings.entries_of(work.db, about)
    steps: dict[str, Step] = {}
    for each in wanted:
        invitation = standing.get(each.meeting_id, {}).get(each.party)
        if invitation is None or invitation.invitation_id in steps:
            continue
        entry = entries.get(each.meeting_id, {}).get(each.party)
        step = once_more(about[each.meeting_id], entry, invitation, each.change, work.now, each.before, each.answer_by)
        if step is not None:
            steps[invitation.invitation_id] = step
    await _post_all(work, list(steps.values()), about, entries, standing)


async def _take_back(work: Work, steps: Sequence[Step]) -> list[Step]:
    """Keep from going what was written for those whose invitation a person took back. Whoever was never told of the
    meeting is not told of it by a cancellation either: that one goes to no address.
    """
    withdrawn = [step.invitation.invitation_id for step in steps if step.change == "withdrawn"]
    told = await outbox.take_back(work.db, withdrawn, work.now)
    return [
        replace(step, invitation=replace(step.invitation, address=None))
        if step.change == "withdrawn" and step.invitation.invitation_id not in told
        else step
        for step in steps
    ]


async def _post_all(
    work: Work,
    steps: Sequence[Step],
    about: Mapping[str, Meeting],
    entries: Mapping[str, Mapping[str, Entry]],
    standing: Mapping[str, Mapping[str, Invitation]],
) -> None:
    """Keep invitations as they stand after the steps, and queue the message of each."""
    fresh: list[Invitation] = []
    changed: list[Invitation] = []
    for step in steps:
        known = step.invitation.party in standing.get(step.invitation.meeting_id, {})
        (changed if known else fresh).append(step.invitation)
    await store.put(work.db, fresh, changed, work.now)
    await _tell_of_unsaid(work, steps, about)
    names = await Names.load(work.db, [step.invitation for step in steps], entries)
    shared: dict[str, dict[str, Any]] = {}
    for step in steps:
        invitation = step.invitation
        if invitation.address is None:
            continue
        meeting, of_meeting = about[invitation.meeting_id], entries.get(invitation.meeting_id, {})
        if invitation.meeting_id not in shared:
            shared[invitation.meeting_id] = for_all_readers(work, meeting, of_meeting, names)
        reader = for_reader(work.policy, meeting, invitation, of_meeting.get(invitation.party), names)
        work.post(LETTER, invitation.invitation_id, shared[invitation.meeting_id] | _about(step) | reader)
    watch(work, shared)


async def _tell_of_unsaid(work: Work, steps: Sequence[Step], about: Mapping[str, Meeting]) -> None:
    """Whoever was asked, and may be sent nothing any more, does not learn of a cancellation: tell of that."""
    unsaid = [step.invitation for step in steps if step.method == CANCEL and step.invitation.address is None]
    known = await store.standing(work.db, [invitation.invitation_id for invitation in unsaid])
    for invitation in unsaid:
        if known[invitation.invitation_id].asked_at is None:
            continue
        outcome = InvitationUndelivered(
            meeting_id=invitation.meeting_id,
            invitation_id=invitation.invitation_id,
            agency_id=invitation.agency_id,
            person_id=invitation.person_id,
            sequence=invitation.sequence,
            method=CANCEL,
            at=work.now,
            reason="not_permitted",
        )
        key = about[invitation.meeting_id].partition_key
        work.emit(Derived("quorate.invitation.undelivered.v1", invitation.meeting_id, key, outcome))


def _about(step: Step) -> dict[str, Any]:
    invitation = step.invitation
    return {
        "invitation_id": invitation.invitation_id,
        "to": invitation.address,
        "method": step.method,
        "change": step.change,
        "changed": list(step.changed),
        "was": step.before.starts_at.isoformat() if step.before else None,
        "answer_by": step.answer_by.isoformat() if step.answer_by else None,
        "sequence": invitation.sequence,
        "revision": invitation.revision,
        "stamp": invitation.stamp.isoformat(),
        "starts_at": invitation.told.starts_at.isoformat(),
        "ends_at": invitation.told.ends_at.isoformat(),
        "place": invitation.told.place,
        "joining_url": invitation.told.joining_url,
    }


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[int, str]:
    """Which messages may not go any more: to an address that is not the right one now, after the meeting has ended, or
    that one is taken back of which its reader never heard: it was in a mailer's hand at the time, and refused.
    """
    addresses = await store.addresses(db, [row.key for row in rows])
    forbidden = await _forbidden(db, rows, now)
    unheard = await outbox.first_under_their_key(db, [row for row in rows if row.params.get("change") == "withdrawn"])
    found = {}
    for row in rows:
        address = addresses.get(row.key)
        if address is None or address != row.params.get("to"):
            found[row.outbox_id] = "not_permitted"
        elif row.key in forbidden:
            found[row.outbox_id] = forbidden[row.key]
        elif row.outbox_id in unheard:
            found[row.outbox_id] = NOT_WANTED
        elif "ends_at" in row.params and datetime.fromisoformat(row.params["ends_at"]) <= now:
            found[row.outbox_id] = "too_late"
    return found


async def _forbidden(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[str, str]:
    """The invitations of which these messages may not go, with the reason: the address is none that the directory
    would have them sent to now, an agency's is one that somebody of the family has given, or the meeting has been held.

    Resolution sees to that for whoever is asked to a meeting to come. It does not look again at a meeting that was
    cancelled or has begun, at whom a person took back, or, for a while, at meetings that one change concerns by the
    hundred.
    """
    kept_up = await meetings.still_to_come(db, {row.params.get("meeting_id", "") for row in rows}, now)
    kept_up -= await timers.waiting(db, RESOLVE_LATER, kept_up)
    some = {
        row.key: row.params.get("to")
        for row in rows
        if row.params.get("method") == CANCEL or row.params.get("meeting_id") not in kept_up
    }
    if not some:
        return {}
    whose = await store.standing(db, some)
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in whose.values() if each.agency_id})
    relatives = await directory.relatives_by_id(db, {each.person_id for each in whose.values() if each.person_id})
    households = await _households(db, {each.meeting_id for each in whose.values()})
    allowed: dict[str, frozenset[str | None]] = {}
    for each in whose.values():
        agency, relative = agencies.get(each.agency_id or ""), relatives.get(each.person_id or "")
        household = households.get(each.meeting_id, _NOBODY)
        if agency is not None:
            own = (address for address in secure_addresses(agency) if address.lower() not in household.addresses)
            allowed[each.invitation_id] = frozenset(own)
        elif relative is not None and not household.flagged:
            allowed[each.invitation_id] = frozenset({relative.email})
    held = await meetings.held_among(db, {each.meeting_id for each in whose.values()})
    over = {each.invitation_id: "too_late" for each in whose.values() if each.meeting_id in held}
    return over | {key: "not_permitted" for key, to in some.items() if to not in allowed.get(key, ())}


@dataclass(frozen=True, slots=True)
class _Household:
    """The children of a meeting and those of their households: whether one has a flag that lets nothing go to family by
    itself, and which addresses, in small letters, their relatives gave.
    """

    flagged: bool
    addresses: frozenset[str]


_NOBODY = _Household(False, frozenset())


async def _households(db: AsyncConnection, meeting_ids: Collection[str]) -> dict[str, _Household]:
    found = await meetings.meetings_by_id(db, meeting_ids)
    own = await directory.children_by_id(db, {each for m in found.values() for each in m.child_ids})
    children = await directory.children_of_families(db, {child.family_id for child in own.values()})
    relatives = await directory.relatives_of_children(db, {child.child_id for child in children})
    households = {}
    for meeting_id, meeting in found.items():
        families = {own[each].family_id for each in meeting.child_ids if each in own}
        of_them = [child for child in children if child.family_id in families]
        ids = {child.child_id for child in of_them}
        given = {
            each.email.lower()
            for each in relatives
            if each.email and any(tie.child_id in ids for tie in each.relationships)
        }
        flagged = any(ILLNESS_FLAG in child.flags for child in of_them)
        households[meeting_id] = _Household(flagged, frozenset(given))
    return households


_AS_IF_WRITTEN = {"method": REQUEST, "change": "new"}


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending ended, and tell. That a message failed which a later one has replaced by then is not
    told: how things stand is for the later one to say. A row that lacks something counts as the latest message. Where
    one was not wanted any more, the invitation stands as it did before that was written.
    """
    standing = await store.standing(work.db, [attempt.row.key for attempt in attempts])
    asked: list[tuple[str, datetime]] = []
    done: list[str] = []
    failed: list[tuple[str, str]] = []
    for attempt in attempts:
        invitation = standing.get(attempt.row.key)
        if invitation is None or attempt.state == "pending":
            continue
        params = _AS_IF_WRITTEN | {
            "sequence": invitation.sequence,
            "revision": invitation.revision,
            "partition_key": invitation.meeting_id,
            **attempt.row.params,
        }
        latest = (params["sequence"], params["revision"]) == (invitation.sequence, invitation.revision)
        about = {
            "meeting_id": invitation.meeting_id,
            "invitation_id": invitation.invitation_id,
            "agency_id": invitation.agency_id,
            "person_id": invitation.person_id,
            "sequence": params["sequence"],
            "method": params["method"],
            "at": attempt.at,
        }
        if attempt.state == "sent":
            if _came_back_already(invitation, params):
                continue
            unread = invitation.asked_at is None or invitation.failure is not None
            asks = params["change"] in ASKING or unread
            outcome: Any = InvitationSent(**about, revision=params["revision"], asks=asks)
            if params["method"] == REQUEST:
                asked.append((invitation.invitation_id, attempt.at))
                if latest and invitation.state != DELIVERED:
                    done.append(invitation.invitation_id)
            work.emit(Derived("quorate.invitation.sent.v1", invitation.meeting_id, params["partition_key"], outcome))
        elif attempt.reason == NOT_WANTED:
            if latest and invitation.state == QUEUED and invitation.asked_at is not None:
                asked.append((invitation.invitation_id, invitation.asked_at))
                done.append(invitation.invitation_id)
                outcome = InvitationSent(**about, revision=params["revision"], asks=False)
                work.emit(Derived(STANDS, invitation.meeting_id, params["partition_key"], outcome))
        elif latest:
            outcome = InvitationUndelivered(**about, code=attempt.code, reason=attempt.reason)
            if params["method"] != CANCEL:
                failed.append((invitation.invitation_id, attempt.reason or "gave_up"))
            work.emit(
                Derived("quorate.invitation.undelivered.v1", invitation.meeting_id, params["partition_key"], outcome)
            )
    await store.note_sent(work.db, asked, done)
    await store.note_failed(work.db, failed)


def _came_back_already(invitation: Row[Any], params: Mapping[str, Any]) -> bool:
    """Whether what was sent came back before it was noted as sent, as it may within a moment. What has been written
    since then, to another address, is not what came back.
    """
    stands = invitation.state == UNDELIVERED or params.get("to") != invitation.address
    return bool(invitation.failure == BOUNCED and stands)
