"""Prints what a home holds in a process that kills itself at a numbered step.

Started as a program it imports everything once, then forks a process for each line on standard input:
`{"home": folder, "kill_at": step or null, "steps": file for the steps' names or null}`. It answers with the signal that
ended that process, 0 where it came to its end. Beside the statements and commits, each piece that goes to the disk is a
step.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from services.bootstrap import open_house
from services.foundation.clock import FixedClock
from services.foundation.settings import Settings
from services.records.printing import Printer
from tests.conference import APPROVED_AT
from tests.e2e.killed_worker import Steps, around, count


async def story(steps: Steps, home: Path) -> None:
    """Print all that waits."""
    async with open_house(Settings(home=home), FixedClock(APPROVED_AT)) as house:
        count(steps)
        around(steps, Printer, "print", "printing")
        for name in ("fsync", "replace"):
            around(steps, os, name, name)  # type: ignore[arg-type]  # a module's functions as well as a type's
        await house.press.drain()


def child(order: dict[str, Any]) -> None:
    """The forked process: it ends as it is told, or with status 0."""
    status = 1
    try:
        steps = Steps(order["kill_at"])
        asyncio.run(story(steps, Path(order["home"])))
        if order["steps"]:
            Path(order["steps"]).write_text(json.dumps(steps.names))
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Fork for each order, and say how it ended."""
    for line in sys.stdin:
        made = os.fork()
        if made == 0:
            child(json.loads(line))
        _, ended = os.waitpid(made, 0)
        answer = os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else -os.WEXITSTATUS(ended)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
