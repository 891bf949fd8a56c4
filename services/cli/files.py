"""Files that a command reads."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import cast

from services.cli.terminal import fail


def named(file: str) -> str:
    """What to call a file: a name may hold bytes that no text has."""
    return "standard input" if file == "-" else os.fsencode(file).decode(errors="backslashreplace")


def opened(file: str) -> AbstractContextManager[BufferedReader]:
    """A file for reading, or standard input for -."""
    if file == "-":
        if sys.stdin is None:
            fail("standard input is closed: give a FILE, or pipe the events in", 2)
        return nullcontext(cast(BufferedReader, sys.stdin.buffer))
    try:
        return Path(file).open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError) as wrong:
        what = "is a folder: give a file" if isinstance(wrong, IsADirectoryError) else "there is no such file"
        fail(f"{named(file)}: {what}", 2)
    except OSError as wrong:
        fail(f"{named(file)}: cannot be read: {wrong.strerror}")
