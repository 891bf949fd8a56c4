"""What a policy file says: who is expected in which meeting, and every number with its source.

A policy is the national default with an area's overlay on top. Everything in it is effective-dated: an *edition*
counts from its `from` date until a later edition of the same `id` begins. Every number and every rule names its
`source` and whether somebody who may has `confirmed` it for the area.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, Strict, model_validator

from schemas.code import RecordCode
from schemas.edition import Edition, Name, PolicyPart
from schemas.quoracy import Quoracy
from schemas.vocabulary import AGENCY_KINDS, Id, wrong

Unit = Literal["working_days", "calendar_days", "weeks", "months", "years"]

# The rules that code stands behind; a policy says in which meetings they apply.
RuleName = Literal[
    "involved",
    "parents_services",
    "placement_area",
    "transition",
    "in_hospital",
    "earlier_invitees",
    "core_group_members",
    "transferring_authority",
    "siblings_considered",
]

# The numbers that rules ask for by name, each with the units that make sense of it. A kind of meeting names others as
# its notice and its report.
AGE: tuple[Unit, ...] = ("years", "months")
SPAN: tuple[Unit, ...] = ("years", "months", "weeks", "calendar_days")
BEFORE_A_MEETING: tuple[Unit, ...] = ("working_days", "calendar_days", "weeks")
NUMBERS_IN_RULES: dict[str, tuple[Unit, ...]] = {
    "transition_from_age": AGE,
    "child_invited_from_age": AGE,
    "transfer_in_look_back": SPAN,
    "earlier_meeting_look_back": SPAN,
    "late_record_look_back": SPAN,
    "report_before_on_apologies": BEFORE_A_MEETING,
    "report_reminder_before_due": BEFORE_A_MEETING,
    "address_verified_for": SPAN,
    "record_link_opens_for": SPAN,
    "record_filed_within": BEFORE_A_MEETING,
    "record_filed_reminder_after": BEFORE_A_MEETING,
    "record_reminder_before_due": BEFORE_A_MEETING,
    "notice_told_within": BEFORE_A_MEETING,
    "notice_acknowledged_within": BEFORE_A_MEETING,
    "notice_reminder_after": BEFORE_A_MEETING,
}

NUMBERS_OF_A_KIND = (
    "notice",
    "report_before",
    "answer_before",
    "remind_before",
    "decision_within",
    "minutes_within",
)


class Number(Edition):
    """A number with its unit, for example 15 working days. Only years may have a part, and then in whole months."""

    value: Annotated[float, Strict()] = Field(ge=0, le=10_000, allow_inf_nan=False)
    unit: Unit

    @model_validator(mode="after")
    def _whole(self) -> Number:
        if not (self.value * 12 if self.unit == "years" else self.value).is_integer():
            raise wrong(f"{self.value:g} {self.unit.replace('_', ' ')} is not a whole number of them", "value")
        return self

    @property
    def months(self) -> int:
        """An age or a span given in years or months, in months."""
        return round(self.value * (12 if self.unit == "years" else 1))


def _sentence(text: str) -> str:
    if len(text.strip()) < 3 or text.rstrip().endswith("."):
        raise wrong("must be a sentence without the full stop, as in: the police are always asked")
    return text.strip()


class Expectation(Edition):
    """One agency kind that is expected for a child whatever the record of involvements says.

    `find` says where to look for the agency: only among the agencies recorded as involved, or, where none is, the one
    agency of this kind in an authority, and `where` in which: the one that holds the meeting, the one that is
    responsible for the child, or the one where the child lives. `satisfied_by` names kinds of which one is enough.
    The other fields narrow it to some children.
    """

    agency_kind: Name
    because: Annotated[str, AfterValidator(_sentence)]
    find: Literal["involvement", "involvement_or_authority"]
    where: Literal["meeting", "child", "residence"] = "meeting"
    satisfied_by: tuple[Name, ...] = ()
    from_age: int | None = Field(None, ge=0, le=25, description="whole years at the meeting")
    below_age: int | None = Field(None, ge=0, le=25, description="whole years at the meeting")
    unborn: bool | None = Field(None, description="true: only before birth; false: only after; absent: either")
    any_circumstance: tuple[Name, ...] = ()
    unless_circumstance: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _somebody_is_left(self) -> Expectation:
        if self.from_age is not None and self.below_age is not None and self.from_age >= self.below_age:
            raise wrong(f"from_age {self.from_age} and below_age {self.below_age} leave no child", "below_age")
        return self


class MeetingKind(Edition):
    """One kind of meeting: who is expected, whether family is invited, and the numbers that apply to it."""

    name: str = Field(min_length=3, description="as it stands in a sentence: 'initial child protection conference'")
    family: Literal["invited", "never"]
    expects: tuple[Name, ...] = ()
    rules: tuple[RuleName, ...] = ()
    follows: tuple[Name, ...] = Field((), description="kinds of earlier meetings whose invitees are asked again")
    begins_episode: bool = Field(
        False, description="later meetings look back no further than the last meeting of such a kind"
    )
    ends_plan: bool = Field(
        False, description="a meeting of such a kind may end a child protection plan; absent: unless a person allows it"
    )
    notice: Name | None = Field(None, description="the number that is the least notice; absent: none is set")
    report_before: Name | None = Field(
        None, description="the number that says how long before the meeting a report is due"
    )
    quoracy: Name | None = Field(None, description="the rule by which it is quorate; absent: none is set")
    answer_before: Name | None = Field(
        None, description="the number that says how long before the meeting an answer is wanted; absent: none is missed"
    )
    remind_before: Name | None = Field(
        None, description="the number that says how long before the meeting who has not answered is reminded"
    )

    decision_within: Name | None = Field(
        None, description="the number that says how long after the meeting the decision is due; absent: none is"
    )
    minutes_within: Name | None = Field(
        None, description="the number that says how long after the meeting its minutes are due; absent: none are"
    )

    @property
    def named_numbers(self) -> tuple[tuple[str, Name], ...]:
        """The numbers that this kind names, each with the field that names it."""
        named = ((field, getattr(self, field)) for field in NUMBERS_OF_A_KIND)
        return tuple((field, name) for field, name in named if name is not None)


_NOT_KINDS = frozenset({"parents", "foster_carers", "record_by_link_to"})
"""Groups that list something else than kinds of agency."""


class Groups(PolicyPart):
    """Agency kinds that a rule treats alike. An overlay's list takes the place of the default's, list by list."""

    parents_services: tuple[Name, ...] = ()
    placement_area: tuple[Name, ...] = Field((), description="kinds asked at home and where the child is placed")
    transferring: tuple[Name, ...] = Field(
        (), description="kinds that are asked to a transfer-in conference after they have closed"
    )
    told_nhs_number: tuple[Name, ...] = Field((), description="kinds whose message carries the NHS number")
    told_preferred_name: tuple[Name, ...] = Field(
        (), description="kinds whose message carries preferred name and pronouns"
    )
    care_plan_on_apologies: tuple[Name, ...] = Field(
        (), description="kinds that are asked for the child's care plan as well, once they send apologies"
    )
    parents: tuple[Name, ...] = Field((), description="relationships whose services are asked")
    record_by_link: tuple[Name, ...] = Field(
        (), description="kinds that get a link to their copy and never the copy itself"
    )
    record_by_link_to: tuple[Id, ...] = Field((), description="the same for single agencies, by id")
    record_by_mesh: tuple[Name, ...] = Field(
        (), description="kinds that get their copy by MESH besides, where they have a secure mailbox there"
    )
    told_placement: tuple[Name, ...] = Field((), description="kinds whose copy may say where a child is placed")
    not_named_to_family: tuple[Name, ...] = Field(
        (), description="kinds of which a family's copy does not say that they took part"
    )
    foster_carers: tuple[Name, ...] = Field(
        (), description="relationships of carers whose name says where a child is placed"
    )
    told_plan_end: tuple[Name, ...] = Field(
        (), description="kinds that are told of a plan that starts, changes or ends, whoever was invited"
    )


class PolicyFile(PolicyPart):
    """One policy file: the national default, or an area's overlay."""

    format: Literal[1]
    title: str
    numbers: tuple[Number, ...] = Field((), alias="number")
    expectations: tuple[Expectation, ...] = Field((), alias="expectation")
    kinds: tuple[MeetingKind, ...] = Field((), alias="meeting_kind")
    quoracy: tuple[Quoracy, ...] = ()
    codes: tuple[RecordCode, ...] = Field((), alias="code")
    groups: Groups | None = None
    agency_names: dict[Name, str] = Field({}, description="agency kinds in words")
    venues: tuple[str, ...] = Field(
        (), description="places that may stand in a calendar's location; others stand in the message only"
    )


