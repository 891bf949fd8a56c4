"""Which services an agency gives to a family: to a child, or to a relative, which the rest of the family is not told.

That the mother sees a substance misuse service is hers to tell. An agency that was asked for that alone was asked again
to the next meeting since it was asked before, and may come without having been asked: why it is there is not taken from
the reason that stands with it, but from what is recorded of whom it serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date

from services.directory.rules import Involvement, Relative

# Reasons that lie in another meeting, or in no child: they do not say for whom the agency was asked there.
_ASKED_ELSEWHERE = frozenset({"earlier_invitees", "core_group_member", "closed_since"})
_FOR_A_RELATIVE = "parents_services"


def served_children(
    agency_id: str,
    involvements: Iterable[Involvement],
    children: AbstractSet[str],
    people: Mapping[str, Relative],
    day: date,
    asked_for: AbstractSet[str] = frozenset(),
) -> frozenset[str]:
    """The children whom an agency itself sees, or has on its list, on that day. `asked_for` are those of whom it was
    asked for that reason: where the end has no day, that tells that it came later.
    """
    found: set[str] = set()
    for each in involvements:
        if each.agency_id == agency_id:
            own = ({each.person_id} & children) | _is(each.person_id, people)
            found |= own if _counted_on(each, day) else own & asked_for if each.until is None else set()
    return frozenset(found)


def serves_a_relative(agency_id: str, involvements: Iterable[Involvement], people: Mapping[str, Relative]) -> bool:
    """Whether it serves, or has served, anybody of the family but as a child of it: also a child who is a parent."""
    relatives = {
        one
        for each in people.values()
        if any(tie.kind != "self" for tie in each.relationships)
        for one in (each.person_id, *_is(each.person_id, people))
    }
    return any(each.agency_id == agency_id and each.person_id in relatives for each in involvements)


def may_be_for_a_relative(rules: AbstractSet[str], serves_relatives: bool) -> bool:
    """Whether an agency that serves no child may be there for a relative, going by the rules that asked it for a child;
    `serves_relatives` says that its kind does. None that tells means that it may.
    """
    return _FOR_A_RELATIVE in rules or (serves_relatives and rules <= _ASKED_ELSEWHERE)


def _counted_on(each: Involvement, day: date) -> bool:
    """Whether it counted on a day: one that was closed later did."""
    if each.until is not None:
        return each.until >= day
    return each.status != "closed"


def _is(person_id: str, people: Mapping[str, Relative]) -> set[str]:
    """The child that a person is."""
    person = people.get(person_id)
    return {tie.child_id for tie in person.relationships if tie.kind == "self"} if person is not None else set()
