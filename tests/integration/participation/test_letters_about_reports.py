"""Letters about reports and care plans that wait, come back or follow one another closely."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.bootstrap import House
from services.invitations import store as invitations
from services.oversight.views import list_exceptions
from services.participation.handlers import refusals
from services.participation.store.documents import Refusal
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.integration.participation.test_reports import CAMHS, REMINDER, at, invited, sent, take

ADDRESS = "camhs-1@agencies.gov.example"
DAY = timedelta(days=1)


async def listed(house: House, kind: str, agency_id: str = CAMHS) -> list[str]:
    """What is said of an agency in the open exceptions of a kind."""
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return [each["text"] for each in found if (each["kind"], each.get("agency_id")) == (kind, agency_id)]


async def name_of(house: House) -> str:
    """The invitation of CAMHS."""
    async with house.database.read() as db:
        [found] = [
            each for each in (await invitations.of_meetings(db, ["m1"]))["m1"].values() if each.agency_id == CAMHS
        ]
    return found.invitation_id


async def test_whoever_was_asked_a_moment_before_is_not_reminded(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    clock.set(REMINDER - timedelta(minutes=2))
    await take(embedded, events.report(agency_id="gp-1"), events.answered(answer="declined", at=clock.now()))
    [asked] = await sent(house)
    assert asked.subject.startswith("Report and care plan wanted")
    assert await at(house, clock, REMINDER) == []


async def test_a_file_that_was_refused_is_not_missed_at_a_meeting_that_will_not_take_place(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    refusal = Refusal("m1", await name_of(house), CAMHS, None, "infected", clock.now())
    async with house.database.write() as db:
        work = house.intake.work(db)
        await refusals.note(work, refusal)
        await house.intake.finish(work)
    assert len(await listed(house, "report_refused")) == 1
    await take(embedded, events.cancelled())
    clock.advance(DAY)
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    await take(embedded, events.rescheduled(time=clock.now()))
    assert await listed(house, "report_refused") == []
