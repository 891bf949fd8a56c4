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
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiosmtplib
from sqlalchemy import func, select

from services.bootstrap import LETTERS, House, open_house
from services.foundation.outbox import outbox
from services.foundation.settings import Settings, SmtpServer
from services.intake.accept import Arrival
from services.post.mime import assemble
from tests.bench import partnership

BATCH = 500


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free loopback port."""
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin:/usr/lib/postfix/sbin")
    if program is None:
        sys.exit("smtp-sink is not installed: it comes with Debian's postfix package")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [program, "-u", "nobody", f"127.0.0.1:{port}", "1000"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield port
        finally:
            process.terminate()


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


async def bare(messages: Sequence[tuple[str, str, bytes]], port: int, connections: int) -> float:
    """The ceiling: messages built beforehand, sent by `aiosmtplib` alone; returns the seconds it took."""
    waiting = deque(messages)

    async def one() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        await client.connect()
        while waiting:
            sender, to, content = waiting.popleft()
            await client.sendmail(sender, [to], content)
        await client.quit()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return time.perf_counter() - start


async def built(house: House, after: int) -> list[tuple[str, str, bytes]]:
    """The messages of the outbox rows after `after`, as they were sent."""
    async with house.database.read() as db:
        query = select(outbox.c.name, outbox.c.params).where(outbox.c.outbox_id > after, outbox.c.channel == "mail")
        rows = (await db.execute(query)).all()
    letters = [LETTERS[row.name].render(row.params, house.settings) for row in rows]
    return [(letter.sender, letter.to, assemble(letter)) for letter in letters]


async def last_row(house: House) -> int:
    """The number of the newest outbox row."""
    async with house.database.read() as db:
        return (await db.execute(select(func.max(outbox.c.outbox_id)))).scalar() or 0


async def run(rounds: int, meetings: int, connections: int) -> None:
    """Print the figures."""
    with sink() as port, tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), smtp_connections=connections, smtp_per_domain=connections)
        async with open_house(settings) as house:
            await take_in(house, list(partnership.agencies()))
            events = [event for number in range(meetings) for event in partnership.family(number)]
            seconds = await take_in(house, events)
            print(f"directory: {len(events)} events accepted, {len(events) / seconds:,.0f} events/s")
            server = SmtpServer(f"smtp://127.0.0.1:{port}?tls=none")
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
                    ceiling = await bare(messages, port, connections)
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
