"""Records of a meeting: minutes, plans, decisions, who may read which section, and what is taken back."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, StrictInt, Tag, model_validator

from schemas.payload import Needs, Part, Payload
from schemas.persons import same_person
from schemas.vocabulary import (
    BareAddress,
    DistinctIds,
    Flag,
    Id,
    Instant,
    Kind,
    Line,
    Listed,
    ListedIfAny,
    RecordKind,
    Text,
    noun_of,
    shown,
    wrong,
)

Version = Annotated[StrictInt, Field(ge=1, le=9999)]

MOST_LINES, LINE_LENGTH = 5_000, 80
"""Lines in print, of so many characters, that the sections of a record may have: some 110 pages. Each costs whoever
prints it memory, as an item of a list however short it is."""


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
    """`quorate.record.approved.v1`: `approved_by` is the chair, or whoever stands in, with `in_place_of_chair` to say
    why: without it, nothing goes to family where the meeting's chair is known to be another. `checked_by` is the second
    person who has looked through what the family gets: without one, or with one who may be `approved_by` by another
    name, nothing goes to family. Who surely is the same person is refused. All sections together have at most 5,000
    lines in print.
    """

    record_id: Id
    meeting_id: Id
    kind: RecordKind
    version: Version
    approved_by: Line
    checked_by: Line | None = None
    in_place_of_chair: Line | None = None
    sections: Annotated[Listed[Section], Field(min_length=1)]

    @model_validator(mode="after")
    def _two_people(self) -> Self:
        if self.checked_by is not None and same_person(self.approved_by, self.checked_by):
            raise wrong("must be another person than approved_by: nobody checks what they approved", "checked_by")
        return self

    @model_validator(mode="after")
    def _can_be_printed(self) -> Self:
        held = sum(
            -(-len(line.strip()) // LINE_LENGTH) for section in self.sections for line in section.text.split("\n")
        )
        if held > MOST_LINES:
            raise wrong(f"has about {held} lines in print: a record has at most {MOST_LINES}", "sections")
        return self

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)


class RecordRecalled(Payload):
    """`quorate.record.recalled.v1`: what was sent of a record is taken back, from one party or from everyone. Without
    `version` every version is meant that was approved by then.
    """

    record_id: Id
    meeting_id: Id
    version: Version | None = None
    agency_id: Id | None = None
    person_id: Id | None = None
    reason: Line
    by: Line

    @model_validator(mode="after")
    def _at_most_one_party(self) -> Self:
        if self.agency_id is not None and self.person_id is not None:
            raise wrong("must have at most one of agency_id and person_id")
        return self

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)


class _OfADispatch(Payload):
    """Something about one thing that was sent to one reader: a copy of a record, a notice, a care plan. `meeting_id`
    and `child_id` say which it is about, where it is about one.
    """

    dispatch_id: Id
    meeting_id: Id | None = None
    child_id: Id | None = None
    at: Instant


class DispatchOpened(_OfADispatch):
    """`quorate.dispatch.opened.v1`: the reader opened it, by its link and a code sent to the same address."""


class DispatchConfirmed(_OfADispatch):
    """`quorate.dispatch.confirmed.v1`: the reader says that it is in their own file (`filed`), or that a flag has been
    taken off the record or set on it (`flag_changed`), or that their records carry no such flag (`no_flag`), or that it
    has been taken note of (`noted`): that says nothing of any flag.
    """

    what: Literal["filed", "flag_changed", "no_flag", "noted"]
    by: Line | None = None
    how: Literal["page", "mail", "mesh", "told"]


class DispatchBounced(_OfADispatch):
    """`quorate.dispatch.bounced.v1`: it came back. `status` is an enhanced status code, or what MESH calls it.
    `letter`: it was not what the reader was to get, but a letter of this kind about it, as `reminder` or `recall`.
    """

    address: BareAddress
    status: Line
    permanent: Flag
    letter: Kind | None = None


class DispatchReceived(_OfADispatch):
    """`quorate.dispatch.received.v1`: it is in the mailbox that it was meant for. `letter` as in
    `quorate.dispatch.bounced.v1`.
    """

    address: BareAddress
    letter: Kind | None = None
