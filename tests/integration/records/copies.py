"""A meeting with readers, whose record is approved and sent: what tests of copies stand on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from services.bootstrap import House
from services.oversight.views import list_exceptions
from services.records.rules.dispatch import Dispatch, dispatch_id
from services.records.store import dispatches
from services.records.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.mailbox import messages

VERIFIED = date(2026, 1, 5)
FIRST, SECOND = "in@camhs-1.nhs.example", "duty@camhs-1.nhs.example"
COUNCIL = "team@council.gov.example"
HELD_AT = events.MEETING_AT
APPROVED_AT = datetime(2026, 4, 2, 10, 0, tzinfo=UTC)
DECISION_REMINDED = datetime(2026, 4, 2, 8, 0, tzinfo=UTC)
DECISION_DUE = datetime(2026, 4, 2, 23, 0, tzinfo=UTC)
"""A Thursday, the day after the meeting; Good Friday is the day after that, and Easter Monday follows."""
CAMHS = "agency:camhs-1:"
CAMHS_COPY = dispatch_id("record", "r1", 1, CAMHS)


def camhs(*addresses: str, verified_on: date | None = VERIFIED, **more: Any) -> bytes:
    """CAMHS with these secure addresses, the first before the others."""
    channels = [
        events.secure(each, **({"verified_on": verified_on - timedelta(days=number)} if verified_on else {}))
        for number, each in enumerate(addresses or (FIRST, SECOND))
    ]
    return events.agency("camhs-1", channels=channels, **more)


def council(**more: Any) -> bytes:
    """The social care of the area that holds the meeting."""
    return events.agency("childrens-social-care-1", channels=[events.secure(COUNCIL, verified_on=VERIFIED)], **more)


async def invited(
    door: Door,
    clock: MovableClock,
    *others: bytes,
    kind: str = "initial_conference",
    addresses: Sequence[str] = (FIRST, SECOND),
) -> None:
    """CAMHS and the council are asked to a meeting."""
    await door.take(
        camhs(*addresses),
        council(),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="camhs-1", status="waiting"),
        events.involvement(person_id="c1", agency_id="childrens-social-care-1"),
        *others,
        events.meeting("m1", kind, children=["c1"]),
    )
    await door.house.drain()
    clock.set(HELD_AT + timedelta(hours=3))


async def approved(
    door: Door, clock: MovableClock, *, at: datetime = APPROVED_AT, sections: Sequence[Any] | None = None, **more: Any
) -> None:
    """A record of the meeting is approved then, and its copies are sent."""
    clock.set(at)
    sections = [events.section("The plan is reviewed in May.")] if sections is None else sections
    values: dict[str, Any] = {"kind": "decision", "time": at, **more}
    await door.take(events.record(sections=sections, **values))
    await door.house.drain()


async def forwarded(
    door: Door, clock: MovableClock, *others: bytes, addresses: Sequence[str] = (FIRST, SECOND), **more: Any
) -> None:
    """The meeting was held, and its decision letter has been sent to everyone who was asked."""
    await invited(door, clock, *others, addresses=addresses)
    await door.take(events.held("m1", attendance=[events.attended("childrens-social-care-1")], time=HELD_AT))
    await approved(door, clock, **more)


async def copy_of(house: House, party: str = CAMHS, record_id: str = "r1", version: int = 1) -> Dispatch:
    """The copy of one reader as it stands."""
    async with house.database.read() as db:
        name = dispatch_id("record", record_id, version, party)
        return (await dispatches.by_ids(db, [name]))[name]


async def explained(house: House, meeting_id: str = "m1", as_of: datetime | None = None) -> dict[str, Any]:
    """A meeting as explained."""
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, meeting_id, as_of, house.clock.now())
    assert found is not None
    return found


async def shown(house: House, agency_id: str = "camhs-1", as_of: datetime | None = None) -> list[dict[str, Any]]:
    """What is explained of an agency's copies."""
    entries = (await explained(house, as_of=as_of))["entries"]
    return next(entry.get("record", []) for entry in entries if entry.get("agency_id") == agency_id)


async def missing(house: House, *kinds: str, every: bool = False) -> list[dict[str, Any]]:
    """The exceptions about records, open ones unless `every`."""
    async with house.database.read() as db:
        found = await list_exceptions(db, every=every)
    return [each for each in found if each["kind"] in (kinds or ("not_distributed", "not_filed"))]


def letters(house: House, name: str = "record") -> list[EmailMessage]:
    """The letters of a kind that have come out, in their order."""
    return [each for each in messages(house.settings.home) if f".{name}" in str(each["Message-ID"])]
