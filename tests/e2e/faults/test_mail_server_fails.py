"""A mail server with every fault: it puts off, refuses, goes away with a message in hand, and takes a minute."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from services.foundation.settings import Settings
from tests.broker import Broker
from tests.e2e.faults import story
from tests.e2e.faults.conftest import on
from tests.e2e.faults.line import embedded, opened_line, until
from tests.mail_server import DROP, MailServer, Taken

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

FAMILIES = 40
ALWAYS = 1_000_000
OF_THE_SERVER = ("camhs-0.example", "gp-0.example", "police-1.example", "school-0.example")
PATIENCE = 4  # seconds that the mailer waits for an answer


@dataclass
class Fault:
    """What the server does to messages for one domain, so many times: at which stage, and what it says then.

    `keeps`: the message is taken all the same; `seconds`: the answer comes so late.
    """

    name: str
    stage: str
    answer: str
    times: int
    keeps: bool = False
    seconds: float = 0.0


def faults() -> dict[str, Fault]:
    """By domain. Those of the server itself are among whom the first meeting asks: it meets them all at once."""
    return {
        "camhs-0.example": Fault("421", "RCPT", "421 4.3.2 going down", 1),
        "gp-0.example": Fault("connection dropped after DATA (taken)", "end", DROP, 1, keeps=True),
        "police-1.example": Fault("connection dropped after DATA (not taken)", "end", DROP, 1),
        "school-0.example": Fault(
            "60 seconds for an answer (taken)", "end", "250 2.0.0 taken", 1, keeps=True, seconds=60.0
        ),
        "camhs-1.example": Fault("451", "RCPT", "451 4.3.0 not now", 6),
        "gp-1.example": Fault("452", "end", "452 4.3.1 no room", 6),
        "school-1.example": Fault("451 after DATA", "end", "451 4.3.0 not now", 6),
        "camhs-2.example": Fault("550", "RCPT", "550 5.1.1 nobody here", ALWAYS),
        "gp-2.example": Fault("552", "end", "552 5.2.2 too much", ALWAYS),
        "school-2.example": Fault("554", "end", "554 5.6.0 no", ALWAYS),
    }


class FaultyServer(MailServer):
    """A server with these faults, and what it did of each."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = faults()
        self.done: Counter[str] = Counter()

    def _fault(self, address: str, stage: str) -> Fault | None:
        fault = self.faults.get(address.rpartition("@")[2])
        if fault is None or fault.stage != stage or self.done[fault.name] >= fault.times:
            return None
        self.done[fault.name] += 1
        return fault

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        fault = self._fault(address, "RCPT")
        if fault is not None:
            return fault.answer
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 go on"

    async def handle_DATA(self, session: Any, of: Any, envelope: Envelope) -> str:  # noqa: N802
        (to,) = envelope.rcpt_tos
        fault = self._fault(to, "end")
        if fault is None:
            return await super().handle_DATA(session, of, envelope)
        if fault.keeps:
            self.taken.append(Taken(envelope.mail_from or "", to, envelope.original_content or b""))
        await asyncio.sleep(fault.seconds)
        return str(await session.obey(fault.answer))


def place(row: Any) -> tuple[str, str]:
    """Of whom to which meeting a row is."""
    return row["meeting_id"], row["agency_id"]


async def test_whatever_the_mail_server_does_every_message_goes_out_or_is_told_of(
    make_settings: Callable[..., Awaitable[Settings]],
    broker: Broker,
    tmp_path: Path,
    say: Callable[[str, Counter[str]], None],
) -> None:
    server = FaultyServer()
    for_good = {domain for domain, fault in server.faults.items() if fault.times == ALWAYS}
    async with opened_line(await make_settings(**on(broker)), tmp_path, server) as line:
        await line.start("worker", "mailer", smtp_timeout=PATIENCE)
        await line.produce(story.agencies())
        await line.produce(story.directory(range(FAMILIES)))
        await line.has_taken()
        await line.produce(story.meetings(range(1)))

        def server_failed() -> bool:
            return all(server.done[server.faults[domain].name] for domain in OF_THE_SERVER)

        await until(server_failed, "the server has failed in all of its ways")
        await line.produce(story.meetings(range(1, FAMILIES)))
        await line.has_settled(time_passes=True)

        expected = await embedded(tmp_path / "embedded", line.told, line.settings.secret or "")
        refused = {message for message in expected if message[0].rpartition("@")[2] in for_good}
        count = Counter({f"times {name}": times for name, times in server.done.items()})
        count["messages refused for good"] = len(refused)
        count += await line.check(expected - refused)
        async with line.database() as db:
            failed = await db.fetchval("SELECT count(*) FROM outbox WHERE channel = 'mail' AND state = 'failed'")
            standing = await db.fetch(
                "SELECT meeting_id, agency_id, address, state FROM invitations WHERE state <> 'cancelled'"
            )
            told = await db.fetch(
                "SELECT meeting_id, agency_id FROM exceptions WHERE kind = 'undelivered' AND state = 'raised'"
            )
    assert failed == len(refused)
    unreached = {place(row) for row in standing if row["address"].rpartition("@")[2] in for_good}
    assert {place(row) for row in standing if row["state"] == "undelivered"} == unreached
    assert Counter(map(place, told)) == Counter(unreached)
    count["invitations told of as undelivered"] = len(unreached)
    say("a mail server that fails", count)
