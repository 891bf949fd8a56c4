"""Keeps three messages and sorts them, in a process that kills itself at a numbered step.

Started as a program it imports everything once, then forks a process for each line on standard input: `{"home": folder
with a database, "mail": files, "kill_at": step or null, "steps": file for the steps' names or null}`, and answers with
the signal that ended it. A step is each point before and after a statement, a commit, and what a file depends on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from services.bootstrap import open_house
from services.foundation import documents, logs
from services.foundation.clock import FixedClock
from services.foundation.settings import Settings
from services.running.mail_in import keeper_of, sorter_of
from tests.e2e.killed_worker import Steps, around
from tests.events import NOW


class Watched:
    """The calls to the system that a document hangs on; each is a step."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def __getattr__(self, name: str) -> Any:
        whole = getattr(os, name)
        if name not in ("replace", "fsync", "open"):
            return whole

        def counted(*args: Any, **named: Any) -> Any:
            self.steps.pass_by(f"before {name}")
            result = whole(*args, **named)
            self.steps.pass_by(f"after {name}")
            return result

        return counted


async def take(home: Path, mail: list[Path]) -> None:
    async with open_house(Settings(home=home), FixedClock(NOW)) as house:
        keeper = keeper_of(house)
        for each in mail:
            came = keeper.write([each.read_bytes()], {"way": "file"})
            await keeper.note([came])
        await sorter_of(house).sort()


def run(order: dict[str, Any]) -> None:
    steps = Steps(order["kill_at"])
    event.listen(Engine, "before_cursor_execute", lambda *args: steps.pass_by(f"before {args[2].split(None, 1)[0]}"))
    event.listen(Engine, "after_cursor_execute", lambda *args: steps.pass_by(f"after {args[2].split(None, 1)[0]}"))
    around(steps, DefaultDialect, "do_commit", "commit")
    documents.os = Watched(steps)  # type: ignore[assignment, attr-defined]  # in place of the module
    asyncio.run(take(Path(order["home"]), [Path(each) for each in order["mail"]]))
    if order["steps"]:
        Path(order["steps"]).write_text("\n".join(steps.names))


def main() -> None:
    logs.configure("error")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                run(order)
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{ended}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
