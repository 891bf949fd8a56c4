"""Gathers who reads the records of meetings, and what decides what they may have, for a batch of meetings in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Agency, Child, Relationship, Relative, secure_address, secure_addresses
from services.meetings import store as meetings
from services.meetings.rules import CHILD, DECIDED_BY_A_PERSON, ILLNESS_FLAG, INVITED, RELATIVE, Entry, Meeting
from services.participation.store.quoracy import held_facts
from services.records.rules.record import ChildFacts, Matter, PersonFacts, Reader


@dataclass(frozen=True, slots=True)
class Around:
    """A meeting with everyone who reads its records, and what decides what they may have."""

    meeting: Meeting
    matter: Matter
    readers: tuple[Reader, ...]
    agencies: Mapping[str, Agency]
    children: Mapping[str, Child]


async def around(
    db: AsyncConnection, policy: Policy, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Around]:
    """Meetings with their readers, as things stand or as they were known at `as_of`."""
    some = await meetings.meetings_by_id(db, meeting_ids, as_of)
    entries = await meetings.entries_of(db, some, as_of)
    held = await held_facts(db, some, as_of)
    children = await directory.children_by_id(db, {each for m in some.values() for each in m.child_ids}, as_of)
    households = await directory.children_of_families(db, {child.family_id for child in children.values()}, as_of)
    household = {child.child_id: child for child in households} | children
    relatives = {each.person_id: each for each in await directory.relatives_of_children(db, household, as_of)}
    agency_ids = {entry.agency_id for of in entries.values() for entry in of.values() if entry.agency_id}
    agency_ids |= {line["agency_id"] for row in held.values() for line in row["document"]["attendance"]} - {None}
    agency_ids |= {c.placement.agency_id for c in household.values() if c.placement and c.placement.agency_id}
    agencies = await directory.agencies_by_id(db, agency_ids, as_of)
    found = {}
    for meeting_id, meeting in some.items():
        attended = _attended(held[meeting_id]["document"]["attendance"]) if meeting_id in held else {}
        own = {each: children[each] for each in meeting.child_ids if each in children}
        families = {child.family_id for child in own.values()}
        near = {each: child for each, child in household.items() if child.family_id in families}
        matter = Matter(
            meeting_id,
            meeting.child_ids,
            policy.on(meeting.day).kind(meeting.kind).family == "never",
            any(ILLNESS_FLAG in child.flags for child in near.values()),
            {each: _child(child, agencies) for each, child in near.items()},
            {each: _person(relative) for each, relative in relatives.items() if _of(relative, near)},
            frozenset(policy.groups.told_placement),
            frozenset(policy.groups.not_named_to_family),
        )
        readers = [
            reader
            for entry in entries.get(meeting_id, {}).values()
            if (reader := _reader(entry, meeting, attended, agencies, relatives)) is not None
        ]
        named = {reader.agency_id for reader in readers}
        readers += [
            _unasked(agencies[each], meeting)
            for each, status in attended.items()
            if status == "present" and each in agencies and each not in named
        ]
        found[meeting_id] = Around(meeting, matter, tuple(readers), agencies, near)
    return found


def _attended(lines: Iterable[Mapping[str, str | None]]) -> dict[str, str]:
    """What the register says of each party, by its id."""
    return {line["agency_id"] or line["person_id"] or "": line["status"] or "" for line in lines}


def _of(relative: Relative, children: Iterable[str]) -> bool:
    some = set(children)
    return any(each.child_id in some for each in relative.relationships)


def _child(child: Child, agencies: Mapping[str, Agency]) -> ChildFacts:
    words: tuple[str, ...] = ()
    if child.placement is not None and (agency := agencies.get(child.placement.agency_id or "")) is not None:
        words = (agency.name, *(channel.address for channel in agency.channels))
    names = (child.preferred_name,) if child.preferred_name else ()
    placed_with = child.placement.agency_id if child.placement is not None else None
    return ChildFacts(child.child_id, child.initials, names, child.nhs_number, words, placed_with)


def _person(relative: Relative) -> PersonFacts:
    return PersonFacts(
        relative.person_id,
        relative.name,
        relative.email,
        frozenset(each.child_id for each in relative.relationships),
        frozenset(relative.not_with),
        {each.child_id: each.kind for each in reversed(relative.relationships)},
    )


def _reader(
    entry: Entry,
    meeting: Meeting,
    attended: Mapping[str, str],
    agencies: Mapping[str, Agency],
    relatives: Mapping[str, Relative],
) -> Reader | None:
    """Who an entry stands for, as a reader; None where nobody was asked, and nobody is to read."""
    asked = entry.decision == INVITED
    why_not = entry.why_not if entry.why_not in DECIDED_BY_A_PERSON else None
    if entry.agency_id is None and entry.person_id is None:
        return None
    status = attended.get(entry.agency_id or entry.person_id or "")
    if not (asked or why_not or entry.why_not == "no_usable_address" or status == "present"):
        return None
    if entry.agency_id is not None:
        agency = agencies.get(entry.agency_id)
        if agency is None:
            return None
        address, verified_on = _way(agency, entry)
        return Reader(
            entry.party,
            agency.kind,
            entry.agency_id,
            None,
            entry.team_id,
            agency.name,
            frozenset(entry.child_ids),
            asked,
            status,
            address,
            verified_on,
            why_not,
            serves_a_relative=_serves_a_relative(entry),
        )
    relative = relatives.get(entry.person_id or "")
    ties = relative.relationships if relative is not None else ()
    own = frozenset(
        each.child_id
        for each in ties
        if each.child_id in meeting.child_ids and (each.parental_responsibility or each.kind == "self")
    )
    is_child = entry.kind == CHILD or any(each.kind == "self" for each in ties)
    return Reader(
        entry.party,
        CHILD if is_child else RELATIVE,
        None,
        entry.person_id,
        None,
        relative.name if relative is not None else "",
        own,
        asked,
        status,
        relative.email if relative is not None and asked else None,
        None,
        why_not,
        _oneself(entry, ties),
    )


def _serves_a_relative(entry: Entry) -> bool:
    """Whether an agency was asked for nothing but its service to a member of the family."""
    rules = {reason.rule for reason in entry.reasons if reason.child_id is not None}
    return rules == {"parents_services"}


def _oneself(entry: Entry, ties: Iterable[Relationship]) -> frozenset[str]:
    """The child that a person is, where they are one: a child without a record of their own goes by the child's id."""
    own = {each.child_id for each in ties if each.kind == "self"}
    return frozenset(own | {each for each in entry.child_ids if entry.kind == CHILD and each == entry.person_id})


def _way(agency: Agency, entry: Entry) -> tuple[str | None, date | None]:
    """Where a copy goes: to the address that was asked, as long as it may be used, else to the team's or agency's."""
    teams = [team for team in agency.teams if team.team_id == entry.team_id]
    channels = [*(channel for team in teams for channel in team.channels), *agency.channels]
    address = entry.address if entry.address in secure_addresses(agency) and entry.back is None else None
    if address is None and entry.back is None:
        address = secure_address(channels)
    verified = [channel.verified_on for channel in channels if channel.address == address and channel.verified_on]
    return address, max(verified, default=None)


def _unasked(agency: Agency, meeting: Meeting) -> Reader:
    """An agency that was there without having been asked: on account of no child in particular, so of all."""
    address = secure_address(agency.channels)
    verified = [c.verified_on for c in agency.channels if c.address == address and c.verified_on]
    return Reader(
        f"agency:{agency.agency_id}:",
        agency.kind,
        agency.agency_id,
        None,
        None,
        agency.name,
        frozenset(meeting.child_ids),
        False,
        "present",
        address,
        max(verified, default=None),
    )
