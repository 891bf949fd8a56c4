"""When a meeting is quorate, as an area's policy says it.

Source: rules of the field, section 2.2 (areas differ in who counts, whether all of health is one, and what an inquorate
conference may not do) and section 9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from schemas.edition import Edition, Name, PolicyPart
from schemas.vocabulary import wrong

Mode = Literal["in_person", "video", "phone", "not_noted"]
"""How somebody was there; `not_noted` where the register does not say."""
Refused = Literal["plan_ended", "second_inquorate"]
"""What may not follow from an inquorate meeting unless a person allows it."""
SecondAllowed = Literal["before_birth", "too_few_agencies"]
"""When a second inquorate meeting running is no fault: the child is not born yet, or fewer agencies are in direct
contact than are needed.
"""
Flag = Annotated[bool, Strict()]


class Required(PolicyPart):
    """A party without which the meeting is not quorate: one agency of these kinds has to be there."""

    name: str = Field(min_length=3, description="as it stands in a sentence: 'the police'")
    any_of: tuple[Name, ...] = Field(min_length=1, description="kinds of agency of which one is enough")
    of_the_area: Flag = Field(False, description="only an agency of the area that holds the meeting, or of no area")
    waiting_counts: Flag = Field(False, description="also where the child still waits for its service")


class Quoracy(Edition):
    """When a kind of meeting is quorate: everyone required is there, and so many other agencies in direct contact."""

    required: tuple[Required, ...] = ()
    others: Annotated[int, Strict()] = Field(
        0, ge=0, le=20, description="agencies in direct contact with child or family that are needed as well"
    )
    modes: tuple[Mode, ...] = Field(("in_person", "video", "not_noted"), min_length=1, description="ways that count")
    unrecorded_contact: Literal["counts", "does_not_count"] = Field(
        "counts", description="an agency of which nobody has recorded whether it is in direct contact"
    )
    not_counted: tuple[Name, ...] = Field((), description="kinds that advise, and never count among the others")
    count_as_one: tuple[Annotated[tuple[Name, ...], Field(min_length=1)], ...] = Field(
        (), description="lists of kinds whose agencies count as one agency, however many are there"
    )
    report_counts: Flag = Field(False, description="whether a report that came in time counts like being there")
    line: Name | None = Field(None, description="meetings of one line follow each other; absent: those of this rule")
    refuses: tuple[Refused, ...] = ("plan_ended", "second_inquorate")
    second_allowed: tuple[SecondAllowed, ...] = ()

    @model_validator(mode="after")
    def _can_be_told(self) -> Quoracy:
        if not self.required and not self.others:
            raise wrong("asks for nobody: name who is required, or how many others", "others")
        if said := _twice(kind for each in self.required for kind in set(each.any_of)):
            raise wrong(f"names {said} for two parties: who comes can stand for one of them only", "required")
        if said := _twice(kind for group in self.count_as_one for kind in set(group)):
            raise wrong(f"has {said} in two lists: it can belong to one only", "count_as_one")
        for group in self.count_as_one:
            if sum(not set(group).isdisjoint(each.any_of) for each in self.required) > 1:
                raise wrong("counts as one what is required as two", "count_as_one")
        return self


def _twice(kinds: Iterable[str]) -> str:
    counted = Counter(kinds)
    return ", ".join(sorted(kind for kind, count in counted.items() if count > 1))
