"""Runs a story of events from intake to the mail server in a process that kills itself at a numbered step.

Started as a program it imports everything once, then forks a process for each line on standard input:
`{"home": folder, "port": of the mail server, "kill_at": step or null, "steps": file for the steps' names or null}`. It
answers with the signal that ended that process, 0 where it came to its end. A step is every point at which the process
hands something out or gets something back: before and after each statement and each commit, before and after each piece
written to the mail server and read from it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]  # not for all
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from services.bootstrap import open_house
from services.foundation.clock import FixedClock
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from tests import events

AT_ONCE = 8
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class Steps:
    """Counts steps, and ends the process at one of them."""

    kill_at: int | None
    names: list[str] = field(default_factory=list)

    def pass_by(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def around(steps: Steps, of: type, name: str, step: str) -> None:
    """Pass by a step before and after each call of a method."""
    whole: Callable[..., Any] = getattr(of, name)

    def counted(*args: Any, **named: Any) -> Any:
        steps.pass_by(f"before {step}")
        result = whole(*args, **named)
        steps.pass_by(f"after {step}")
        return result

    setattr(of, name, counted)


def count(steps: Steps) -> None:
    """From here on every step counts."""

    def statement(when: str) -> Callable[..., None]:
        return lambda *args: steps.pass_by(f"{when} {args[2].split(None, 1)[0]}")

    event.listen(Engine, "before_cursor_execute", statement("before"))
    event.listen(Engine, "after_cursor_execute", statement("after"))
    around(steps, DefaultDialect, "do_commit", "commit")
    # The mail server's are the only sockets of the process.
    around(steps, _SelectorSocketTransport, "write", "write to the mail server")
    around(steps, _SelectorSocketTransport, "_read_ready", "word of the mail server")


@dataclass(frozen=True)
class Chapter:
    """What comes in at one moment."""

    at: datetime
    raw: Sequence[bytes]


def _inbox(agency_id: str, name: str = "inbox", secure: bool = True) -> list[dict[str, Any]]:
    return [{"kind": "email", "address": f"{name}@{agency_id}.example", "secure": secure}]


def story() -> list[Chapter]:
    """Three families: meetings are scheduled, moved, given another room, taken back; newcomers come, addresses go."""
    recorded = MONDAY - timedelta(days=90)
    agencies = ["childrens-social-care-1", "police-1", "gp-1", "school-1", "health-visiting-1", "school-nursing-1"]
    duty = events.team("duty", "waiting")
    first = [
        *(events.agency(each, channels=_inbox(each), id=f"a-{each}", time=recorded) for each in agencies),
        events.agency("camhs-1", channels=_inbox("camhs-1"), teams=[duty], id="a-camhs", time=recorded),
    ]
    for family in (1, 2, 3):
        child, key = f"c{family}", f"f{family}"
        first.append(events.child(child, family_id=key, id=f"child-{family}", time=recorded))
        relationship = [events.tie(child)]
        first.append(
            events.relative(f"p{family}", family_id=key, relationship=relationship, id=f"p{family}", time=recorded)
        )
        for agency_id, status in (("camhs-1", "waiting"), ("school-1", "open")):
            first.append(
                events.involvement(
                    person_id=child,
                    agency_id=agency_id,
                    status=status,
                    partition_key=key,
                    id=f"i-{child}-{agency_id}",
                    since=date(2025, 11, 3),
                    time=recorded,
                )
            )
    for family, kind in ((1, "strategy_discussion"), (2, "initial_conference"), (3, "core_group")):
        first.append(
            events.meeting(
                f"m{family}",
                kind,
                children=[f"c{family}"],
                starts_at=MONDAY + timedelta(days=14 * family),
                partition_key=f"f{family}",
                id=f"m{family}",
                time=MONDAY,
            )
        )
    soon = MONDAY + timedelta(minutes=15)
    first.append(events.meeting("m-soon", "professionals", children=["c1"], starts_at=soon, id="m-soon", time=MONDAY))
    ten = MONDAY + timedelta(minutes=10)
    moved = MONDAY + timedelta(days=20)
    second = [
        events.rescheduled("m1", starts_at=moved, id="r1", time=ten),
        events.rescheduled(
            "m2", starts_at=MONDAY + timedelta(days=28), place="Room 9", partition_key="f2", id="r2", time=ten
        ),
        events.involvement(person_id="c1", agency_id="gp-1", id="i-gp", time=ten),
        events.agency("school-1", channels=_inbox("school-1", "new"), id="a-school-2", time=ten),
        events.agency("police-1", channels=_inbox("police-1", secure=False), id="a-police-2", time=ten),
    ]
    twenty = MONDAY + timedelta(minutes=20)
    third = [
        events.cancelled("m1", id="x1", time=twenty),
        events.agency("police-1", channels=_inbox("police-1"), id="a-police-3", time=twenty),
        events.meeting(
            "m4",
            "strategy_discussion",
            children=["c3"],
            starts_at=MONDAY + timedelta(days=9),
            partition_key="f3",
            id="m4",
            time=twenty,
        ),
    ]
    return [Chapter(MONDAY, first), Chapter(ten, second), Chapter(twenty, third)]


async def run(home: Path, port: int) -> None:
    """Take in and send, chapter by chapter, from the first one on: what was done before is known by then."""
    settings = Settings(
        home=home, smtp=f"smtp://127.0.0.1:{port}?tls=none", secret="a-key-for-tests", smtp_connections=3
    )
    for chapter in story():
        async with open_house(settings, FixedClock(chapter.at)) as house:
            for start in range(0, len(chapter.raw), AT_ONCE):
                arrivals = [
                    Arrival(raw, {"file": "story", "line": line})
                    for line, raw in enumerate(chapter.raw[start : start + AT_ONCE], start + 1)
                ]
                verdicts = await house.intake.accept(arrivals)
                assert {verdict.state for verdict in verdicts} <= {"accepted", "known"}
            await house.drain()


def in_a_process_of_its_own(order: dict[str, Any]) -> int:
    """Do what a line asks for; returns the signal that ended it, 0 where none did, -1 where it failed."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
    status = 1
    try:
        steps = Steps(order["kill_at"])
        count(steps)
        asyncio.run(run(Path(order["home"]), order["port"]))
        if order["steps"]:
            Path(order["steps"]).write_text("\n".join(steps.names))
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Answer line by line."""
    for line in sys.stdin:
        sys.stdout.write(f"{in_a_process_of_its_own(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
