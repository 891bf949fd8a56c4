"""The words that several events share: ids, kinds, instants, days, addresses, lines of text.

Each is a type to annotate a field with. A value that does not fit raises a `PydanticCustomError`, or a pydantic error
that `schemas.wording` puts into plain words; neither repeats a name, an address, a date of birth or an NHS number.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
KIND_PATTERN = r"^[a-z][a-z0-9_]{1,63}$"
NEED_PATTERN = r"^(interpreter:[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|[a-z][a-z0-9_]{1,63})$"
URL_PATTERN = r"^https?://[^\s\x00-\x20\x7f-\x9f<>\x22\\^`{|}]+$"
# Control characters, line and paragraph separators, and the marks that turn the reading direction of what follows.
_NOT_IN_A_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
LINE_PATTERN = rf"^[^{_NOT_IN_A_LINE}]*[^{_NOT_IN_A_LINE}\s][^{_NOT_IN_A_LINE}]*$"
_NOT_IN_A_TEXT = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
TEXT_PATTERN = rf"^[^{_NOT_IN_A_TEXT}]*[^{_NOT_IN_A_TEXT}\s][^{_NOT_IN_A_TEXT}]*$"
STATUS_PATTERN = r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$"
BARE_PATTERN = r"^[^\s\x00-\x20\x7f-\x9f<>]+$"

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Years outside these are slips of the keyboard, and would overflow the reckoning of deadlines."""

MOST_ENTRIES = 500
"""No list of the contract is nearly so long; what is longer is refused before each entry is judged."""

_LONDON = "Europe/London"
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-5][0-9])?"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])")
_TELLING = re.compile(r"[0-9][0-9 ]{4,}[0-9]|\S*@\S*")
_NHS_NUMBER = re.compile(r"[0-9]{10}")


def wrong(words: str, *below: str | int) -> PydanticCustomError:
    """An error that says `words` to the reader. `below` leads from the value checked down to the part that is wrong."""
    return PydanticCustomError("quorate", "{words}", {"words": words, "below": below})


def shown(value: str) -> str:
    """At most 40 characters of a kind, a choice or a time, quoted.

    What was put there by mistake and looks like a number of a person or an address is left out.
    """
    plain = "".join(c if c.isprintable() else "?" for c in value[:40])
    return f'"{_TELLING.sub("…", plain)}{"…" if len(value) > 40 else ""}"'


