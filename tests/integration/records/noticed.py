"""Families with a plan, and the notices about it that have come out by then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.bootstrap import House
from services.oversight.views import list_exceptions
from services.records.rules.dispatch import NOTICE, Dispatch
from services.records.rules.notices import Notice
from services.records.store import dispatches
from services.records.store import plans as store
from tests import events
from tests.mailbox import Mail, messages

SOCIAL_CARE, POLICE, SCHOOL, GP, CAMHS, NURSE = (
    "childrens_social_care-1",
    "police-1",
    "school-1",
    "gp-1",
    "camhs-1",
    "school_nursing-1",
)
EVERYONE = (SOCIAL_CARE, POLICE, SCHOOL, GP, CAMHS, NURSE)
QUORUM = [events.attended(each, mode="in_person") for each in (SOCIAL_CARE, SCHOOL, GP)]
TOO_FEW = [events.attended(SOCIAL_CARE), events.attended(SCHOOL)]

STARTED_ON, ENDED_ON = date(2026, 4, 1), date(2026, 10, 1)
REVIEW_AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
AFTER = datetime(2026, 10, 1, 15, 0, tzinfo=UTC)
"""A Thursday afternoon, after the review conference that ends the plan."""


def family(child_id: str = "c1", **more: Any) -> list[bytes]:
    """A child at school, with a GP, on the waiting list of CAMHS."""
    works = [
        events.involvement(person_id=child_id, agency_id=each, direct_contact=True) for each in (SCHOOL, GP, NURSE)
    ]
    waits = events.involvement(person_id=child_id, agency_id=CAMHS, status="waiting")
    return [
        events.child(child_id, **more),
        *works,
        waits,
        events.involvement(person_id=child_id, agency_id=SOCIAL_CARE),
    ]


def directory() -> list[bytes]:
    """Everyone who is there, and one family."""
    return [*(events.agency(each) for each in EVERYONE), *family(), events.relative()]


def conference(meeting_id: str = "m1", **more: Any) -> bytes:
    """The conference that makes the plan."""
    return events.meeting(meeting_id, **more)


def review(meeting_id: str = "m2", **more: Any) -> bytes:
    """The conference that ends it."""
    return events.meeting(meeting_id, "review_conference", **{"starts_at": REVIEW_AT} | more)


def held(attendance: Sequence[Any] = QUORUM, meeting_id: str = "m2", **more: Any) -> bytes:
    """That the review took place."""
    return events.held(meeting_id, attendance=attendance, held_at=REVIEW_AT, **more)


class Told(Mail):
    """One notice as it went out."""

    @property
    def what(self) -> str:
        return {
            "started": "started",
            "plan ended": "ended",
            "changed": "changed",
            "NOT": "stands",
            "plan: please": "joined",
        }[next(each for each in ("NOT", "started", "plan ended", "changed", "plan: please") if each in self.subject)]


def told(house: House) -> list[Told]:
    """The notices that have come out."""
    kinds = (".notice@", ".reminder@")
    return [
        Told(each) for each in messages(house.settings.home) if any(kind in str(each["Message-ID"]) for kind in kinds)
    ]


def whom(some: Sequence[Told], what: str) -> set[str]:
    """The agencies that were told this, by the first part of their address."""
    return {each.to.partition("@")[0] for each in some if each.what == what}


async def written(house: House, child_id: str = "c1") -> list[Dispatch]:
    """The dispatches of notices about a child."""
    async with house.database.read() as db:
        some = (await dispatches.of_children(db, [child_id])).get(child_id, [])
    return [each for each in some if each.kind == NOTICE]


async def notices(house: House, child_id: str = "c1") -> list[Notice]:
    """The notices about a child."""
    async with house.database.read() as db:
        return (await store.notices_of(db, [child_id])).get(child_id, [])


async def missing(house: House, *, every: bool = False) -> list[dict[str, Any]]:
    """The exceptions about notices that are open, or all of them."""
    async with house.database.read() as db:
        listed = await list_exceptions(db, every=every)
    return [each for each in listed if "meeting_id" not in each]


def later(days: float) -> datetime:
    """So many days after the plan ended."""
    return AFTER + timedelta(days=days)
