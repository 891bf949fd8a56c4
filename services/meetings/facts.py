"""Gathers what the rules of resolution ask about, for a batch of meetings in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import (
    Agency,
    Bounce,
    Child,
    Involvement,
    Relative,
    as_it_was,
    latest_bounces,
    secure_addresses,
)
from services.meetings import store
from services.meetings.rules import LOOKED_FOR, EarlierMeeting, Entry, Facts, Meeting, Resolution, resolve

_LOOK_BACK = frozenset({"earlier_invitees", "core_group_members"})


def looks_back(policy: Policy, kind: str, day: date) -> bool:
    """Whether a meeting of this kind asks who was asked to an earlier one."""
    return bool(_LOOK_BACK & set(policy.on(day).kind(kind).rules))


async def _earlier(
    db: AsyncConnection, meetings: Sequence[Meeting], policy: Policy, as_of: datetime | None
) -> dict[str, list[EarlierMeeting]]:
    """For each meeting the others that it may follow, with whom they asked; rules say which it does."""
    wanting = [m for m in meetings if m.follows is not None or looks_back(policy, m.kind, m.day)]
    if not wanting:
        return {}
    kinds = {name for meeting in wanting for name in policy.on(meeting.day).kind(meeting.kind).follows}
    found = await store.earlier_meetings(db, wanting, kinds)
    every = {each for ids in found.values() for each in ids}
    past = await store.meetings_by_id(db, every, as_of)
    asked = await store.entries_of(db, every, as_of)
    return {
        meeting_id: [EarlierMeeting(past[each], tuple(asked.get(each, {}).values())) for each in ids if each in past]
        for meeting_id, ids in found.items()
    }


async def resolve_all(
    db: AsyncConnection, meetings: Iterable[Meeting], policy: Policy, as_of: datetime | None = None
) -> dict[str, tuple[Resolution, dict[str, Entry]]]:
    """Resolve meetings with what was known at `as_of` (None: now); for each the resolution, and the entries before
    it.
    """
    return await _resolve_all(db, list(meetings), policy, as_of, then=False)


async def resolve_as_it_was(
    db: AsyncConnection, meetings: Iterable[Meeting], policy: Policy
) -> dict[str, tuple[Resolution, dict[str, Entry]]]:
    """Resolve meetings that have begun with all that is known now of who was involved when they began; for each the
    resolution, and the entries that stand.
    """
    return await _resolve_all(db, list(meetings), policy, None, then=True)


async def _resolve_all(
    db: AsyncConnection, some: list[Meeting], policy: Policy, as_of: datetime | None, *, then: bool
) -> dict[str, tuple[Resolution, dict[str, Entry]]]:
    children = await directory.children_by_id(db, {each for m in some for each in m.child_ids}, as_of)
    admissions = await directory.hospital_admissions(db, children, as_of)
    children = {
        each: replace(child, in_hospital=admissions[each]) if each in admissions else child
        for each, child in children.items()
    }
    family_ids = {child.family_id for child in children.values()}
    families: dict[str, list[Child]] = {}
    for child in await directory.children_of_families(db, family_ids, as_of):
        families.setdefault(child.family_id, []).append(child)
    household = {*children, *(child.child_id for some in families.values() for child in some)}
    of_household = await directory.relatives_of_children(db, household, as_of)
    relatives = [each for each in of_household if any(tie.child_id in children for tie in each.relationships)]
    places: dict[str, set[int]] = {}
    for place, relative in enumerate(relatives):
        for tie in relative.relationships:
            places.setdefault(tie.child_id, set()).add(place)
    addresses = _addresses(of_household)
    people = {*children, *(relative.person_id for relative in relatives)}
    ever = await directory.involvements_ever(db, people) if then else {}
    involvements = _by_person(
        [version for versions in ever.values() for _, version in versions]
        if then
        else await directory.involvements_of(db, people, as_of)
    )
    earlier = await _earlier(db, some, policy, as_of)
    before = await store.entries_of(db, [m.meeting_id for m in some], as_of)
    agencies = await directory.agencies_by_id(db, _agency_ids(some, children, involvements, earlier, before), as_of)
    by_authority = await _by_authority(db, some, children, policy, as_of)
    agencies |= {agency.agency_id: agency for found in by_authority.values() for agency in found}
    bounces = await _bounces(db, agencies.values(), relatives, as_of)
    resolved = {}
    for meeting in some:
        if then:
            was = [as_it_was(versions, meeting.starts_at, meeting.day) for versions in ever.values()]
            involvements = _by_person(each for each in was if each is not None)
        facts = Facts(
            children,
            families,
            [relatives[place] for place in sorted(set().union(*(places.get(each, ()) for each in meeting.child_ids)))],
            involvements,
            agencies,
            by_authority,
            earlier.get(meeting.meeting_id, ()),
            tuple(before.get(meeting.meeting_id, {}).values()),
            latest_bounces([*bounces.get(None, ()), *bounces.get(meeting.meeting_id, ())]),
            frozenset(
                address
                for child_id in meeting.child_ids
                if child_id in children
                for one in families[children[child_id].family_id]
                for address in addresses.get(one.child_id, ())
            ),
        )
        resolved[meeting.meeting_id] = (resolve(meeting, facts, policy), before.get(meeting.meeting_id, {}))
    return resolved


def _addresses(relatives: Iterable[Relative]) -> dict[str, set[str]]:
    """The addresses that the relatives of each child gave, in small letters."""
    found: dict[str, set[str]] = {}
    for relative in relatives:
        for tie in relative.relationships:
            if relative.email:
                found.setdefault(tie.child_id, set()).add(relative.email.lower())
    return found


def _by_person(some: Iterable[Involvement]) -> dict[str, list[Involvement]]:
    found: dict[str, list[Involvement]] = {}
    for each in some:
        found.setdefault(each.person_id, []).append(each)
    return found


async def _bounces(
    db: AsyncConnection, agencies: Iterable[Agency], relatives: Iterable[Relative], as_of: datetime | None
) -> dict[str | None, list[Bounce]]:
    """What came back from the addresses of these, by the meeting that it counts for (None: every one)."""
    addresses = {address for agency in agencies for address in secure_addresses(agency)}
    addresses |= {relative.email for relative in relatives if relative.email}
    found: dict[str | None, list[Bounce]] = {}
    for each in await directory.bounces_of(db, addresses, as_of):
        found.setdefault(each.meeting_id, []).append(each)
    return found


def _agency_ids(
    meetings: Sequence[Meeting],
    children: Mapping[str, Child],
    involvements: Mapping[str, Sequence[Involvement]],
    earlier: Mapping[str, Sequence[EarlierMeeting]],
    before: Mapping[str, Mapping[str, Entry]],
) -> set[str]:
    ids = {each.agency_id for some in involvements.values() for each in some}
    ids |= {child.placement.agency_id for child in children.values() if child.placement and child.placement.agency_id}
    ids |= {also.agency_id for meeting in meetings for also in meeting.also_invite}
    ids |= {entry.agency_id for past in earlier.values() for each in past for entry in each.entries if entry.agency_id}
    ids |= {each for past in earlier.values() for meeting in past for each in meeting.meeting.core_group}
    ids |= {entry.agency_id for some in before.values() for entry in some.values() if entry.agency_id}
    return ids


async def _by_authority(
    db: AsyncConnection,
    meetings: Sequence[Meeting],
    children: Mapping[str, Child],
    policy: Policy,
    as_of: datetime | None,
) -> dict[tuple[str, str], list[Agency]]:
    """The agencies that a rule may look for by kind and authority; under no authority those that belong to none."""
    kinds = {*LOOKED_FOR, *policy.groups.placement_area}
    for meeting in meetings:
        today = policy.on(meeting.day)
        expected = [today.expectations.get(name) for name in today.kind(meeting.kind).expects]
        kinds |= {each.agency_kind for each in expected if each and each.find == "involvement_or_authority"}
    authorities = {meeting.authority for meeting in meetings} | {child.authority for child in children.values()}
    authorities |= {child.placement.authority for child in children.values() if child.placement}
    found: dict[tuple[str, str], list[Agency]] = {}
    for agency in await directory.agencies_of_authority(db, authorities, kinds, as_of):
        found.setdefault((agency.kind, agency.authority or ""), []).append(agency)
    return found
