"""What the area's scanner is asked, and what is made of its answer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.participation.scanning import scan


def scanner(folder: Path, does: str) -> str:
    script = folder / "scanner.py"
    script.write_text(f"import os, sys, time\n{does}\n")
    return f"{sys.executable} {script} --quick"


async def test_where_no_scanner_is_set_nothing_is_scanned(tmp_path: Path) -> None:
    assert await scan(None, tmp_path / "a") == "none"


@pytest.mark.parametrize(("status", "found"), [(0, "clean"), (1, "infected"), (2, "waiting"), (255, "waiting")])
async def test_the_status_decides(tmp_path: Path, status: int, found: str) -> None:
    does = f"sys.exit({status} if sys.argv[1:] == ['--quick', {str(tmp_path / 'a b; c')!r}] else 9)"
    assert await scan(scanner(tmp_path, does), tmp_path / "a b; c") == found


@pytest.mark.parametrize("command", ["/nowhere/scanner", "unclosed '", "", "  ", "\0"])
async def test_what_cannot_be_run_decides_nothing_and_the_file_itself_is_never_run(
    tmp_path: Path, command: str
) -> None:
    sent, made = tmp_path / "a", tmp_path / "made"
    sent.write_text(f"#!/bin/sh\ntouch {made}\n")
    sent.chmod(0o700)
    assert await scan(command, sent) == "waiting"
    assert not made.exists()


async def test_a_scanner_that_takes_too_long_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    does = f"child = os.fork()\nopen({str(note)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)"
    scanning = asyncio.create_task(scan(scanner(tmp_path, does), tmp_path / "a", within=3.0))
    async with asyncio.timeout(60):
        while not note.exists() or len(note.read_text().split()) < 2:  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.02)
        assert await scanning == "waiting"
        pids = [int(each) for each in note.read_text().split()]
        while any(_lives(pid) for pid in pids):  # noqa: ASYNC110  # the system tells of nothing
            await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    """Whether a process still does something: one that has ended may stay in the table until it is asked after."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