def read_instant(value: object) -> datetime:
    """Read an RFC 3339 time with offset (or take an aware datetime) as an aware datetime in UTC.

    Raises PydanticCustomError when it is something else, has no offset, does not exist in the calendar, or lies outside
    the years 1900 to 2199.
    """
    if isinstance(value, str):
        match = _RFC3339.fullmatch(value)
        if match is None:
            if _DAY.fullmatch(value):
                raise wrong(
                    f'{shown(value)} is a date alone: a time of day and an offset are needed, as in "{value}T09:30:00Z"'
                )
            raise wrong(f'{shown(value)} is not a time: write it as RFC 3339 with offset, as in "2026-03-02T09:30:00Z"')
        if match["offset"] is None:
            raise wrong(
                f"{shown(value)} has no offset, so it could be two different moments: an offset is needed, as in "
                f'"{value[:19]}Z" or "{value[:19]}+01:00"'
            )
        try:
            instant = datetime.fromisoformat(value.upper())
        except ValueError:
            raise wrong(f"{shown(value)} does not exist: check the day, the hour and the offset") from None
    elif isinstance(value, datetime):
        instant = value
        if instant.tzinfo is None:
            raise wrong("has no offset: an aware time is needed")
    else:
        raise wrong(f'must be a time in a string, as in "2026-03-02T09:30:00Z", not {noun_of(value)}')
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise wrong(f"must be a time in the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant.astimezone(UTC)


def read_day(value: object) -> date:
    """Read an ISO 8601 date; an RFC 3339 time with offset stands for the day that it is in England.

    Raises PydanticCustomError as `read_instant` does.
    """
    if isinstance(value, str):
        if _DAY.fullmatch(value):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                raise wrong("is a day that does not exist in the calendar") from None
        else:
            match = _RFC3339.fullmatch(value)
            if match is None or match["offset"] is None:
                raise wrong('must be a date, as in "2026-03-02"')
            try:
                instant = datetime.fromisoformat(value.upper())
            except ValueError:
                raise wrong("is a day or a time that does not exist") from None
            if not FIRST_YEAR <= instant.year <= LAST_YEAR:
                raise wrong(f"must be a date in the years {FIRST_YEAR} to {LAST_YEAR}")
            day = instant.astimezone(ZoneInfo(_LONDON)).date()
    elif isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        raise wrong(f'must be a date in a string, as in "2026-03-02", not {noun_of(value)}')
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise wrong(f"must be a date in the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def read_email(value: object) -> str:
    """Read one bare e-mail address; a domain in other letters comes back in its ASCII (IDNA) form.

    Stricter than RFC 5321 on purpose: no quoted local part, no display name, no list, nothing that could open a second
    header or a second recipient. Raises PydanticCustomError without repeating the value.
    """
    if not isinstance(value, str):
        raise wrong(f"must be an e-mail address in a string, not {noun_of(value)}")
    if len(value) > 254:
        raise wrong(f"is {len(value)} characters long: an e-mail address has at most 254")
    if value != value.strip() or any(c.isspace() or not c.isprintable() for c in value):
        raise wrong("must be one bare e-mail address, without spaces, line breaks or control characters")
    if any(c in '<>,;"()[]\\:' for c in value):
        raise wrong("must be one bare e-mail address, without a name, brackets, quotes, colons, commas or semicolons")
    local, at, domain = value.partition("@")
    if not at or "@" in domain:
        raise wrong("must be an e-mail address with one @, as in duty@camhs.example")
    if len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        raise wrong(
            "must be an e-mail address whose part before the @ is 1 to 64 letters A-Z, digits and . _ + - signs"
        )
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise wrong("must be an e-mail address whose domain can be written in IDNA") from None
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise wrong("must be an e-mail address whose domain is complete and well formed, as in duty@camhs.example")
    return f"{local}@{domain}"


def read_nhs_number(value: object) -> str:
    """Read an NHS number: ten digits, spaces allowed, the last being the modulus 11 check digit.

    Source: NHS Data Dictionary, NHS NUMBER. Raises PydanticCustomError without repeating the value.
    """
    if not isinstance(value, str):
        raise wrong(f"must be an NHS number in a string, not {noun_of(value)}")
    digits = value.replace(" ", "")
    if not _NHS_NUMBER.fullmatch(digits):
        raise wrong("must be an NHS number: ten digits")
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    if check == 10 or check % 11 != int(digits[9]):
        raise wrong("must be an NHS number whose last digit is its check digit: one of the digits is wrong")
    return digits


def noun_of(value: object) -> str:
    """What a reader of JSON calls this value: a number, a list and so on."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return "something else"


def distinct(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The same ids, of which none may be there twice."""
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        for index, one in enumerate(ids):
            if one in seen:
                raise wrong("is there twice: each id once", index)
            seen.add(one)
    return ids


def _not_too_many(value: Any) -> Any:
    if isinstance(value, list) and len(value) > MOST_ENTRIES:
        raise wrong(f"has {len(value)} entries: at most {MOST_ENTRIES} may be")
    return value


def _few_or_none(value: Any) -> Any:
    return () if value is None else _not_too_many(value)


def _on_one_line(value: Any) -> Any:
    if not isinstance(value, str) or ("\n" not in value and "\r" not in value):
        return value
    lines = (line.rstrip(" \t,").lstrip(" \t") for line in re.split(r"[\r\n]+", value))
    return ", ".join(line for line in lines if line)


T = TypeVar("T")
Listed = Annotated[tuple[T, ...], BeforeValidator(_not_too_many)]
ListedIfAny = Annotated[tuple[T, ...], BeforeValidator(_few_or_none)]
"""A list that may be left out or null: then it is empty."""

Id = Annotated[str, StringConstraints(strict=True, pattern=ID_PATTERN)]
Kind = Annotated[str, StringConstraints(strict=True, pattern=KIND_PATTERN)]
"""A word of an open vocabulary in snake_case; the area's policy decides which ones mean something."""
Need = Annotated[str, StringConstraints(strict=True, pattern=NEED_PATTERN)]
DistinctIds = Annotated[Listed[Id], Field(min_length=1), AfterValidator(distinct)]
"""One id or more, each once."""

Instant = Annotated[datetime, BeforeValidator(read_instant)]
"""An aware datetime in UTC."""
Day = Annotated[date, BeforeValidator(read_day)]
Email = Annotated[
    str, BeforeValidator(read_email), WithJsonSchema({"type": "string", "format": "idn-email", "maxLength": 254})
]
NhsNumber = Annotated[
    str, BeforeValidator(read_nhs_number), WithJsonSchema({"type": "string", "pattern": "^ *([0-9] *){10}$"})
]

Line = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=500, pattern=LINE_PATTERN)]
"""Text on one line: a name, a heading. No control characters, not blank."""
Initials = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=10, pattern=LINE_PATTERN)]
Text = Annotated[str, StringConstraints(strict=True, pattern=TEXT_PATTERN)]
"""Text of any number of lines, not blank."""
Place = Annotated[Line, BeforeValidator(_on_one_line)]
"""Where to come to; an address written on several lines is put on one, with commas."""
Url = Annotated[str, StringConstraints(strict=True, max_length=2048, pattern=URL_PATTERN)]
BareAddress = Annotated[str, StringConstraints(strict=True, max_length=320, pattern=BARE_PATTERN)]
"""An address of any channel: no spaces, no line breaks."""
StatusCode = Annotated[str, StringConstraints(strict=True, pattern=STATUS_PATTERN)]
"""An enhanced mail system status code, as in 5.1.1. Source: RFC 3463."""
Flag = StrictBool

