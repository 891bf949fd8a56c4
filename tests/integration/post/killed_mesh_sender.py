"""Sends by MESH what is due, and kills itself: `MOMENT HOME SETTINGS-AS-JSON`.

`accepted`: MESH has taken the copy, and nothing is noted yet. `between`: it has the first piece of the copy.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from services.bootstrap import open_house
from services.foundation import logs
from services.foundation.clock import FixedClock
from services.foundation.settings import Settings
from services.post.mesh.line import Line
from services.post.mesh.sender import MeshSender
from tests.events import NOW


def _end(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process that was killed goes on")


async def send(home: Path, given: dict[str, Any]) -> None:
    async with open_house(Settings(home=home, **given), FixedClock(NOW)) as house, house.mesh() as mesh:
        assert mesh is not None
        await mesh.sender.drain()


def main() -> None:
    moment, home, given = sys.argv[1:]
    logs.configure("error")
    if moment == "accepted":
        MeshSender._settle = _end  # type: ignore[assignment, method-assign]
    else:
        Line._piece = _end  # type: ignore[assignment, method-assign]
    asyncio.run(send(Path(home), json.loads(given)))


if __name__ == "__main__":
    main()
