"""A conference with many readers and the record of it: what tests and measurements of copies are made with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from tests import events

VERIFIED = date(2026, 1, 5)
APPROVED_AT = datetime(2026, 4, 2, 10, 0, tzinfo=UTC)
BOTH, FIRST, SECOND = ("c1", "c2"), ("c1",), ("c2",)

# Each agency by its kind, and the children on whose account it is asked.
AGENCIES: tuple[tuple[str, Sequence[str]], ...] = (
    ("childrens_social_care", BOTH),
    ("camhs", BOTH),
    ("gp", BOTH),
    ("police", BOTH),
    ("health_visiting", BOTH),
    ("housing", BOTH),
    ("school", FIRST),
    ("school_nursing", FIRST),
    ("paediatrics", FIRST),
    ("nursery", SECOND),
    ("early_help", SECOND),
)

_SENTENCES = (
    "The family was visited by the social worker on four occasions, and both children were seen alone.",
    "Attendance has improved since March and stands at 91 per cent.",
    "The health visitor will call each week, and tell the social worker on the same day where nobody is at home.",
    "It was agreed that the plan goes on, and that the core group meets within ten working days.",
    "Nobody at the meeting disagreed with the decision, and the dissent of no agency is recorded.",
)


def agency_id(kind: str) -> str:
    """The id of the agency of this kind."""
    return f"{kind.replace('_', '-')}-1"


def address(kind: str) -> str:
    """Where the agency of this kind is written to."""
    return f"in@{agency_id(kind)}.gov.example"


def directory() -> list[bytes]:
    """Who there is: two children, their mother, and the agencies involved with them."""
    found = [
        events.child("c1"),
        events.child("c2", initials="CD", date_of_birth=date(2021, 8, 9)),
        events.relative("p1", relationship=[events.tie("c1"), events.tie("c2")], name="عائشة Łucja Żółć"),
    ]
    for kind, children in AGENCIES:
        one = agency_id(kind)
        channels = [events.secure(address(kind), verified_on=VERIFIED)]
        found.append(events.agency(one, kind=kind, channels=channels))
        found += [events.involvement(person_id=child, agency_id=one) for child in children]
    return found


def meeting(meeting_id: str = "m1") -> bytes:
    """The conference about both children."""
    return events.meeting(meeting_id, "initial_conference", children=["c1", "c2"])


def held(meeting_id: str = "m1") -> bytes:
    """It was held: some came, in different ways, and some sent apologies."""
    said = ("present", "present", "apologies", "absent")
    modes = ("in_person", "video", None, None)
    attendance = [
        events.attended(agency_id(kind), said[number % 4], mode=modes[number % 4])
        for number, (kind, _) in enumerate(AGENCIES)
    ]
    return events.held(meeting_id, attendance=attendance, time=events.MEETING_AT)


def text(paragraphs: int, *, of: int = 0) -> str:
    """So many paragraphs and a list after every third."""
    found = []
    for number in range(paragraphs):
        first = (number + of) % len(_SENTENCES)
        found.append(f"{number + 1 + of} " + " ".join((_SENTENCES * 2)[first : first + 5]))
        if number % 3 == 2:
            found.append("\n".join(f"- {sentence}" for sentence in _SENTENCES[:3]))
    return "\n\n".join(found)


def sections(paragraphs: int = 2, *, of: int = 0) -> list[dict[str, Any]]:
    """What the record says: two parts for everyone, one for professionals, one about each child."""
    return [
        events.section(text(2 * paragraphs, of=of), heading="What was said"),
        events.section(f"1. {_SENTENCES[2]}\n2. {_SENTENCES[3]}", heading="What was agreed"),
        events.section(text(paragraphs, of=of + 23), heading="What the agencies know", audience="professionals"),
        events.section(
            text(paragraphs, of=of + 45), heading="The first child", children=["c1"], audience="professionals"
        ),
        events.section(
            text(paragraphs, of=of + 67), heading="The second child", children=["c2"], audience="professionals"
        ),
    ]


def record(record_id: str = "r1", *, meeting_id: str = "m1", paragraphs: int = 2, **more: Any) -> bytes:
    """The record of the conference: approved, and checked for the family."""
    values: dict[str, Any] = {"time": APPROVED_AT, "checked_by": "Alex Second", "sections": sections(paragraphs)}
    return events.record(record_id, meeting_id=meeting_id, **values | more)
