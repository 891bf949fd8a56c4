"""A real MESH server for the tests that speak to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mesh.sandbox import Sandbox, missing, running_sandbox


@pytest.fixture
def sandbox(require: Callable[[str, bool, str], None], tmp_path: Path) -> Iterator[Sandbox]:
    """One server for one test, which may stop, kill and start it."""
    require("mesh-sandbox", *missing())
    with running_sandbox(tmp_path / "mesh") as server:
        yield server
