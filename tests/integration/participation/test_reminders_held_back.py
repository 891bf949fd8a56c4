"""A reminder to answer that could not leave at once: it does not go where it has nothing to ask any more, and nobody is
told that anything failed, since the invitation itself had gone.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from services.bootstrap import House
from services.foundation.servers import SmtpServer
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.invitations.mailbox import read, take_in
from tests.integration.participation.test_answers_and_asking import (
    DAY,
    DUTY,
    GP,
    HOUR,
    MISSED,
    MOTHER,
    REMINDED,
    STARTS,
    begin,
    moved,
    sent,
    shown,
)
from tests.mail_server import free_port, mail_server


async def written(house: House, clock: MovableClock) -> None:
    """The reminders, while the mail server is away."""
    clock.set(REMINDED)
    await house.tick()


async def undelivered(house: House) -> set[str | None]:
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return {each.get("agency_id") or each.get("person_id") for each in found if each["kind"] == "undelivered"}


async def test_no_reminder_goes_to_whoever_has_answered_by_then(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await written(house, clock)
    clock.advance(HOUR)
    await take_in(embedded, events.answered(at=clock.now(), sequence=0))
    assert (await shown(house))["state"] == "queued"
    clock.advance(HOUR)
    assert set(await sent(house)) == {GP, MOTHER}
    assert await undelivered(house) == set()
    view = await shown(house)
    assert (view["state"], view["answer"]) == ("sent", "accepted")


@pytest.mark.parametrize(
    "moment", [STARTS, STARTS + HOUR / 2, MISSED], ids=["begins", "has_begun", "day_to_answer_by_is_over"]
)
async def test_no_reminder_goes_once_no_answer_can_come_in_time(
    house: House, embedded: Embedded, clock: MovableClock, moment: datetime
) -> None:
    await begin(embedded)
    await written(house, clock)
    clock.set(moment)
    assert await sent(house) == {}
    assert await undelivered(house) == set()
    assert {(await shown(house, who))["state"] for who in ("camhs-1", "gp-1", "p1")} == {"sent"}


async def test_on_the_last_day_to_answer_a_reminder_goes_still(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await written(house, clock)
    clock.set(MISSED - DAY)
    assert set(await sent(house)) == {DUTY, GP, MOTHER}


async def test_no_reminder_goes_for_a_time_that_another_one_has_taken_the_place_of(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await written(house, clock)
    clock.advance(HOUR)
    await take_in(embedded, moved(starts_at=STARTS + DAY, ends_at=STARTS + DAY + HOUR))
    mails = await sent(house)
    assert {to: mail.sequence for to, mail in mails.items()} == {DUTY: 1, GP: 1, MOTHER: 1}
    assert await undelivered(house) == set()


async def test_that_a_reminder_could_not_leave_is_no_trouble_any_more_once_it_has_nothing_to_ask(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await written(house, clock)
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{free_port()}?tls=none")) as mailer:
        await mailer.drain()
    await take_in(embedded, events.agency("gp-1", name="Renamed"))  # since then it is looked at
    clock.advance(HOUR)
    await house.tick()
    assert await undelivered(house) == {"camhs-1", "gp-1", "p1"}
    await take_in(embedded, events.answered(at=clock.now(), sequence=0))
    clock.advance(HOUR)
    assert set(await sent(house)) == {GP, MOTHER}
    assert await undelivered(house) == set()


@pytest.mark.parametrize("refuses", [True, False], ids=["the_room_was_refused", "the_room_went"])
async def test_a_reminder_goes_to_whoever_has_answered_where_it_alone_tells_of_the_room(
    house: House, embedded: Embedded, clock: MovableClock, refuses: bool
) -> None:
    """It tells all that stands: where the message before it failed, the reader learns of the room by this one."""
    await take_in(embedded, events.agency("gp-1"), events.child("c1"), events.involvement(agency_id="gp-1"))
    await take_in(embedded, events.meeting(starts_at=STARTS, ends_at=STARTS + HOUR))
    await sent(house)
    clock.set(REMINDED - HOUR)
    await take_in(embedded, events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR, place="Room 2"))
    await written(house, clock)
    await take_in(embedded, events.answered(agency_id="gp-1", at=clock.now(), sequence=0))
    async with mail_server() as server:
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"] if refuses else []
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            await mailer.drain()
    [mail] = [read(each.content) for each in server.taken if b"text/calendar" in each.content]
    assert "Room 2" in mail.text
    assert mail.subject.startswith("Reminder: ") == refuses
    assert await undelivered(house) == set()
    assert (await shown(house, "gp-1"))["state"] == "sent"
