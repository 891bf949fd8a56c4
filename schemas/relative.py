"""Relatives: parents, carers and others who belong to a child."""

from __future__ import annotations

from pydantic import Field, field_validator

from schemas.payload import Needs, Part, Payload, Provides
from schemas.vocabulary import Email, Flag, Id, Kind, Line, Listed, ListedIfAny, Need, wrong


class Relationship(Part):
    """What the relative is to one child."""

    child_id: Id
    kind: Kind
    parental_responsibility: Flag


class RelativeRecorded(Payload):
    """`quorate.relative.recorded.v1`: a relative as they are from `time` on, whole.

    `email` is one that the person gave for this purpose. The field `needs` of the contract is `support_needs` here.
    """

    person_id: Id
    family_id: Id
    relationship: Listed[Relationship] = Field(min_length=1)
    name: Line
    email: Email | None = None
    support_needs: ListedIfAny[Need] = Field(default=(), alias="needs")
    not_with: ListedIfAny[Id] = ()

    @field_validator("relationship")
    @classmethod
    def _responsible_or_not(cls, relationship: tuple[Relationship, ...]) -> tuple[Relationship, ...]:
        # Two kinds of tie to one child may be; two answers to who may read about the child may not.
        said: dict[str, bool] = {}
        for index, tie in enumerate(relationship):
            if said.setdefault(tie.child_id, tie.parental_responsibility) != tie.parental_responsibility:
                raise wrong(
                    "contradicts an earlier entry for the same child: say one of true and false",
                    index,
                    "parental_responsibility",
                )
        return relationship

    def needs(self) -> Needs:
        return (("child", frozenset(tie.child_id for tie in self.relationship)),)

    def provides(self) -> Provides:
        return (("person", self.person_id),)
