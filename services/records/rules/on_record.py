"""Whether an agency is on record as having had to do with a child, now or before, or was named there by mistake.

An involvement that goes on with another agency, and a child that moves, leave behind an agency that had to do with the
child. Where what is said now begins no later than what was said before, it takes that back: the earlier agency was
named by mistake, and is to learn no more of the child.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.directory.rules import Involvement, Placement


@dataclass(frozen=True, slots=True)
class Once:
    """The agencies that had to do with a child and are named with it no more, and those that were named by mistake."""

    formerly: frozenset[str] = frozenset()
    by_mistake: frozenset[str] = frozenset()


NOBODY = Once()


def once_involved(versions: Mapping[str, Sequence[tuple[Involvement, bool]]]) -> Once:
    """The agencies that involvements with one child named before and do not name now: of each involvement every
    version, oldest first, with whether it stands.
    """
    now = {each.agency_id for some in versions.values() for each, stands in some if stands}
    every: set[str] = set()
    formerly: set[str] = set()
    for some in versions.values():
        for place, (before, _) in enumerate(some):
            every.add(before.agency_id)
            following = next((each for each, _ in some[place + 1 :] if each.agency_id != before.agency_id), None)
            if following is not None and following.since > before.since:
                formerly.add(before.agency_id)
    return Once(frozenset(formerly - now), frozenset(every - formerly - now))


def placed_before(told: Sequence[Placement | None]) -> list[Placement]:
    """Where a child was placed, of all that was said of that, oldest first; not where it was put right."""
    found = []
    for place, each in enumerate(told):
        if each is None:
            continue
        following = next((one for one in told[place + 1 :] if one != each), None)
        if following is None or following.since > each.since:
            found.append(each)
    return found


def agencies_of(placements: Iterable[Placement]) -> set[str]:
    """The agencies that a child was placed with."""
    return {each.agency_id for each in placements if each.agency_id is not None}
