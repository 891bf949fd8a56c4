"""Codes that are suggested for a record when a plan starts or ends: a person reads them and codes, nothing codes by
itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.edition import Edition
from schemas.vocabulary import wrong

# The check digit of a SNOMED CT identifier, after J. Verhoeff (1969): each digit goes through a permutation of its
# place and is multiplied into what came before, in the group of the symmetries of a pentagon; the whole gives 0.
_TURNS = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def _times(one: int, other: int) -> int:
    """The product of two symmetries of a pentagon: 0 to 4 are turns, 5 to 9 reflections."""
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other) % 5
    return 5 + (one - other) % 5 if other < 5 else (one - other) % 5


def checks(identifier: str) -> bool:
    """Whether the last digit of an identifier is its right check digit."""
    found = 0
    for place, digit in enumerate(reversed(identifier)):
        found = _times(found, _TURNS[place % 8][int(digit)])
    return found == 0


def _snomed(identifier: str) -> str:
    if not checks(identifier):
        raise wrong(f"{identifier} is not a SNOMED CT identifier: its check digit is wrong")
    return identifier


SnomedCt = Annotated[str, Field(pattern=r"^[1-9][0-9]{5,17}$"), AfterValidator(_snomed)]
Read = Annotated[str, Field(pattern=r"^[0-9A-Za-z.]{5}$")]


class RecordCode(Edition):
    """One thing that a record says of somebody by a code: in each of the systems of codes in which one is known."""

    meaning: str = Field(min_length=3, description="as the code is called")
    of: Literal["child", "household"] = Field(description="whose record it is for")
    when: Literal["started", "ended"] = Field(description="what of a plan it says")
    snomed_ct: SnomedCt | None = None
    read_v2: Read | None = None
    ctv3: Read | None = None

    @model_validator(mode="after")
    def _some_code(self) -> RecordCode:
        if not (self.snomed_ct or self.read_v2 or self.ctv3):
            raise wrong("must have a code: snomed_ct, read_v2 or ctv3", "snomed_ct")
        return self
