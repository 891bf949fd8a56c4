"""How fast the embedded default is, beside what this machine's mail path can do at most.

python -m tests.bench.embedded [--rounds 5] [--meetings 500] [--connections 8]

Each round takes in `meetings` events, eight invitations each, and sends them to a local sink, from the first event
taken in to the last message accepted by the sink. Then the very same messages, built beforehand, are sent by bare
`aiosmtplib` over the same number of connections to the same sink: the ceiling. What is quoted is the ratio of the
two, round by round.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.bootstrap import House, open_house
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from tests.bench import partnership
from tests.bench.mail import bare, built, last_row, sink

BATCH = 500


def batches(raw: Iterator[bytes] | Sequence[bytes], size: int = BATCH) -> Iterator[list[Arrival]]:
    """Events as they come to the one path."""
    batch: list[Arrival] = []
    for line, each in enumerate(raw, 1):
        batch.append(Arrival(each, {"file": "bench", "line": line}))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def take_in(house: House, raw: Sequence[bytes]) -> float:
    """Take events in; returns the seconds it took."""
    start = time.perf_counter()
    for batch in batches(raw):
        verdicts = await house.intake.accept(batch)
        assert all(verdict.state == "accepted" for verdict in verdicts)
    return time.perf_counter() - start


async def run(rounds: int, meetings: int, connections: int) -> None:
    """Print the figures."""
    with sink() as taker, tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), smtp_connections=connections, smtp_per_domain=connections)
        async with open_house(settings) as house:
            await take_in(house, list(partnership.agencies()))
            events = [event for number in range(meetings) for event in partnership.family(number)]
            seconds = await take_in(house, events)
            print(f"directory: {len(events)} events accepted, {len(events) / seconds:,.0f} events/s")
            server = SmtpServer(taker.url)
            async with house.mailer(server) as mailer:
                ratios = []
                for turn in range(rounds):
                    raw = [partnership.meeting(turn * meetings + number, number) for number in range(meetings)]
                    before, sent_before = await last_row(house), mailer.tally.sent
                    start = time.perf_counter()
                    accepting = await take_in(house, raw)
                    await mailer.drain()
                    whole = time.perf_counter() - start
                    sent = mailer.tally.sent - sent_before
                    messages = await built(house, before)
                    assert len(messages) == sent, (len(messages), sent)
                    ceiling = await bare(messages, taker.port, connections)
                    ratios.append(ceiling / whole)
                    size = sum(len(content) for _, _, content in messages) / len(messages)
                    print(
                        f"round {turn + 1}: {meetings / accepting:,.0f} meetings/s accepted; {sent} invitations of "
                        f"{size:,.0f} bytes, {sent / whole:,.0f}/s from event to acceptance; "
                        f"bare aiosmtplib {sent / ceiling:,.0f}/s; ratio {ceiling / whole:.2f}"
                    )
                print(f"median ratio {statistics.median(ratios):.2f} over {connections} connections")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--meetings", type=int, default=500)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.rounds, chosen.meetings, chosen.connections))


if __name__ == "__main__":
    main()
