"""Everyone who is asked to a meeting, everyone who is not, and the reasons: the rules put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from schemas.policy import Policy
from services.directory.rules import Agency, Child, Route, route
from services.meetings.rules import agencies, earlier
from services.meetings.rules.before import with_those_asked_before
from services.meetings.rules.entry import (
    AGENCY_CLOSED,
    AGENCY_NOT_RECORDED,
    EXCLUDED_BEFORE,
    INVITED,
    NO_USABLE_ADDRESS,
    NOT_INVITED,
    Entry,
    Reason,
    Resolution,
    left_out,
)
from services.meetings.rules.expected import expected
from services.meetings.rules.family import family
from services.meetings.rules.meeting import Meeting
from services.meetings.rules.question import Ask, Facts, Question
from services.meetings.rules.words import say

_ADULT = 18 * 12

# The rules that a policy names, but for "earlier_invitees", which comes after all others, and "siblings_considered".
RULES: dict[str, Callable[[Question, Child], None]] = {
    "involved": agencies.by_involvement,
    "parents_services": agencies.by_parents,
    "placement_area": agencies.by_placement,
    "transition": agencies.by_age,
    "in_hospital": agencies.by_hospital,
    "core_group_members": earlier.by_core_group,
    "transferring_authority": agencies.by_transfer,
}

_DECISIONS = {
    "childs_wish": "it is the child's wish",
    "chairs_restriction": "the chair has restricted who comes",
    "conflict_of_interest": "there is a conflict of interest",
    "duplicate": "they are asked already",
}


def resolve(meeting: Meeting, facts: Facts, policy: Policy) -> Resolution:
    """Everyone who is asked to `meeting`, everyone who is not, and the reasons.

    The same facts give the same resolution in whatever order they come; and asked again with its own entries as those
    that stood before, it gives itself.
    """
    q = Question(meeting, facts, policy.on(meeting.day), policy)
    for child in q.children:
        for rule in q.kind.rules:
            if rule in RULES:
                RULES[rule](q, child)
    agencies.by_coordinator(q)
    for child in q.children:
        for name in q.kind.expects:
            # An area's own expectation may not count yet on the day of the meeting.
            if name in q.today.expectations:
                expected(q, child, q.today.expectations[name])
    q.settle_local_asks()
    if "earlier_invitees" in q.kind.rules or meeting.follows is not None:
        for child in q.children:
            earlier.by_earlier_meetings(q, child)
    found = [_excluded_before(q, _restricted(q, entry)) for entry in (*_agencies(q), *_gaps(q), *family(q))]
    entries = [_excluded_before(q, _restricted(q, entry)) for entry in with_those_asked_before(q, found)]
    return Resolution(
        tuple(sorted(entries, key=lambda entry: (entry.decision, entry.kind, entry.party))),
        _siblings(q),
        tuple(each for each in meeting.child_ids if each not in facts.children),
    )


def _agencies(q: Question) -> list[Entry]:
    """One entry for each team or agency that is asked, with all the reasons for it."""
    by_agency: dict[str, list[Ask]] = {}
    for ask in q.asks:
        if ask.agency_id is not None:
            by_agency.setdefault(ask.agency_id, []).append(ask)
    entries = []
    for agency_id, asks in by_agency.items():
        # Reasons not to ask count only where there is none to ask.
        asks = [ask for ask in asks if ask.why_not is None] or asks
        agency = q.facts.agencies.get(agency_id)
        if agency is None:
            text = f"No agency with the id {agency_id} is recorded."
            reason = Reason("agency_not_recorded", text, (q.meeting.cause,))
            entries.append(_not_asked(q, asks[0].kind, agency_id, None, AGENCY_NOT_RECORDED, asks, reason))
        elif agency.closed_on is not None and q.is_closed(agency):
            reason = Reason("agency_closed", f"{agency.name} is closed from {say(agency.closed_on)}.", (agency.cause,))
            entries.append(_not_asked(q, agency.kind, agency_id, None, AGENCY_CLOSED, asks, reason))
        elif asks[0].why_not is not None:
            entries.append(_not_asked(q, agency.kind, agency_id, asks[0].team_id, asks[0].why_not, asks, None))
        else:
            entries += [_asked(q, agency, team_id, some) for team_id, some in _by_team(q, agency, asks).items()]
    return entries


def _by_team(q: Question, agency: Agency, asks: Sequence[Ask]) -> dict[str | None, list[tuple[Ask, Route | None]]]:
    """The asks of one agency by the team that each goes to, with the way found.

    An involvement says which team is right for a child. What is asked of the agency otherwise goes to the team found
    so, or else to the team that an earlier meeting asked.
    """
    found: dict[str | None, list[tuple[Ask, Route | None]]] = {}
    of_child: dict[str | None, str | None] = {}
    for ask in sorted(asks, key=lambda ask: (ask.transition, ask.involvement is None, ask.team_id is None)):
        child_id = ask.reason.child_id
        if ask.involvement is None and not ask.transition:
            if child_id in of_child:
                found[of_child[child_id]].append((ask, None))
                continue
            if found and (child_id is None or ask.team_id is None):
                next(iter(found.values())).append((ask, None))
                continue
        way = _way(q, agency, ask)
        found.setdefault(way.team_id, []).append((ask, way))
        if not ask.transition:
            of_child.setdefault(child_id, way.team_id)
    return found


def _way(q: Question, agency: Agency, ask: Ask) -> Route:
    """Where to: transition asks go by that route alone, others by involvement, circumstance and status."""
    bounced = q.facts.bounced
    if ask.transition:
        return route(agency, None, ("transition",), None, bounced)
    child = q.facts.children.get(ask.reason.child_id or "")
    circumstances = child.circumstances if child else ()
    if ask.involvement is None:
        return route(agency, ask.team_id, circumstances, ask.status, bounced)
    if child is None or ask.involvement.person_id != child.child_id:
        circumstances = ()  # the service is a parent's
    return route(agency, ask.involvement.team_id, circumstances, ask.involvement.status, bounced)


def _asked(q: Question, agency: Agency, team_id: str | None, asks: Sequence[tuple[Ask, Route | None]]) -> Entry:
    """The entry of an agency or team that is asked; not asked after all where it has no address."""
    ways = [way for _, way in asks if way is not None]
    way = next((each for each in ways if each.address), ways[0])
    if any(each.lower() in q.facts.family_addresses for each in (way.address, *way.came_back) if each):
        text = f"The address on record for {agency.name} is one that a member of the family gave: ask it for its own."
        way = Route(way.team_id, None, text)
        ways = [way]
    address = way.address
    rule = "route" if address else "no_usable_address"
    said = [Reason(rule, each.text, (agency.cause, *each.causes)) for each in ways if each.text and not each.came_back]
    reasons = tuple(dict.fromkeys([*(ask.reason for ask, _ in asks), *said]))
    child_ids = _about(q, [ask for ask, _ in asks])
    involvements = [ask.involvement for ask, _ in asks if ask.involvement]
    if involvements:
        counts = any(each.status == "open" and each.direct_contact is not False for each in involvements)
    else:
        counts = any(ask.counts for ask, _ in asks)
    workers = sorted({each.key_worker for each in involvements if each.key_worker})
    entry = Entry(
        agency.kind,
        agency.agency_id,
        None,
        team_id,
        INVITED,
        None,
        reasons,
        child_ids,
        address,
        ", ".join(workers) or None,
        counts,
    )
    if way.came_back:
        return q.came_back(entry, way.came_back, way.text, (agency.cause, *way.causes))
    if address is None:
        return replace(entry, decision=NOT_INVITED, why_not=NO_USABLE_ADDRESS, attention=None, counts_for_quoracy=False)
    return entry


def _about(q: Question, asks: Sequence[Ask]) -> tuple[str, ...]:
    """The children whom asks are about; where none is about one child, all of the meeting."""
    about = {ask.reason.child_id for ask in asks}
    return tuple(each for each in q.meeting.child_ids if each in about) or q.meeting.child_ids


def _not_asked(
    q: Question,
    kind: str,
    agency_id: str | None,
    team_id: str | None,
    why_not: str | None,
    asks: Sequence[Ask],
    more: Reason | None,
) -> Entry:
    reasons = tuple(dict.fromkeys([*(ask.reason for ask in asks), *([more] if more else [])]))
    about = _about(q, asks)
    return Entry(kind, agency_id, None, team_id, NOT_INVITED, why_not, reasons, about, counts_for_quoracy=False)


def _gaps(q: Question) -> list[Entry]:
    """Kinds that are expected and not found: for each child, or for the meeting where an authority has none."""
    by_kind: dict[tuple[str, str | None], list[Ask]] = {}
    for ask in q.asks:
        if ask.agency_id is None:
            by_kind.setdefault((ask.kind, None if ask.area_wide else ask.reason.child_id), []).append(ask)
    merged: dict[str, Entry] = {}
    for (kind, _), asks in by_kind.items():
        why_not = next(ask.why_not for ask in asks)
        entry = _not_asked(q, kind, None, None, why_not, asks, None)
        first = merged.get(entry.party)
        if first is not None:
            entry = replace(first, reasons=(*first.reasons, *entry.reasons))
        merged[entry.party] = entry
    return list(merged.values())


def _restricted(q: Question, entry: Entry) -> Entry:
    """A person who may decide has said that this one is not to be asked."""
    decision = q.decision(entry)
    if decision is None:
        return entry
    because = _DECISIONS.get(decision.reason, decision.reason.replace("_", " "))
    note = decision.note.strip()
    text = f"Not to be asked, by decision, since {because}: {note}"
    return left_out(entry, decision.reason, Reason("do_not_invite", text, (q.meeting.cause,)))


def _excluded_before(q: Question, entry: Entry) -> Entry:
    """Who was kept from an earlier meeting is not asked to this one by itself: the chair says whether that still holds.

    Only the coordinator's word for an agency by name brings it back. An agency that has been asked to this one already
    stays asked, as anyone does; to a member of the family nothing more goes.
    """
    if entry.decision != INVITED or entry.agency_id in {each.agency_id for each in q.meeting.also_invite}:
        return entry
    for past in q.facts.earlier:
        decision = q.decision(entry, past.meeting)
        if decision is None or decision.reason == "duplicate":
            continue
        if entry.person_id is None and any(each.party == entry.party and q.was_asked(each) for each in q.facts.before):
            return entry
        text = (
            f"Was kept from {earlier.called(q, past)}, since {_DECISIONS[decision.reason]}: nobody has said that this "
            "is over, so a person decides."
        )
        return left_out(entry, EXCLUDED_BEFORE, Reason(EXCLUDED_BEFORE, text, (past.meeting.cause,)))
    return entry


def _siblings(q: Question) -> tuple[Child, ...]:
    """The other children of the households, where this kind of meeting has to consider them."""
    if "siblings_considered" not in q.kind.rules:
        return ()
    found = {
        sibling.child_id: sibling
        for child in q.children
        for sibling in q.facts.families.get(child.family_id, ())
        if sibling.child_id not in q.meeting.child_ids and (sibling.months_old_on(q.meeting.day) or 0) < _ADULT
    }
    return tuple(sibling for _, sibling in sorted(found.items()))
