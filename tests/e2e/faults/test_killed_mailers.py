"""A mailer is killed when the mail server has taken messages and the database does not know it yet."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.faults import story
from tests.e2e.faults.line import Line, messages, until
from tests.mail_server import HANG

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

KILLS = 6
FAMILIES = 8  # whose meetings are sent between two kills


async def test_mailers_killed_between_acceptance_and_commit_send_the_same_messages_again_and_lose_none(
    line: Line, say: Callable[[str, Counter[str]], None]
) -> None:
    chance = random.Random(11)
    server, count = line.server, Counter[str]()
    _, mailer = await line.start("worker", "mailer")
    await line.produce(story.agencies())
    await line.produce(story.directory(range(KILLS * FAMILIES)))
    await line.has_taken()
    server.keeps = True
    for kill in range(KILLS):
        before = len(server.taken)
        answered = chance.randrange(FAMILIES * 4)
        # The server takes some messages and says so, takes some more, and says nothing: the mailer has noted none.
        server.script = {"end": [""] * answered}
        server.always = {"end": HANG}
        await line.produce(story.meetings(range(kill * FAMILIES, (kill + 1) * FAMILIES)))

        def hangs(wanted: int = before + answered + 1) -> bool:
            return len(server.taken) >= wanted

        await until(hangs, "the server has taken messages and hangs")
        await line.has_taken()
        mailer.kill()
        count["mailers killed"] += 1
        taken = {message_id for _, message_id, _ in messages(server)}
        sent = await line.ask("SELECT count(*) FROM outbox WHERE channel = 'mail' AND state = 'sent'")
        count["messages taken by the server and not noted"] += len(taken) - sent
        assert len(taken) > sent
        server.heal()
        await line.time_passes("claimed_by IS NOT NULL")
        [mailer] = await line.start("mailer")
        await line.has_settled()
    count += await line.check()
    say("mailer killed -9", count)
    assert count["messages sent again as the same"] >= count["messages taken by the server and not noted"] > KILLS
