"""On a shared database one process reads the mailbox, and another that stands by takes over where it ends."""

from __future__ import annotations

import asyncio

import pytest

from services.bootstrap import House, open_house
from services.foundation.servers import ImapMailbox
from services.running.mail_in import Fetching, Sorting
from services.running.process import Process
from tests.clock import MovableClock
from tests.dovecot import Dovecot, mail
from tests.integration.post.inbox.partnership import rows, waiting
from tests.integration.post.inbox.test_imap import are_put_away, comes_true

pytestmark = [pytest.mark.imap, pytest.mark.postgres, pytest.mark.parametrize("store", ["postgresql"], indirect=True)]


async def test_the_mailbox_is_read_by_one_process_and_by_the_other_once_that_ends(
    house: House, clock: MovableClock, dovecot: Dovecot
) -> None:
    async with open_house(house.settings, clock) as second:
        one, other = Process(house), Process(second)
        place = ImapMailbox(dovecot.url)
        first, next_in_line = Fetching(house, place), Fetching(second, place)
        reading = asyncio.create_task(one.run(first, Sorting(house, 0.1)))
        await comes_true(lambda: first.mailbox is not None)
        standing_by = asyncio.create_task(other.run(next_in_line, Sorting(second, 0.1)))
        dovecot.put(*(mail(number) for number in range(20)))
        await are_put_away(dovecot, 20)
        assert next_in_line.mailbox is None
        assert await other.ready() is None
        one.stop()
        await reading
        dovecot.put(mail(20))
        await are_put_away(dovecot, 21)

        async def all_sorted() -> bool:
            return [row["state"] for row in await rows(house)] == ["for_a_person"] * 21

        await comes_true(all_sorted)
        other.stop()
        await standing_by
    assert len(await waiting(house)) == 21
