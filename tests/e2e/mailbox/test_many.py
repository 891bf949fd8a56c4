"""A flood of mail: each message costs what the first one did, nothing is lost, and other work goes on meanwhile."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import pytest

from tests import events
from tests.dovecot import mail, missing, running_dovecot
from tests.running import Running, Up

pytestmark = [pytest.mark.imap, pytest.mark.slow]

WITHIN = 150.0
BOMB, KILLED = 1_000, 360


def states(home: Path) -> dict[str, int]:
    """How many messages are in each state."""
    connection = sqlite3.connect(f"file:{home / 'quorate.db'}?mode=ro", uri=True, timeout=30)
    try:
        return dict(connection.execute("SELECT state, count(*) FROM received_mail GROUP BY state"))
    finally:
        connection.close()


def test_a_flood_of_messages_is_worked_through_at_the_pace_of_the_first_while_other_work_goes_on(
    tmp_path: Path, require: Callable[[str, bool, str], None], counted: Callable[[str], None]
) -> None:
    require("dovecot", *missing())
    with running_dovecot(tmp_path / "dovecot") as server, Up(tmp_path / "home", imap=server.url) as up:
        server.drop_in(mail(number) for number in range(BOMB))
        sorted_at: list[tuple[float, int]] = []
        waits: list[float] = []
        begun, number = monotonic(), 0
        while True:
            asked = monotonic()
            starts_at = datetime.now(UTC) + timedelta(days=30)
            raw = [events.child(f"c{number}", family_id=f"f{number}")]
            raw.append(events.meeting(f"m{number}", children=[f"c{number}"], starts_at=starts_at))
            assert up.send_all(raw)["accepted"] == 2
            waits.append(monotonic() - asked)
            number += 1
            told = int(up.measure("quorate_mail_for_a_person"))
            sorted_at.append((monotonic() - begun, told))
            if told == BOMB:
                break
            assert monotonic() - begun < WITHIN, states(up.home)
            sleep(0.1)
        took = sorted_at[-1][0]
        assert states(up.home) == {"for_a_person": BOMB}
        assert (server.count("INBOX"), server.count("Quorate")) == (0, BOMB)
    first = next(at for at, told in sorted_at if told >= BOMB // 5)
    last = took - next(at for at, told in sorted_at if told >= BOMB - BOMB // 5)
    counted(
        f"{BOMB:,} messages put in, {BOMB:,} kept and told apart in {took:.1f} s ({1000 * took / BOMB:.1f} ms each; "
        f"the first fifth {first:.1f} s, the last {last:.1f} s); meanwhile {number} batches of events over HTTP, "
        f"median {1000 * median(waits):.0f} ms, at most {1000 * max(waits):.0f} ms"
    )


def test_killed_again_and_again_a_process_loses_no_message_and_takes_none_twice(
    tmp_path: Path, require: Callable[[str, bool, str], None], counted: Callable[[str], None]
) -> None:
    require("dovecot", *missing())
    home = tmp_path / "home"
    kills = 0
    with running_dovecot(tmp_path / "dovecot") as server:
        server.drop_in(mail(number) for number in range(KILLED))
        until = monotonic() + WITHIN
        kept = 0
        while kept < KILLED:
            with Running("mailbox", home, imap=server.url) as process:
                aim = min(sum(states(home).values()) + 90, KILLED)
                while (kept := sum(states(home).values())) < aim:
                    assert monotonic() < until, states(home)
                    sleep(0.005)
                process.kill()
                kills += 1
        with Running("mailbox", home, imap=server.url) as process:
            while states(home) != {"for_a_person": KILLED} or server.count("INBOX"):
                assert monotonic() < until, states(home)
                sleep(0.05)
            assert process.stop(signal.SIGTERM) == 0
        assert states(home) == {"for_a_person": KILLED}
        assert server.count("Quorate") == KILLED
    documents = [path for path in (home / "documents").glob("*/*") if path.is_file()]
    assert len(documents) == KILLED
    assert kills >= 3
    counted(f"{KILLED} messages put in, the process killed with -9 {kills} times: {KILLED} kept, each once")
