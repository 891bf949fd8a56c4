"""Letters about reports and care plans that wait, come back or follow one another closely."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.servers import SmtpServer
from services.invitations import store as invitations
from services.oversight.views import list_exceptions
from services.participation.handlers import refusals
from services.participation.store import reports as requests
from services.participation.store.documents import Refusal
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.integration.participation.test_reports import CAMHS, REMINDER, at, invited, raised, sent, take
from tests.mail_server import mail_server

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


async def invitation_of(house: House) -> tuple[str, bool]:
    """The state of the invitation of CAMHS, and whether anybody counts as asked by it."""
    name = await name_of(house)
    async with house.database.read() as db:
        row = (await invitations.rows_by_id(db, [name]))[name]
    return row["state"], row["asked_at"] is not None


async def test_a_reminder_that_comes_back_leaves_the_invitation_as_it_was_and_a_person_is_told(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.received(address=ADDRESS, sequence=0, revision=0), events.answered())
    assert len(await at(house, clock, REMINDER)) == 2
    back: dict[str, Any] = {"sequence": 0, "letter": "report_reminder", "status": "5.2.2"}
    await take(embedded, events.bounced(address=ADDRESS, at=clock.now(), **back))
    assert await invitation_of(house) == ("delivered", True)
    [text] = await listed(house, "undelivered")
    assert text.startswith("The reminder of their report came back: ")
    await at(house, clock, events.MEETING_AT)
    assert await listed(house, "not_invited") == []


async def test_a_letter_that_asks_for_a_report_and_comes_back_is_one_that_did_not_reach_them(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded, "strategy_discussion")
    await take(embedded, events.answered(answer="declined"))
    assert len(await sent(house)) == 1
    back: dict[str, Any] = {"sequence": 0, "letter": "report_request", "status": "5.2.2"}
    await take(embedded, events.bounced(address=ADDRESS, at=clock.now(), **back))
    assert (await raised(house))["apologies_without_report"].endswith("has not reached them: ask them another way.")
    assert await invitation_of(house) == ("sent", True)


async def test_a_letter_in_the_mailbox_says_nothing_of_the_invitation(house: House, embedded: Door) -> None:
    await invited(embedded)
    await take(embedded, events.received(address=ADDRESS, sequence=0, letter="report_reminder"))
    assert await invitation_of(house) == ("sent", True)


@pytest.mark.parametrize("named", [{}, {"sequence": 0}], ids=["not named", "revision not named"])
async def test_what_came_back_without_saying_what_it_was_does_not_make_them_unasked(
    house: House, embedded: Door, clock: MovableClock, named: dict[str, Any]
) -> None:
    await invited(embedded)
    clock.advance(DAY)
    await take(embedded, events.bounced(address=ADDRESS, at=clock.now(), status="5.2.2", **named))
    assert await invitation_of(house) == ("undelivered", True)


async def test_whoever_takes_apologies_back_before_the_letter_goes_is_not_thanked_for_them(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    clock.advance(timedelta(hours=1))
    await take(embedded, events.answered(at=clock.now()))
    assert await sent(house) == []


@pytest.mark.parametrize("kind", ["strategy_discussion", "initial_conference"])
async def test_apologies_that_are_taken_back_and_sent_again_ask_again_where_the_first_letter_did_not_go(
    house: House, embedded: Door, clock: MovableClock, kind: str
) -> None:
    await invited(embedded, kind)
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    clock.advance(timedelta(hours=1))
    await take(embedded, events.answered(at=clock.now()))
    assert await sent(house) == []
    clock.advance(DAY)
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    [letter] = await sent(house)
    assert "wanted" in letter.subject
    assert await raised(house) == {}


async def test_a_letter_that_the_server_refused_is_written_again_for_new_apologies_and_not_before(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    async with mail_server() as server:
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            await mailer.drain()
    assert await sent(house) == []
    for answer in ("accepted", "declined"):
        clock.advance(DAY)
        await take(embedded, events.answered(answer=answer, at=clock.now()))
        assert len(await sent(house)) == (answer == "declined")
    assert await raised(house) == {}


async def test_a_reminder_with_an_old_date_does_not_go_and_the_new_date_is_reminded_of_in_its_time(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.report(agency_id="gp-1"))
    clock.set(REMINDER)
    await house.tick()
    await take(embedded, events.rescheduled(starts_at=events.MEETING_AT + 7 * DAY, time=clock.now()))
    assert await sent(house) == []
    [letter] = await at(house, clock, REMINDER + 5 * DAY)
    assert "Thursday 2 April 2026" in letter.text


async def test_a_letter_that_asks_for_a_report_by_an_old_day_gives_way_to_one_with_the_new_day(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined", at=clock.now()), events.report(agency_id="gp-1"))
    async with house.database.write() as db:
        name, due_at = await name_of(house), events.MEETING_AT - 9 * DAY
        of_camhs = (await requests.requests_of(db, [name]))[name]
        await requests.put_requests(db, [], [replace(each, due_at=due_at) for each in of_camhs.values()])
    [letter] = await sent(house)
    assert "Monday 30 March 2026" in letter.text
    assert await raised(house) == {}
