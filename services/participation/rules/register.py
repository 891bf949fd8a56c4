"""The register of a held meeting: who was there and how, who was not, and of whom nothing is noted.

Nobody is called absent whom nothing shows to have been asked: not to be invited and not to come are two things.

Source: rules of the field, section 0 (seed 4: rate the two separately).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from services.meetings.rules import DECIDED_BY_A_PERSON, INVITED, Entry

PRESENT, APOLOGIES, ABSENT = "present", "apologies", "absent"
NOT_NOTED = "not_noted"
NOT_ASKED = "not_asked"

_ORDER = (PRESENT, APOLOGIES, ABSENT, NOT_NOTED, NOT_ASKED)
MODES = ("in_person", "video", "phone")
_DECIDED = {
    "childs_wish": "the child's wish",
    "chairs_restriction": "the chair's restriction",
    "conflict_of_interest": "a conflict of interest",
    "duplicate": "asked already in another way",
}
_BY = {"in_person": "in person", "video": "by video", "phone": "by phone"}


@dataclass(frozen=True, slots=True)
class Attended:
    """One line of what was sent: an agency may stand in several, one for each person who came."""

    agency_id: str | None
    person_id: str | None
    status: str
    mode: str | None = None
    name: str | None = None

    @property
    def party(self) -> str:
        """What identifies the agency or person, whatever the team."""
        return f"agency:{self.agency_id}" if self.person_id is None else f"person:{self.person_id}"


@dataclass(frozen=True, slots=True)
class Noted:
    """What the register says of one agency or person. `modes` are the ways in which it was there, without those that
    are not noted; `names` who came, or sent word.
    """

    agency_id: str | None
    person_id: str | None
    status: str
    modes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """How it was there, in words; empty where that is not noted."""
        return " and ".join(_BY[mode] for mode in self.modes)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the register. `asked`: something shows that an invitation reached the party."""

    agency_id: str | None
    person_id: str | None
    kind: str
    status: str
    asked: bool
    text: str
    modes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def uninvited(self) -> bool:
        """Whether the party was there without anything that shows that it was asked."""
        return self.status == PRESENT and not self.asked


def noted(lines: Iterable[Attended]) -> dict[str, Noted]:
    """What was sent, once for each party: whoever had one person there was there."""
    by_party: dict[str, list[Attended]] = {}
    for line in lines:
        by_party.setdefault(line.party, []).append(line)
    found = {}
    for party, some in by_party.items():
        status = min((line.status for line in some), key=_ORDER.index)
        said = [line for line in some if line.status == status]
        ways = {line.mode for line in said} if status == PRESENT else set()
        found[party] = Noted(
            some[0].agency_id,
            some[0].person_id,
            status,
            tuple(mode for mode in MODES if mode in ways),
            tuple(dict.fromkeys(line.name for line in said if line.name)),
        )
    return found


def register(
    entries: Iterable[Entry], attended: Mapping[str, Noted], asked: Collection[str], kinds: Mapping[str, str]
) -> tuple[Line, ...]:
    """A line for every party that was expected or stands in the register; teams of one agency are one.

    `asked` holds the parties whom something shows to have been asked, `kinds` the kinds of agencies that no entry
    stands for.
    """
    by_party: dict[str, list[Entry]] = {}
    for entry in entries:
        by_party.setdefault(_party(entry), []).append(entry)
    lines = []
    for party in {**by_party, **attended}:
        some = by_party.get(party, [])
        said = attended.get(party)
        was_asked = party in asked or (said is not None and said.status == APOLOGIES)
        status = _status(said, was_asked)
        agency_id = said.agency_id if said else some[0].agency_id
        lines.append(
            Line(
                agency_id,
                said.person_id if said else some[0].person_id,
                some[0].kind if some else kinds.get(agency_id or "", "other" if agency_id else "relative"),
                status,
                was_asked,
                _text(status, said, some, was_asked),
                said.modes if said else (),
                said.names if said else (),
            )
        )
    return tuple(sorted(lines, key=_order))


def _order(line: Line) -> tuple[int, bool, str, str]:
    return _ORDER.index(line.status), line.agency_id is None, line.kind, line.agency_id or line.person_id or ""


def _party(entry: Entry) -> str:
    if entry.person_id is not None:
        return f"person:{entry.person_id}"
    return f"agency:{entry.agency_id}" if entry.agency_id is not None else entry.party


def _status(said: Noted | None, asked: bool) -> str:
    if said is None:
        return NOT_NOTED if asked else NOT_ASKED
    return NOT_ASKED if said.status == ABSENT and not asked else said.status


def _text(status: str, said: Noted | None, entries: list[Entry], asked: bool) -> str:
    """The line in a coordinator's words, without the party's name."""
    kept_out = next((each.why_not for each in entries if each.why_not in DECIDED_BY_A_PERSON), None)
    if status == PRESENT:
        there = f"There {said.how}." if said and said.how else "There; how is not noted."
        if asked:
            return there
        if kept_out is not None:
            return f"{there} Not to be asked, by decision: {_DECIDED[kept_out]}."
        return f"{there} Came uninvited: no invitation is on record."
    if status == APOLOGIES:
        return "Sent apologies."
    if status == ABSENT:
        return "Asked, and not there."
    if status == NOT_NOTED:
        return "Asked; attendance is not noted."
    if kept_out is not None:
        return f"Not to be asked, by decision: {_DECIDED[kept_out]}."
    if any(each.decision == INVITED for each in entries):
        return "Was to be asked; no invitation is on record as having arrived."
    return "Not asked: no invitation is on record."
