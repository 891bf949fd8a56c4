"""A press killed with -9 at any step, and another after it: each copy is made and queued once, and is the same file."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.bootstrap import open_house
from services.foundation.documents import Documents
from services.foundation.outbox import LEASE
from services.foundation.settings import Settings
from tests import conference
from tests.clock import MovableClock
from tests.door import Embedded

ROOT = Path(__file__).parents[3]
KILLED = 9
EVERY = 23  # of the steps one in so many, and the first of each kind

STATE = {
    "dispatches": "SELECT dispatch_id, state, why, document_id FROM dispatches ORDER BY dispatch_id",
    "letters": "SELECT params FROM outbox WHERE name = 'record_copy'",
    "print": "SELECT state, claimed_by FROM outbox WHERE channel = 'print'",
    "exceptions": "SELECT exception_id, state FROM exceptions ORDER BY exception_id",
}


@pytest.fixture
def store() -> str:
    return "sqlite"


def state(home: Path) -> dict[str, Any]:
    """What stands in the database of a home, and which documents are whole on its disk."""
    connection = sqlite3.connect(home / "quorate.db")
    try:
        found: dict[str, Any] = {name: connection.execute(query).fetchall() for name, query in STATE.items()}
    finally:
        connection.close()
    letters = [json.loads(params) for (params,) in found["letters"]]
    found["letters"] = sorted((each["dispatch_id"], each["document_id"]) for each in letters)
    folder = Settings(home=home).documents_folder
    for _, _, _, document_id in found["dispatches"]:
        assert document_id is None or Documents(folder).read(document_id).startswith(b"%PDF")
    return found


async def printed(home: Path, clock: MovableClock) -> None:
    """Another press, once the claim of the first has run out."""
    async with open_house(Settings(home=home), clock) as house:
        await house.press.drain()


@pytest.mark.slow
async def test_killed_at_any_step_each_copy_is_made_and_queued_once(
    embedded: Embedded, clock: MovableClock, tmp_path: Path, counted: Callable[[str], None]
) -> None:
    await embedded.take(*conference.directory(), conference.meeting())
    clock.set(conference.APPROVED_AT)
    await embedded.take(conference.held(), conference.record(paragraphs=1))
    home = embedded.house.settings.home
    await embedded.house.database.close()
    clock.advance(LEASE)
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.records.killed_press", stdin=pipe, stdout=pipe, cwd=ROOT
    )
    assert worker.stdin is not None
    assert worker.stdout is not None

    async def run(name: str, kill_at: int | None, steps: Path | None = None) -> tuple[Path, int]:
        own = tmp_path / name
        shutil.copytree(home, own)
        order = {"home": str(own), "kill_at": kill_at, "steps": str(steps) if steps else None}
        worker.stdin.write(json.dumps(order).encode() + b"\n")  # type: ignore[union-attr]
        return own, int(await worker.stdout.readline())  # type: ignore[union-attr]

    try:
        whole, ended = await run("whole", None, tmp_path / "steps.json")
        assert ended == 0
        wanted = state(whole)
        assert len(wanted["letters"]) == 12
        names: list[str] = json.loads((tmp_path / "steps.json").read_text())
        tried = sorted({names.index(each) + 1 for each in set(names)} | set(range(EVERY, len(names) + 1, EVERY)))
        for at in tried:
            own, ended = await run(f"killed-{at}", at)
            assert ended == KILLED, f"step {at} ({names[at - 1]})"
            await printed(own, clock)
            assert state(own) == wanted, f"killed at step {at} ({names[at - 1]})"
            shutil.rmtree(own)
        kinds = Counter(names[at - 1] for at in tried)
        counted(f"killed at {len(tried)} of {len(names)} steps, of {len(kinds)} kinds")
        assert {"before replace", "after fsync", "before printing", "after commit"} <= kinds.keys()
    finally:
        worker.stdin.close()
        await worker.wait()
