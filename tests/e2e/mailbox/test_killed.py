"""Killed with -9 at any step between the wire and the note, and started again: every message has its one effect."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.bootstrap import open_house
from services.foundation.settings import Settings
from tests.clock import MovableClock
from tests.files import pdf
from tests.integration.post.inbox.partnership import asked
from tests.replies import message

ROOT = Path(__file__).parents[3]
KILLS = 24

STATE = {
    "journal": "SELECT source, event_id FROM journal WHERE source = '/quorate/mailbox' ORDER BY event_id",
    "answers": "SELECT agency_id, answer, at FROM answers ORDER BY agency_id",
    "reports": "SELECT agency_id, kind, document_id FROM reports ORDER BY document_id",
    "documents": "SELECT document_id, name, size, scan FROM documents",
    "mail": "SELECT mail_id, size, state, kind, why, meeting_id, document FROM received_mail ORDER BY mail_id",
    "exceptions": "SELECT exception_id, text, state FROM exceptions WHERE kind = 'mail_not_understood'",
    "dead letters": "SELECT count(*) FROM dead_letters",
}


def state(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(home / "quorate.db")
    try:
        return {name: connection.execute(query).fetchall() for name, query in STATE.items()}
    finally:
        connection.close()


@pytest.mark.slow
async def test_killed_at_any_step_every_message_has_its_one_effect(
    tmp_path: Path, counted: Callable[[str], None]
) -> None:
    start = tmp_path / "start"
    clock = MovableClock()
    async with open_house(Settings(home=start), clock) as house:
        camhs, school = await asked(house)
        words = message(to=school.reply_address, sender=school.address, at=clock.now(), number=2, text="Ring me.")
        raws = [
            camhs.sends(("Report.pdf", "application/pdf", pdf()), dated=False),
            words.as_bytes(),
            school.answers("DECLINED", number=3),
        ]
        house.settings.key  # noqa: B018  # made now: every copy of the home has the same
    mail = []
    for number, raw in enumerate(raws):
        mail.append(tmp_path / f"{number}.eml")
        mail[-1].write_bytes(raw)
    reader = subprocess.Popen(  # noqa: ASYNC220  # it answers at once, line by line
        (sys.executable, "-m", "tests.e2e.mailbox.killed_reader"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None

    def run(home: Path, kill_at: int | None, steps: Path | None = None) -> int:
        order = {"home": str(home), "mail": [str(each) for each in mail], "kill_at": kill_at}
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(json.dumps(order | {"steps": str(steps) if steps else None}) + "\n")
        reader.stdin.flush()
        return int(reader.stdout.readline())

    try:
        whole = tmp_path / "whole"
        shutil.copytree(start, whole)
        assert run(whole, None, tmp_path / "steps") == 0
        names = (tmp_path / "steps").read_text().split("\n")
        wanted = state(whole)
        assert [len(wanted[each]) for each in ("journal", "answers", "reports", "mail", "exceptions")] == [
            3,
            2,
            1,
            3,
            1,
        ]
        kills = 0
        for place in range(KILLS):
            step = (2 * place + 1) * len(names) // (2 * KILLS)
            home = tmp_path / str(step)
            shutil.copytree(start, home)
            kills += run(home, step) == 9
            assert run(home, None) == 0
            assert state(home) == wanted, f"killed at {step}, {names[step - 1]}"
    finally:
        reader.stdin.close()
        reader.wait()
        reader.stdout.close()
    assert kills == KILLS
    counted(
        f"{len(names)} steps from the wire to the note; killed with -9 at {kills} of them: 3 messages, one effect each"
    )
