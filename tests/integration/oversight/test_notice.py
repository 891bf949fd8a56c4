"""Whether an invitation was late is judged by the message that asks, on real parts."""

from __future__ import annotations

from datetime import timedelta

from services.bootstrap import House
from services.intake.accept import Arrival
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock


async def take(house: House, *raw: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"file": "f", "line": 1}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    await house.drain()


async def late(house: House) -> set[str | None]:
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return {each.get("agency_id") for each in found if each["kind"] == "invited_late"}


async def asked_in_good_time(house: House, clock: MovableClock) -> None:
    """A conference four weeks off, to which the child's CAMHS is asked today."""
    starts_at = clock.now() + timedelta(weeks=4)
    await take(
        house,
        events.agency(),
        events.child(),
        events.involvement(),
        events.meeting(starts_at=starts_at, place="Room 1"),
    )
    assert await late(house) == set()


async def test_a_new_room_shortly_before_the_meeting_makes_no_invitation_late(
    house: House, clock: MovableClock
) -> None:
    starts_at = clock.now() + timedelta(weeks=4)
    await asked_in_good_time(house, clock)
    clock.set(starts_at - timedelta(days=1))
    await take(house, events.rescheduled(starts_at=starts_at, place="Room 2"))
    assert await late(house) == set()


async def test_a_new_time_shortly_before_the_meeting_is_late(house: House, clock: MovableClock) -> None:
    starts_at = clock.now() + timedelta(weeks=4)
    await asked_in_good_time(house, clock)
    clock.set(starts_at - timedelta(days=1))
    later = starts_at + timedelta(hours=2)
    await take(house, events.rescheduled(starts_at=later))
    assert await late(house) != set()
