"""Children: those born and those expected."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from schemas.payload import Part, Payload, Provides
from schemas.vocabulary import Day, Id, Initials, Kind, Line, ListedIfAny, NhsNumber, wrong


class Placement(Part):
    """Where a looked-after child lives, and the authority of that place."""

    agency_id: Id | None = None
    authority: Line
    since: Day


class ChildRecorded(Payload):
    """`quorate.child.recorded.v1`: a child as it is from `time` on, whole."""

    child_id: Id
    family_id: Id
    authority: Line
    initials: Initials
    nhs_number: NhsNumber | None = None
    date_of_birth: Day | None = None
    expected_on: Day | None = None
    preferred_name: Line | None = None
    pronouns: Line | None = None
    circumstances: ListedIfAny[Kind] = ()
    placement: Placement | None = None
    flags: ListedIfAny[Kind] = ()

    @model_validator(mode="after")
    def _born_or_expected(self) -> Self:
        if self.date_of_birth is not None and self.expected_on is not None:
            raise wrong("must not be given beside date_of_birth: a child is born or expected", "expected_on")
        return self

    def provides(self) -> Provides:
        return (("child", self.child_id), ("person", self.child_id))
