"""A record of a meeting, and who reads: the facts that decide who gets which part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from schemas.persons import may_be_same_person, same_person
from services.directory.rules import Cause

EVERYONE, PROFESSIONALS = "everyone", "professionals"
MINUTES, PLAN, DECISION = "minutes", "plan", "decision"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a section is for: `to` is everyone or professionals; else `only` these ids, or everyone but `besides`."""

    to: str | None = None
    only: frozenset[str] | None = None
    besides: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a record that has readers of its own; without `child_ids` it is about all the children."""

    heading: str
    child_ids: tuple[str, ...]
    audience: Audience
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One version of a record. `approved_at` is when the chair approved it, or whoever stood in, with
    `in_place_of_chair` to say why. `known_at` is when it was known here, None before that.
    """

    record_id: str
    meeting_id: str
    kind: str
    version: int
    approved_by: str
    checked_by: str | None
    sections: tuple[Section, ...]
    approved_at: datetime
    cause: Cause
    in_place_of_chair: str | None = None
    known_at: datetime | None = None

    @property
    def is_checked(self) -> bool:
        """Whether a second person has checked what the family gets: in doubt whether it is a second one, nobody has."""
        return self.checked_by is not None and not may_be_same_person(self.checked_by, self.approved_by)

    def is_by_chair(self, chair: str | None) -> bool:
        """Whether the chair approved it: where no chair is known, whoever it is does not say that they stand in."""
        return self.in_place_of_chair is None and (chair is None or same_person(chair, self.approved_by))

    def is_in_order(self, chair: str | None) -> bool:
        """Whether the chair approved it, or somebody who says why they stand in."""
        return self.in_place_of_chair is not None or self.is_by_chair(chair)


@dataclass(frozen=True, slots=True)
class Reader:
    """An agency (or one team of it) or a person that was asked to the meeting, or was there.

    `kind` is the agency's kind, or `relative` or `child`. `child_ids` are the children on whose account an agency was
    asked, or for whom a relative holds parental responsibility; of a child in person it is that child. `why_not` is
    why nothing may go there, whatever the record says: a person's decision, no address. `attended` is what the
    register of the held meeting says, None where it says nothing. `oneself` is the child that a person is, by the
    child's id. `serves_a_relative`: the agency serves a member of the family, or may be there for one;
    `serves` are the children whom it serves itself. `came_later`: the agency took no part, and reads the plan since it
    has to do with a child by now.
    """

    party: str
    kind: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    name: str
    child_ids: frozenset[str]
    invited: bool
    attended: str | None
    address: str | None
    verified_on: date | None
    why_not: str | None = None
    oneself: frozenset[str] = frozenset()
    serves_a_relative: bool = False
    serves: frozenset[str] = frozenset()
    came_later: bool = False

    @property
    def is_family(self) -> bool:
        """Whether this is a person of the family rather than an agency."""
        return self.person_id is not None

    @property
    def ids(self) -> frozenset[str]:
        """The ids by which an audience may name this reader."""
        return frozenset(each for each in (self.agency_id, self.person_id) if each is not None) | self.oneself


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An agency that came to have to do with a child after a meeting made the plan that stands for it, as the notice
    that it got says. `why_not` is why it reads the plan no more since `ended_at`.
    """

    meeting_id: str
    agency_id: str
    child_id: str
    team_id: str | None
    notice_id: str
    written_at: datetime
    why_not: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChildFacts:
    """What identifies one child, and where it is placed (`placed_with` is the agency): what must not reach those whom
    it does not concern.
    """

    child_id: str
    initials: str
    names: tuple[str, ...]
    nhs_number: str | None
    placement_words: tuple[str, ...] = ()
    placed_with: str | None = None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What identifies a relative; `child_ids` are the children to whom the person is related at all, `relations` says
    what they are to each, and for `responsible_for` they hold parental responsibility.
    """

    person_id: str
    name: str
    email: str | None
    child_ids: frozenset[str]
    not_with: frozenset[str] = frozenset()
    relations: Mapping[str, str] = field(default_factory=dict)
    responsible_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """An agency that says where somebody lives, a child or a parent in a refuge, whoever names it: `words` are its name
    and those of its teams, and all of their addresses.
    """

    agency_id: str
    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """What else decides about a record: the meeting, its children and everyone of their families.

    `family_never`: nothing of this kind of meeting reaches family. `flagged`: a child of the meeting or of its
    household is flagged so that nothing goes to family by itself (fabricated or induced illness). `told_placement` are
    the kinds of agency that may know where a child is placed, `not_named_to_family` those of which family is not told
    that they took part. `places` are the agencies around the meeting of which the name says where somebody lives, and
    `foster_carers` the kinds of tie of those whose name does; `agency_addresses` are where any agency around it reads.
    `agency_names` are the names of agencies around it that say of nobody where they live, `chair` is who chairs the
    meeting, by what is recorded of it.
    """

    meeting_id: str
    child_ids: tuple[str, ...]
    family_never: bool
    flagged: bool
    children: Mapping[str, ChildFacts]
    people: Mapping[str, PersonFacts]
    told_placement: frozenset[str] = frozenset()
    not_named_to_family: frozenset[str] = frozenset()
    places: tuple[Place, ...] = ()
    foster_carers: frozenset[str] = frozenset()
    agency_addresses: frozenset[str] = frozenset()
    agency_names: frozenset[str] = frozenset()
    chair: str | None = None

    @property
    def family_addresses(self) -> frozenset[str]:
        """Where family reads mail, in small letters. None of these is an agency's address, whatever its record says."""
        return frozenset(each.email.lower() for each in self.people.values() if each.email)

    def is_where_family_reads(self, address: str | None) -> bool:
        """Whether somebody of the family has given this address as theirs."""
        return (address or "").lower() in self.family_addresses
