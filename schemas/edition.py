"""What every entry of a policy has: a name, the day from which it counts, its source, and whether it is confirmed."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

from schemas.vocabulary import KIND_PATTERN

Name = Annotated[str, Field(pattern=KIND_PATTERN)]
Confirmed = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]


class PolicyPart(BaseModel):
    """A part of a policy: a field that is not known is a slip of the pen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Edition(PolicyPart):
    """What every entry of a policy has: an id, the date from which it counts, its source, and whether it is
    confirmed.
    """

    id: Name
    from_: Day = Field(alias="from")
    source: str = Field(min_length=3)
    confirmed: Confirmed
