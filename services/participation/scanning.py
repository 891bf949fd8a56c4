"""Has a scanner of the area's own look at a document, where one is set.

The command is run as it stands, without a shell, with the document's path as its last argument. It knows nothing else:
no setting, no key, no token. What it does not decide in its time is undecided, and nobody reads it until it is.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from pathlib import Path

import structlog

from services.participation.store.documents import CLEAN, INFECTED, NOT_SCANNED, WAITING

log = structlog.get_logger()

SCAN_WITHIN = 60.0  # seconds
_FOUND = {0: CLEAN, 1: INFECTED}


async def scan(command: str | None, path: Path, within: float = SCAN_WITHIN) -> str:
    """How a scan of the file ended: `clean`, `infected`, `waiting` where the scanner did not decide, and `none` where
    none is set. Not to be awaited within a transaction.
    """
    if command is None:
        return NOT_SCANNED
    try:
        program, *arguments = shlex.split(command)
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            str(path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
        )
    except (OSError, ValueError) as wrong:
        log.error("scanner_cannot_be_run", error=type(wrong).__name__)
        return WAITING
    try:
        status = await asyncio.wait_for(process.wait(), within)
    except TimeoutError:
        log.warning("scanner_too_slow", seconds=within)
        await _end(process)
        return WAITING
    except asyncio.CancelledError:
        await _end(process)
        raise
    if status not in _FOUND:
        log.warning("scanner_undecided", status=status)
    return _FOUND.get(status, WAITING)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a scanner that still runs, and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