MEETING_KINDS = (
    "strategy_discussion",
    "initial_conference",
    "review_conference",
    "transfer_in_conference",
    "pre_birth_conference",
    "core_group",
    "child_in_need_review",
    "looked_after_review",
    "discharge_planning",
    "professionals",
    "missing_trigger",
    "contextual_safeguarding",
    "risk_management",
    "secure_panel",
    "gateway",
    "mdt",
)
"""The kinds of meeting that the contract names; an area may add its own."""

AGENCY_KINDS = (
    "childrens_social_care",
    "police",
    "camhs",
    "gp",
    "health_visiting",
    "school_nursing",
    "midwifery",
    "acute_hospital",
    "paediatrics",
    "looked_after_health",
    "school",
    "early_years",
    "adult_mental_health",
    "adult_social_care",
    "substance_misuse",
    "domestic_abuse",
    "probation",
    "youth_justice",
    "housing",
    "placement",
    "reviewing_officer",
    "designated_nurse",
    "legal",
    "advocacy",
    "voluntary",
)
"""The kinds of agency and service that the contract names; an area may add its own."""

CIRCUMSTANCES = (
    "looked_after",
    "adopted",
    "unaccompanied",
    "homeless",
    "youth_justice",
    "eating_disorder",
)
"""The circumstances of a child that the contract names; an area may add its own."""

ChannelKind = Literal["email", "mesh", "portal"]
InvolvementStatus = Literal["referred", "waiting", "open", "closed"]
ExclusionReason = Literal["childs_wish", "chairs_restriction", "conflict_of_interest", "duplicate"]
AttendanceStatus = Literal["present", "apologies", "absent"]
AttendanceMode = Literal["in_person", "video", "phone"]
Answer = Literal["accepted", "declined", "tentative", "delegated"]
ApologyReason = Literal[
    "clinic_or_surgery_hours",
    "late_notice",
    "place",
    "no_video_or_phone",
    "leave",
    "no_capacity",
    "not_involved",
    "other",
]
"""Why someone cannot come, as far as the field counts it. Source: CQC, Not seen, not heard (barriers for GPs)."""
ReportKind = Literal["report", "care_plan"]
QuoracyException = Literal["inquorate_again", "plan_ended_inquorate", "proceed_inquorate"]
"""What a person with the right to decide may allow although a meeting is not quorate."""
RecordKind = Literal["minutes", "plan", "decision"]
CircumstanceChange = Literal["placement", "hospital_admission", "hospital_discharge", "missing", "was_not_brought"]
Decision = Literal["invited", "not_invited"]
InvitationMethod = Literal["request", "cancel"]
FailureReason = Literal["address_refused", "gave_up", "not_permitted", "too_late", "bounced"]
ExceptionKind = Literal[
    "not_invited",
    "no_usable_address",
    "undelivered",
    "invited_late",
    "no_answer",
    "apologies_without_report",
    "report_late",
    "care_plan_not_received",
    "care_plan_not_forwarded",
    "report_refused",
    "not_distributed",
    "not_filed",
    "plan_end_not_told",
    "flag_not_cleared",
    "attendance_required_missing",
    "inquorate",
    "meeting_not_held",
    "no_planning_meeting",
    "was_not_brought",
    "sibling_without_entry",
    "mail_not_understood",
]
