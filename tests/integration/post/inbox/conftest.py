"""A real mailbox for the tests that read one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dovecot import Dovecot, missing, running_dovecot


@pytest.fixture
def dovecot(require: Callable[[str, bool, str], None], tmp_path: Path) -> Iterator[Dovecot]:
    """One server for one test, which may stop, kill and start it."""
    require("dovecot", *missing())
    with running_dovecot(tmp_path / "dovecot") as server:
        yield server
