"""What decides about the records of a meeting besides who reads: its children, their families, and what says where any
of them is to be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.policy import Policy
from services.directory.rules import Agency, Child, Relative
from services.meetings.rules import ILLNESS_FLAG, Meeting
from services.records.rules.names_of_places import is_of_a_home, is_of_any_team
from services.records.rules.record import ChildFacts, Matter, PersonFacts, Place

if TYPE_CHECKING:
    from services.records.readers import Known


def matter_of(
    meeting: Meeting,
    near: frozenset[str],
    people: Mapping[str, Relative],
    known: Known,
    policy: Policy,
    agency_ids: frozenset[str],
) -> Matter:
    """The matter of a meeting. `near` are its children and those of their households, `people` their relatives;
    `agency_ids` are those who were asked, were there or came later.
    """
    served = {*near, *people}
    ids = agency_ids | {each.agency_id for each in known.involvements if each.person_id in served}
    placements = [known.children[each].placement for each in near]
    ids |= {each.agency_id for each in placements if each is not None and each.agency_id is not None}
    agencies = [known.agencies[each] for each in sorted(ids) if each in known.agencies]
    secret = {"placement", *policy.groups.not_named_to_family}
    live_in = {each.agency_id for each in placements if each is not None}
    return Matter(
        meeting.meeting_id,
        meeting.child_ids,
        policy.on(meeting.day).kind(meeting.kind).family == "never",
        any(ILLNESS_FLAG in known.children[each].flags for each in near),
        {each: _child_facts(known.children[each], known.agencies) for each in sorted(near)},
        {each: _person_facts(relative, policy) for each, relative in sorted(people.items())},
        frozenset(policy.groups.told_placement),
        frozenset(policy.groups.not_named_to_family),
        tuple(Place(each.agency_id, each.kind, _words(each)) for each in agencies if each.kind in secret),
        frozenset(policy.groups.foster_carers),
        frozenset(address.casefold() for each in agencies for address in _addresses(each)),
        frozenset(each.name for each in agencies if each.kind not in secret and each.agency_id not in live_in),
        chair=meeting.chair,
    )


def _addresses(agency: Agency) -> list[str]:
    return [channel.address for channel in agency.every_channel]


def _words(agency: Agency) -> tuple[str, ...]:
    """What names an agency: a home or a refuge may be a team of whoever runs several, and a duty team is none."""
    teams = (team.name for team in agency.teams if not is_of_any_team(team.name))
    return tuple(dict.fromkeys([agency.name, *teams, *_addresses(agency)]))


def _child_facts(child: Child, agencies: Mapping[str, Agency]) -> ChildFacts:
    placed_with = child.placement.agency_id if child.placement is not None else None
    agency = agencies.get(placed_with or "")
    placement_words: tuple[str, ...] = ()
    if agency is not None:
        placement_words = _words(agency)
        if agency.kind == "childrens_social_care":
            # That a council's social care looks after a child does not say where, unless a home of its own is a team.
            homes = (team.name for team in agency.teams if is_of_a_home(team.name))
            placement_words = tuple(dict.fromkeys([*homes, *_addresses(agency)]))
    names = (child.preferred_name,) if child.preferred_name else ()
    return ChildFacts(child.child_id, child.initials, names, child.nhs_number, placement_words, placed_with)


def _person_facts(relative: Relative, policy: Policy) -> PersonFacts:
    """Of several ties to one child the first counts; that a child is placed with them before any other."""
    ties = relative.relationships
    placed = [each for each in ties if each.kind in policy.groups.foster_carers]
    themselves = [each for each in ties if each.kind == "self"]
    return PersonFacts(
        relative.person_id,
        relative.name,
        relative.email,
        frozenset(each.child_id for each in ties),
        frozenset(relative.not_with),
        {each.child_id: each.kind for each in (*reversed(ties), *placed, *themselves)},
        frozenset(each.child_id for each in ties if each.parental_responsibility),
    )
