"""A copy that the mailer gave up may have come all the same: whoever shows that they have it is asked to file it, and
is told when it is taken back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.foundation.servers import SmtpServer
from services.records.shown import shown_record
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    CAMHS,
    CAMHS_COPY,
    FIRST,
    HELD_AT,
    copy_of,
    invited,
    letters,
    missing,
)
from tests.mail_server import mail_server

HOUR = timedelta(hours=1)
FILE_BY = datetime(2026, 4, 20, 23, 0, tzinfo=UTC)
"""Of a copy that was there on the second of April; Good Friday and Easter Monday lie between."""


async def given_up_and_there(embedded: Embedded, clock: MovableClock, how: str) -> None:
    """A decision letter that the mail server took and refused then, and that CAMHS has all the same."""
    house = embedded.house
    await invited(embedded, clock)
    await embedded.take(events.held("m1", attendance=[events.attended("childrens-social-care-1")], time=HELD_AT))
    clock.set(APPROVED_AT)
    sections = [events.section("The plan is reviewed in May.")]
    await embedded.take(events.record(kind="decision", sections=sections, time=APPROVED_AT))
    await house.press.drain()
    async with mail_server() as server:
        server.always["end"] = "554 5.3.0 not here"
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            await mailer.drain()
    copy = await copy_of(house)
    assert (copy.state, copy.why) == ("undelivered", "gave_up")
    clock.set(APPROVED_AT + HOUR)
    if how == "opened":
        await embedded.take(events.dispatch_opened(CAMHS_COPY, at=clock.now()))
    else:
        await embedded.take(events.dispatch_confirmed(CAMHS_COPY, how, at=clock.now()))
    copy = await copy_of(house)
    assert (copy.state, copy.sent_at) == ("sent", None)


@pytest.mark.parametrize("how", ["opened", "noted"])
async def test_who_has_a_copy_that_the_mailer_gave_up_is_asked_to_file_it_from_when_they_showed_that(
    embedded: Embedded, clock: MovableClock, how: str
) -> None:
    house = embedded.house
    await given_up_and_there(embedded, clock, how)
    async with house.database.read() as db:
        page = await shown_record(db, house.intake.policy, "r1")
    assert page is not None
    assert next(each for each in page["copies"] if each.get("agency_id") == "camhs-1")["file_by"] == "2026-04-20"
    clock.set(FILE_BY - HOUR)
    await house.drain()
    assert [each["To"] for each in letters(house, "record_reminder")] == [FIRST]
    assert await missing(house, "not_filed") == []
    clock.set(FILE_BY)
    await house.drain()
    [found] = await missing(house, "not_filed")
    assert found["agency_id"] == "camhs-1"
    assert "has been with them since 2 April 2026, and they were to say by 20 April 2026" in found["text"]
    await embedded.take(events.dispatch_confirmed(CAMHS_COPY, at=clock.now()))
    assert await missing(house, "not_filed") == []


async def test_who_has_a_copy_that_the_mailer_gave_up_is_told_that_it_is_taken_back(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await given_up_and_there(embedded, clock, "opened")
    clock.advance(HOUR)
    await embedded.take(events.recalled("r1", agency_id="camhs-1", time=clock.now()))
    await house.drain()
    assert (await copy_of(house, CAMHS)).state == "recalled"
    assert [each["To"] for each in letters(house, "recall")] == [FIRST]
