"""Records of a meeting: minutes, plans, decisions, and who may read which section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StrictInt, Tag

from schemas.payload import Needs, Part, Payload
from schemas.vocabulary import DistinctIds, Id, Line, Listed, ListedIfAny, RecordKind, Text, noun_of, shown, wrong


class Only(Part):
    """These agencies and persons and nobody else."""

    only: DistinctIds


class Except(Part):
    """Everyone but these agencies and persons."""

    except_: DistinctIds = Field(alias="except")


def _one_audience(value: Any) -> Any:
    if isinstance(value, dict) and ("only" in value) == ("except" in value):
        raise wrong("must have exactly one of only and except")
    if value in ("everyone", "professionals") or isinstance(value, Only | Except | dict):
        return value
    given = shown(value) if isinstance(value, str) else noun_of(value)
    raise wrong(f"must be everyone, professionals, or an object with only or except, not {given}")


def _which_audience(value: Any) -> str:
    if isinstance(value, str):
        return "|words"
    return "|only" if isinstance(value, Only) or (isinstance(value, dict) and "only" in value) else "|except"


Audience = Annotated[
    Annotated[Literal["everyone", "professionals"], Tag("|words")]
    | Annotated[Only, Tag("|only")]
    | Annotated[Except, Tag("|except")],
    Discriminator(_which_audience),
    BeforeValidator(_one_audience),
]


class Section(Part):
    """A part of a record that has readers of its own; without `children` it is about all of them."""

    heading: Line
    children: ListedIfAny[Id] = ()
    audience: Audience
    text: Text


class RecordApproved(Payload):
    """`quorate.record.approved.v1`."""

    record_id: Id
    meeting_id: Id
    kind: RecordKind
    version: Annotated[StrictInt, Field(ge=1, le=9999)]
    approved_by: Line
    checked_by: Line | None = None
    sections: Annotated[Listed[Section], Field(min_length=1)]

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)
