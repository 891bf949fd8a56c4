"""Workers join and leave, in order and by a kill, while events keep coming."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from services.foundation.settings import Settings
from services.streams.connection import client_options, the_broker
from tests.e2e.faults.line import Line, logged, until
from tests.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]


@contextmanager
def asking(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client to ask about the group; that Faust says more of its members than others is nothing to complain of."""
    complaining = logging.getLogger("kafka.admin._groups")
    complaining.setLevel(logging.ERROR)
    admin = KafkaAdminClient(**client_options(the_broker(settings)))
    try:
        yield admin
    finally:
        admin.close()
        complaining.setLevel(logging.NOTSET)


def shares(admin: KafkaAdminClient, group: str) -> list[int]:
    """How many partitions each member of the group has; nothing while they are being given out."""
    try:
        found = admin.describe_groups([group])[group]
    except KafkaError:
        return []
    if found["group_state"] != "Stable":
        return []
    return [
        sum(len(each["partitions"]) for each in member["member_assignment"]["assigned_partitions"])
        for member in found["members"]
    ]


async def test_workers_that_join_and_leave_under_load_lose_nothing_and_keep_the_order(
    line: Line, say: Callable[[str, Counter[str]], None]
) -> None:
    count: Counter[str] = Counter()
    at_work: list[Running] = []

    async def join(number: int) -> None:
        at_work.extend(await line.start(*["worker"] * number))
        count["joins"] += number
        await all_at_work()

    async def all_at_work() -> None:
        """Every worker has partitions, and a batch of them."""

        async def shared() -> bool:
            found = await asyncio.to_thread(shares, admin, line.settings.group)
            return len(found) == len(at_work) and all(found)

        await until(shared, f"the partitions are shared by {len(at_work)}", every=0.25)
        before = [len(logged(each, "batch_taken")) for each in at_work]

        def got_on() -> bool:
            return all(len(logged(each, "batch_taken")) > had for each, had in zip(at_work, before, strict=True))

        await until(got_on, "each of them takes something", every=0.25)
        count["times that partitions were shared out"] += 1

    await line.start("mailer")
    with asking(line.settings) as admin:
        async with line.load(families=12):
            await join(1)
            await join(2)
            for ended in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
                leaver = at_work.pop(0)
                if ended == signal.SIGTERM:
                    assert await asyncio.to_thread(leaver.stop) == 0
                    count["left in order"] += 1
                else:
                    leaver.kill()
                    count["left by kill -9"] += 1
                await join(1)
    await line.has_settled()
    count += await line.check()
    say("three workers that join and leave", count)
