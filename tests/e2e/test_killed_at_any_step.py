"""Killed with -9 at any step, and started again: every invitation goes out, none twice but as the same message."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.foundation.database import Database
from services.intake.journal import verify
from tests.mail_server import MailServer, mail_server

ROOT = Path(__file__).parents[2]
KILLED = 9
ANYWHERE, AT_EACH_BOUNDARY, CHAINS, LINKS = 12, 3, 12, 4

# What stands at the end, whatever happened on the way. When something was sent or raised is not part of it.
STATE = {
    "journal": "SELECT seq, source, event_id, hash IS NULL FROM journal ORDER BY seq",
    "meetings": "SELECT meeting_id, state, starts_at FROM meetings ORDER BY meeting_id",
    "entries": "SELECT meeting_id, party, decision, why_not, document FROM entries WHERE known_until IS NULL"
    " ORDER BY meeting_id, party",
    "past entries": "SELECT meeting_id, party, count(*) FROM entries GROUP BY 1, 2 ORDER BY 1, 2",
    "invitations": "SELECT invitation_id, state, sequence, revision, stamp, address, failure, asked_at IS NULL"
    " FROM invitations ORDER BY invitation_id",
    "exceptions": "SELECT exception_id, kind, text, state FROM exceptions ORDER BY exception_id",
    "mail": "SELECT key, name, state, params FROM outbox WHERE channel = 'mail' ORDER BY key, outbox_id",
    "outcomes": "SELECT name, count(*) FROM outbox WHERE channel = 'outcome' GROUP BY name ORDER BY name",
    "timers": "SELECT name, key, due_at FROM timers ORDER BY name, key",
    "waiting": "SELECT count(*) FROM waiting",
}


@dataclass(slots=True)
class Worker:
    """The program that runs the story in processes that it can kill."""

    process: asyncio.subprocess.Process

    async def run(self, home: Path, port: int, kill_at: int | None, steps: Path | None = None) -> int:
        """Run the story on a home; returns the signal that ended it, 0 where it came to its end."""
        order = {"home": str(home), "port": port, "kill_at": kill_at, "steps": str(steps) if steps else None}
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order).encode() + b"\n")
        return int(await stdout.readline())


@asynccontextmanager
async def worker() -> AsyncIterator[Worker]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.killed_worker", stdin=pipe, stdout=pipe, cwd=ROOT
    )
    try:
        yield Worker(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def state(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the database of a home."""
    connection = sqlite3.connect(home / "quorate.db")
    try:
        return {name: connection.execute(query).fetchall() for name, query in STATE.items()}
    finally:
        connection.close()


def sent(server: MailServer) -> dict[str, set[bytes]]:
    """What a server took, by Message-ID."""
    found: dict[str, set[bytes]] = {}
    for each in server.taken:
        found.setdefault(each.message_id, set()).add(each.content)
    return found


def in_order(server: MailServer) -> bool:
    """Whether each calendar entry's messages came, the first time, in the order of their numbers and stamps."""
    last: dict[str, tuple[int, Any]] = {}
    seen: set[str] = set()
    for each in server.taken:
        if each.message_id in seen:
            continue
        seen.add(each.message_id)
        uid, sequence = each.uid_and_sequence
        number = (sequence, each.event.decoded("DTSTAMP"))
        if uid in last and number <= last[uid]:
            return False
        last[uid] = number
    return True


def boundaries(names: Sequence[str]) -> dict[str, list[int]]:
    """The steps at which it matters most whether something is done twice or not at all, by kind: before and after each
    commit, each piece written to the mail server, and each word of its.
    """
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names, 1):
        if "commit" in name or "mail server" in name:
            found.setdefault(name, []).append(number)
    return found


def spread(steps: Sequence[int], count: int) -> list[int]:
    """So many of these steps, evenly."""
    return [steps[(2 * place + 1) * len(steps) // (2 * count)] for place in range(count)]


@dataclass(slots=True)
class Count:
    kills: int = 0
    runs: int = 0
    repeats: int = 0
    at: Counter[str] = field(default_factory=Counter)


@pytest.mark.slow
async def test_killed_at_any_step_every_invitation_goes_out_once_or_as_the_same_message_again(
    tmp_path: Path, counted: Callable[[str], None]
) -> None:
    count = Count()
    async with worker() as one, worker() as other, mail_server() as server:
        noted = tmp_path / "steps"
        assert await one.run(tmp_path / "whole", server.port, None, noted) == 0
        names = noted.read_text().split("\n")
        expected, wanted = state(tmp_path / "whole"), sent(server)
        assert len(server.taken) == len(wanted) > 40
        assert {row[2] for row in expected["mail"]} == {"sent"}
        assert sum("mail server" in name for name in names) > 4 * len(wanted)
        assert in_order(server)

        every = range(1, len(names) + 1)
        hurting = boundaries(names)
        assert len(hurting) == 6
        plans = [[step] for step in spread(every, ANYWHERE)]
        plans += [[step] for steps in hurting.values() for step in spread(steps, AT_EACH_BOUNDARY)]
        # Those that are started again are killed again, further on in what is left to do or before they get there.
        plans += [
            [start, *(start * (7 + link) % 800 + 40 for link in range(1, LINKS))] for start in spread(every, CHAINS)
        ]
        waiting = list(enumerate(plans))

        async def go(by: Worker) -> None:
            while waiting:
                number, plan = waiting.pop()
                await killed(by, tmp_path / str(number), plan)

        async def killed(by: Worker, home: Path, plan: list[int]) -> None:
            async with mail_server() as server:
                for step in plan:
                    ended = await by.run(home, server.port, step)
                    assert ended in (KILLED, 0)
                    count.runs += 1
                    count.kills += ended == KILLED
                    if step == plan[0]:
                        count.at[names[step - 1]] += 1
                assert await by.run(home, server.port, None) == 0
            told = f"killed at {plan}, at first {names[plan[0] - 1]}"
            assert sent(server) == wanted, told
            assert in_order(server), told
            assert state(home) == expected, told
            database = Database(f"sqlite+aiosqlite:///{home / 'quorate.db'}")
            walk, faults = await verify(database)
            await database.close()
            assert (walk.rows, faults) == (len(expected["journal"]), []), told
            count.repeats += len(server.taken) - len(wanted)

        await asyncio.gather(go(one), go(other))
    assert count.kills >= 60
    assert count.repeats > 0  # else no kill fell where it hurts
    assert count.at.keys() >= hurting.keys()
    counted(
        f"{len(names)} steps; {count.kills} kills on {len(plans)} homes in {count.runs + len(plans)} runs; "
        f"{len(wanted)} messages each, {count.repeats} sent a second time with the same Message-ID"
    )
