"""A copy that was on its way when it came to be known that its reader may not have it: nobody says that it was not
sent, and what is taken back is taken back from them too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.outbox import LEASE
from services.foundation.servers import SmtpServer
from services.records.shown import shown_record
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import APPROVED_AT, CAMHS, FIRST, copy_of, invited, letters, missing
from tests.integration.records.test_versions import version
from tests.mail_server import DROP, mail_server

EXCLUDED = [{"agency_id": "camhs-1", "reason": "conflict_of_interest", "by": "Chair", "note": "Noted."}]


@pytest.mark.parametrize("how", ["its mailer was killed", "the connection was lost after the content"])
async def test_of_a_copy_that_may_have_gone_before_it_was_kept_back_nobody_says_that_it_was_not_sent(
    embedded: Embedded, clock: MovableClock, how: str
) -> None:
    house = embedded.house
    await put_in_doubt(embedded, clock, how)
    copy = await copy_of(house)
    assert (copy.state, copy.why) == ("undelivered", "may_have_gone")
    [told] = [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]
    assert "may have reached them: it was on its way, and nobody knows whether it arrived" in told["text"]
    assert (await shown(house)).startswith("not known to have arrived: it was on its way")
    clock.advance(timedelta(hours=1))
    await embedded.take(events.recalled("r1", time=clock.now()))
    await house.drain()
    assert FIRST in {str(each["To"]) for each in letters(house, "recall")}
    assert not [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]


async def printed(embedded: Embedded, clock: MovableClock) -> None:
    """The minutes are printed, and wait to be sent."""
    await invited(embedded, clock)
    clock.set(APPROVED_AT)
    await embedded.take(version(1))
    await embedded.house.press.drain()


async def put_in_doubt(embedded: Embedded, clock: MovableClock, how: str) -> None:
    house = embedded.house
    await printed(embedded, clock)
    async with mail_server() as server:
        server.keeps = True
        server.always["end"] = DROP if "lost" in how else ""
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            if "killed" in how:
                for row in await mailer._claim():
                    await mailer._send(row)
            else:
                await mailer.drain()
        assert FIRST in {each.to for each in server.taken}
    clock.advance(LEASE + timedelta(minutes=1))
    async with house.mailer(SmtpServer("smtp://127.0.0.1:1?tls=none")) as mailer:
        await mailer.drain()  # where nothing is tried, nothing that was known is forgotten
    clock.advance(timedelta(minutes=1))
    await embedded.take(events.meeting("m1", do_not_invite=EXCLUDED, time=clock.now()))
    await house.drain()


async def shown(house: House) -> str:
    async with house.database.read() as db:
        page = await shown_record(db, house.intake.policy, "r1")
    assert page is not None
    [said] = [str(each["text"]) for each in page["copies"] if each.get("agency_id") == "camhs-1"]
    return said


async def test_what_is_heard_of_a_copy_in_doubt_ends_the_doubt_and_never_what_a_person_has_to_decide(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await put_in_doubt(embedded, clock, "its mailer was killed")
    copy = await copy_of(house)

    async def heard(event: bytes) -> tuple[str, str | None, str]:
        await embedded.take(event)
        now = await copy_of(house)
        [told] = [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]
        return now.state, now.why, told["text"]

    at: dict[str, Any] = {"at": clock.now(), "time": clock.now()}
    state, why, text = await heard(events.dispatch_bounced(copy.dispatch_id, address=FIRST, **at))
    assert (state, why) == ("withheld", "not_permitted")
    assert "has not reached them" in text
    for event in (  # a second mailbox behind the address took it
        events.dispatch_received(copy.dispatch_id, address=FIRST, **at),
        events.dispatch_bounced(copy.dispatch_id, address=FIRST, **at),
        events.dispatch_opened(copy.dispatch_id, **at),
        events.dispatch_confirmed(copy.dispatch_id, what="filed", **at),
    ):
        state, why, text = await heard(event)
        assert (state, why) == ("undelivered", "may_have_gone")
        assert "has reached them: it was on its way when it was kept back" in text
    clock.advance(timedelta(days=40))
    await house.drain()
    assert (await shown(house)).startswith("filed: it was on its way when it was kept back")
    await embedded.take(events.recalled("r1", agency_id="camhs-1", time=clock.now()))
    await house.drain()
    assert FIRST in {str(each["To"]) for each in letters(house, "recall")}
    assert not [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]


@pytest.mark.parametrize("put_off", [True, False], ids=["put off at its address", "never tried"])
async def test_one_of_which_the_server_was_given_nothing_was_not_sent(
    embedded: Embedded, clock: MovableClock, put_off: bool
) -> None:
    house = embedded.house
    await printed(embedded, clock)
    if put_off:
        async with mail_server() as server:
            server.always["RCPT"] = "451 4.7.1 greylisted"
            async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
                await mailer.drain()
            assert mailer.tally.put_off
    clock.advance(timedelta(hours=1))
    await embedded.take(events.meeting("m1", do_not_invite=EXCLUDED, time=clock.now()))
    await house.drain()
    copy = await copy_of(house)
    assert (copy.party, copy.state, copy.why) == (CAMHS, "withheld", "not_permitted")
    await embedded.take(events.recalled("r1", time=clock.now()))
    await house.drain()
    assert FIRST not in {str(each["To"]) for each in letters(house, "recall")}
