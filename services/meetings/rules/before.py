"""Who was asked before stays asked: only a person takes an invitation back, and nobody vanishes from the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.directory.rules import Cause, route
from services.meetings.rules.earlier import involvements_with
from services.meetings.rules.entry import (
    AGENCY_CLOSED,
    AGENCY_NOT_RECORDED,
    ASKED_BEFORE,
    ASKED_ONCE_MORE,
    CAME_BACK,
    DECIDED_BY_A_PERSON,
    EXCLUDED_BEFORE,
    FAMILY_NOT_ASKED,
    INVITED,
    INVOLVEMENT_ENDED,
    NO_LONGER_PART,
    NO_USABLE_ADDRESS,
    NOT_INVITED,
    Entry,
    Reason,
)
from services.meetings.rules.family import flagged, hold_for_illness
from services.meetings.rules.question import Question
from services.meetings.rules.words import say

# Not asked because what they were asked for is over: who was asked already stays asked.
_OVER = frozenset({INVOLVEMENT_ENDED, ASKED_ONCE_MORE})

# Reasons that are found anew each time.
_PASSING = frozenset(
    {
        *(ASKED_BEFORE, "route", "do_not_invite", "agency_closed", "no_usable_address", "agency_not_recorded"),
        *("illness_flag", "not_with", EXCLUDED_BEFORE, CAME_BACK),
    }
)


def with_those_asked_before(q: Question, entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with everyone who was asked before: still asked where that can be, else named with the reason."""
    found = {entry.party: entry for entry in entries}
    for entry in sorted(q.facts.before, key=lambda entry: entry.party):
        if not q.was_asked(entry):
            continue
        now = found.get(entry.party)
        if now is None or now.why_not in _OVER:
            found[entry.party] = _kept(q, entry, entries)
        elif now.decision != INVITED and now.why_not not in DECIDED_BY_A_PERSON:
            found[entry.party] = _marked(
                now, "The invitation that went out before stands until a person takes it back.", now.reasons[0].causes
            )
    return list(found.values())


def _marked(entry: Entry, text: str, causes: tuple[Cause, ...]) -> Entry:
    return replace(entry, reasons=(*entry.reasons, Reason(ASKED_BEFORE, text, causes)))


def _kept(q: Question, before: Entry, entries: Sequence[Entry]) -> Entry:
    reasons = tuple(reason for reason in before.reasons if reason.rule not in _PASSING)
    about = tuple(each for each in q.meeting.child_ids if each in before.child_ids)
    entry = replace(before, decision=INVITED, why_not=None, reasons=reasons, back=None)
    if not about:
        text = (
            "Was asked about a child whom the meeting is not about any more. The invitation stands until a person "
            "takes it back, and nothing more is sent."
        )
        return _stopped(entry, NO_LONGER_PART, text, (q.meeting.cause,))
    entry = replace(entry, child_ids=about)
    if before.person_id is not None:
        return _kept_person(q, entry)
    return _kept_agency(q, entry, entries)


def _stopped(entry: Entry, why_not: str, text: str, causes: tuple[Cause, ...]) -> Entry:
    return _marked(replace(entry, decision=NOT_INVITED, why_not=why_not, address=None), text, causes)


def _kept_person(q: Question, entry: Entry) -> Entry:
    """Family is on the safe side: who is not found as family any more gets nothing until a person has looked."""
    children = flagged(q)
    causes = tuple(child.cause for child in q.children if child.child_id in entry.child_ids)
    if q.kind.family == "never":
        text = "Was asked before; this kind of meeting asks no family. Say how they are told."
        return _stopped(entry, FAMILY_NOT_ASKED, text, (q.meeting.cause,))
    text = "Was asked before, and would not be asked by what is recorded now: say whether they are still to come."
    stopped = _stopped(entry, NO_LONGER_PART, text, causes)
    return hold_for_illness(stopped, children) if children else stopped


def _kept_agency(q: Question, entry: Entry, entries: Sequence[Entry]) -> Entry:
    agency = q.facts.agencies.get(entry.agency_id or "")
    if agency is None:
        return _stopped(entry, AGENCY_NOT_RECORDED, "Was asked before, and is not recorded now.", (q.meeting.cause,))
    text, causes = _why_kept(q, entry, entries)
    if agency.closed_on is not None and q.is_closed(agency):
        entry = _and(
            entry, Reason("agency_closed", f"{agency.name} is closed from {say(agency.closed_on)}.", (agency.cause,))
        )
        return _stopped(entry, AGENCY_CLOSED, text, causes)
    way = route(agency, entry.team_id, (), None, q.facts.bounced)
    if way.came_back:
        return _marked(q.came_back(entry, way.came_back, way.text, (agency.cause, *way.causes)), text, causes)
    if way.address is None:
        entry = _and(entry, Reason("no_usable_address", way.text, (agency.cause,)))
        return _stopped(entry, NO_USABLE_ADDRESS, text, causes)
    ended = any(reason.rule in {"involved", "waiting_list", "parents_services"} for reason in entry.reasons)
    counts = entry.counts_for_quoracy and not ended
    if way.causes:
        entry = _and(entry, Reason("route", way.text, (agency.cause, *way.causes)))
    return _marked(replace(entry, address=way.address, counts_for_quoracy=counts), text, causes)


def _and(entry: Entry, reason: Reason) -> Entry:
    return replace(entry, reasons=(*entry.reasons, reason))


def _why_kept(q: Question, entry: Entry, entries: Sequence[Entry]) -> tuple[str, tuple[Cause, ...]]:
    """What has changed since the agency was asked, and the events that say so."""
    name = q.name(entry.agency_id or "")
    stays = "Who was asked stays asked until a person says otherwise."
    for other in entries:
        if other.agency_id == entry.agency_id and other.decision == INVITED and other.team_id != entry.team_id:
            agency = q.facts.agencies.get(entry.agency_id or "")
            team = next((t.name for t in agency.teams if t.team_id == other.team_id), None) if agency else None
            text = f"{name} is asked through {team or 'its own address'} now. {stays}"
            return text, other.reasons[0].causes
    for child in q.children:
        if child.child_id in entry.child_ids:
            own = involvements_with(q, child, entry.agency_id or "")
            if own and not any(each.counts_on(q.meeting.day) for each in own):
                last = own[-1]
                ended = f" on {say(last.until)}" if last.until else ""
                text = f"The involvement of {name} with {child.initials} or the family has ended{ended}. {stays}"
                return text, (last.cause,)
    return f"{name} was asked before, for a reason that does not hold any more. {stays}", (q.meeting.cause,)