E = TypeVar("E", bound=Edition)

# What stands in for a kind of meeting that no policy holds any more: everyone involved is asked, and no family.
_CAREFUL_RULES: tuple[RuleName, ...] = ("involved", "parents_services", "placement_area", "in_hospital")


class PolicyToday:
    """A policy as it counts on one day."""

    def __init__(self, policy: Policy, day: date) -> None:
        self.day = day
        self.numbers = policy.in_force([layer.numbers for layer in policy.layers], day)
        self.expectations = policy.in_force([layer.expectations for layer in policy.layers], day)
        self.kinds = policy.in_force([layer.kinds for layer in policy.layers], day)
        self.quoracy = policy.in_force([layer.quoracy for layer in policy.layers], day)
        self.codes = policy.in_force([layer.codes for layer in policy.layers], day)
        self.groups = policy.groups
        self._ever = {kind.id: kind for layer in policy.layers for kind in layer.kinds}

    def number(self, name: str | None) -> Number | None:
        """The number called `name`; None where no name is given or the policy has no such number on the day."""
        return None if name is None else self.numbers.get(name)

    def kind(self, name: str) -> MeetingKind:
        """The kind of meeting called `name`.

        A meeting may have moved to a day on which its kind does not count, or have been scheduled under a policy that
        is gone. It is then taken as its kind was at another time, or else most carefully: everyone involved is asked,
        and no family.
        """
        found = self.kinds.get(name) or self._ever.get(name)
        if found is not None:
            return found
        words = name.replace("_", " ")
        return MeetingKind(
            id=name,
            from_=self.day,
            name=words if len(words) > 2 else f"{words} meeting",
            family="never",
            rules=_CAREFUL_RULES,
            source="no policy holds this kind",
            confirmed=False,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a policy that cannot be used: in which layer, at which entry and field, and what is wrong."""

    layer: int
    place: tuple[str | int, ...]
    message: str


class Policy:
    """The layers of a policy, the national default first. Immutable, so that what it says of a day is worked out
    once.
    """

    def __init__(self, layers: Sequence[PolicyFile]) -> None:
        self.layers = tuple(layers)
        said = [layer.groups for layer in self.layers if layer.groups is not None]
        self.groups = Groups.model_validate(
            {name: getattr(groups, name) for groups in said for name in groups.model_fields_set}
        )
        self.agency_names = {kind: name for layer in self.layers for kind, name in layer.agency_names.items()}
        self.venues = frozenset(venue for layer in self.layers for venue in layer.venues)
        self.on = lru_cache(maxsize=512)(self._on)

    def _on(self, day: date) -> PolicyToday:
        return PolicyToday(self, day)

    @staticmethod
    def in_force(layers: Iterable[Sequence[E]], day: date) -> dict[str, E]:
        """For each id the edition that counts on `day`; an overlay's beats the default's, a later one an earlier."""
        found: dict[str, E] = {}
        for editions in layers:
            of_layer: dict[str, E] = {}
            for edition in sorted(editions, key=lambda edition: edition.from_):
                if edition.from_ <= day:
                    of_layer[edition.id] = edition
            found |= of_layer
        return found

    def agency_name(self, kind: str) -> str:
        """An agency kind in words, for example 'CAMHS'."""
        return self.agency_names.get(kind, kind.replace("_", " "))

    def faults(self) -> list[Fault]:
        """What no single file can show: names that lead nowhere, numbers in a unit that the rule cannot use, entries
        that nothing uses. Empty for a policy that can be used.
        """
        return [*self._twice(), *self._wrong_names(), *self._wrong_units(), *self._unused()]

    def _twice(self) -> Iterator[Fault]:
        for layer, file in enumerate(self.layers):
            for table, editions in _tables(file):
                seen: set[tuple[str, date]] = set()
                for index, each in enumerate(editions):
                    if (each.id, each.from_) in seen:
                        said = f"{each.id} has two editions from {each.from_}: keep one"
                        yield Fault(layer, (table, index, "from"), said)
                    seen.add((each.id, each.from_))

    def _wrong_names(self) -> Iterator[Fault]:
        for layer, file in enumerate(self.layers):
            for index, kind in enumerate(file.kinds):
                for field, said in self._wrong_in_kind(kind):
                    yield Fault(layer, ("meeting_kind", index, field), said)
            for index, each in enumerate(file.expectations):
                for field, kinds in (("agency_kind", (each.agency_kind,)), ("satisfied_by", each.satisfied_by)):
                    for said in self._unknown_agencies(kinds):
                        yield Fault(layer, ("expectation", index, field), said)
            for index, rule in enumerate(file.quoracy):
                for field, kinds in _kinds_in(rule):
                    for said in self._unknown_agencies(kinds):
                        yield Fault(layer, ("quoracy", index, field), said)
            for field in sorted(file.groups.model_fields_set - _NOT_KINDS) if file.groups else ():
                for said in self._unknown_agencies(getattr(file.groups, field)):
                    yield Fault(layer, ("groups", field), said)

    def _wrong_in_kind(self, kind: MeetingKind) -> Iterator[tuple[str, str]]:
        numbers = _first_days(layer.numbers for layer in self.layers)
        expectations = _first_days(layer.expectations for layer in self.layers)
        named = [(field, "number", numbers, name) for field, name in kind.named_numbers]
        rules = _first_days(layer.quoracy for layer in self.layers)
        named += [("quoracy", "quoracy rule", rules, name) for name in (kind.quoracy,) if name]
        named += [("expects", "expectation", expectations, name) for name in kind.expects]
        for field, what, known, name in named:
            said = _unknown(name, known, what) or _too_early(name, known[name], kind.from_)
            if said:
                yield field, said
        for name in kind.follows:
            if said := _unknown(name, _first_days(layer.kinds for layer in self.layers), "kind of meeting"):
                yield "follows", said

    def _unknown_agencies(self, kinds: Iterable[str]) -> Iterator[str]:
        known = {*AGENCY_KINDS, *self.agency_names}
        for kind in kinds:
            if said := _unknown(kind, known, "kind of agency"):
                yield f"{said}{'' if said.endswith('?') else '.'} An area's own kind needs a line in [agency_names]"

    def _wrong_units(self) -> Iterator[Fault]:
        wanted = dict.fromkeys(self._named_numbers(), BEFORE_A_MEETING) | NUMBERS_IN_RULES
        for layer, file in enumerate(self.layers):
            for index, number in enumerate(file.numbers):
                units = wanted.get(number.id, get_args(Unit))
                if number.unit not in units:
                    said = f"must be one of {', '.join(units)}, not {number.unit}, for what {number.id} is used for"
                    yield Fault(layer, ("number", index, "unit"), said)

    def _unused(self) -> Iterator[Fault]:
        """What an overlay says and nothing reads is a slip of the pen that would go unnoticed."""
        of_default = self.layers[0]
        numbers = {*NUMBERS_IN_RULES, *self._named_numbers(), *(number.id for number in of_default.numbers)}
        expected = {name for file in self.layers for kind in file.kinds for name in kind.expects}
        ruled = {kind.quoracy for file in self.layers for kind in file.kinds if kind.quoracy}
        for layer, file in enumerate(self.layers):
            for index, number in enumerate(file.numbers):
                if number.id not in numbers:
                    yield Fault(layer, ("number", index, "id"), f"nothing uses {number.id}{_near(number.id, numbers)}")
            for index, each in enumerate(file.expectations):
                if each.id not in expected:
                    said = f"no meeting_kind expects {each.id}{_near(each.id, expected)}"
                    yield Fault(layer, ("expectation", index, "id"), said)
            for index, rule in enumerate(file.quoracy):
                if rule.id not in ruled:
                    said = f"no meeting_kind names {rule.id} as its quoracy{_near(rule.id, ruled)}"
                    yield Fault(layer, ("quoracy", index, "id"), said)

    def _named_numbers(self) -> set[str]:
        kinds = [kind for file in self.layers for kind in file.kinds]
        return {name for kind in kinds for _, name in kind.named_numbers}


def _tables(file: PolicyFile) -> tuple[tuple[str, Sequence[Edition]], ...]:
    return (
        ("number", file.numbers),
        ("expectation", file.expectations),
        ("meeting_kind", file.kinds),
        ("quoracy", file.quoracy),
        ("code", file.codes),
    )


def _kinds_in(rule: Quoracy) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("required", tuple(kind for each in rule.required for kind in each.any_of)),
        ("not_counted", rule.not_counted),
        ("count_as_one", tuple(kind for group in rule.count_as_one for kind in group)),
    )


def _first_days(layers: Iterable[Sequence[Edition]]) -> dict[str, date]:
    """Each id with the day from which it counts first."""
    found: dict[str, date] = {}
    for editions in layers:
        for each in editions:
            found[each.id] = min(each.from_, found.get(each.id, each.from_))
    return found


def _unknown(name: str, known: Collection[str], what: str) -> str | None:
    return None if name in known else f"there is no {what} called {name}{_near(name, known)}"


def _too_early(name: str, first: date, wanted: date) -> str | None:
    return f"{name} counts only from {first}, and is named from {wanted}" if first > wanted else None


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f": did you mean {near[0]}?" if near else ""
