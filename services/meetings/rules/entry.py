"""What is decided about one agency or person of a meeting, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from services.directory.rules import Cause, Child
from services.meetings.rules.meeting import Meeting

INVITED = "invited"
NOT_INVITED = "not_invited"

# Kinds of an entry that stands for a person.
CHILD, RELATIVE = "child", "relative"

# Why an entry is not asked.
NO_AGENCY_KNOWN = "no_agency_known"
SEVERAL_AGENCIES = "several_agencies"
AGENCY_NOT_RECORDED = "agency_not_recorded"
AGENCY_CLOSED = "agency_closed"
NO_USABLE_ADDRESS = "no_usable_address"
INVOLVEMENT_ENDED = "involvement_ended"
ASKED_ONCE_MORE = "asked_once_more"
HELD_FOR_A_PERSON = "held_for_a_person"
NOT_WITH = "not_with"
EXCLUDED_BEFORE = "excluded_before"
NO_LONGER_PART = "no_longer_part"
FAMILY_NOT_ASKED = "family_not_asked"

# Reasons that a person with the right to decide gave: shown, and not a fault.
DECIDED_BY_A_PERSON = frozenset({"childs_wish", "chairs_restriction", "conflict_of_interest", "duplicate"})

# Not asked, and rightly so: shown, and not a fault.
RIGHTLY_NOT_ASKED = DECIDED_BY_A_PERSON | {ASKED_ONCE_MORE}

# The rule by which who was asked once is still named.
ASKED_BEFORE = "asked_before"

# The rule by which who cannot be reached is still asked, at an address that gave the message back.
CAME_BACK = "came_back"

Back = Literal["for_good", "this_time"]
"""Whether an address that gave a message back is given up, or may be tried with another message."""

# Rules whose reason is for the coordinator and not for the one who is asked.
FOR_THE_COORDINATOR = frozenset(
    {"route", CAME_BACK, ASKED_BEFORE, "do_not_invite", EXCLUDED_BEFORE, "agency_closed", "no_usable_address"}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in a coordinator's words: which rule, about which child, and the events behind it."""

    rule: str
    text: str
    causes: tuple[Cause, ...]
    child_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One agency (or team of it) or person, and what was decided.

    `kind` is the agency's kind, or for a person `relative` or `child`. An entry without agency and person stands for
    a kind that is expected and that nobody is recorded for. `back`: what was sent to the address came back from there,
    and there is no other.
    """

    kind: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    decision: str
    why_not: str | None
    reasons: tuple[Reason, ...]
    child_ids: tuple[str, ...]
    address: str | None = None
    attention: str | None = None
    counts_for_quoracy: bool = True
    back: Back | None = None

    @property
    def party(self) -> str:
        """What identifies the entry within its meeting."""
        if self.person_id is not None:
            return f"person:{self.person_id}"
        if self.agency_id is not None:
            return f"agency:{self.agency_id}:{self.team_id or ''}"
        return f"missing:{self.kind}:{self.child_ids[0] if len(self.child_ids) == 1 else ''}"

    @property
    def told(self) -> tuple[Reason, ...]:
        """The reasons that whoever is asked may read."""
        return tuple(reason for reason in self.reasons if reason.rule not in FOR_THE_COORDINATOR)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everyone who is asked or not, and the children of the household that the meeting does not name."""

    entries: tuple[Entry, ...]
    siblings_without_entry: tuple[Child, ...] = ()
    children_not_recorded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlierMeeting:
    """An earlier meeting about one of the same children, with whom it asked."""

    meeting: Meeting
    entries: tuple[Entry, ...]


def left_out(entry: Entry, why_not: str, reason: Reason) -> Entry:
    """The entry, not asked after all: with one reason more, and without an address."""
    return replace(
        entry,
        decision=NOT_INVITED,
        why_not=why_not,
        reasons=tuple(dict.fromkeys((*entry.reasons, reason))),
        address=None,
        counts_for_quoracy=False,
        back=None,
    )
