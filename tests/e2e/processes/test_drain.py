"""`quorate drain`, as it is run by hand or once a day: what it says is so, and what it must not touch stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import events
from tests.command import quorate

SMTP = {"QUORATE_SMTP": "smtp://127.0.0.1:9?tls=none"}
MESH = {
    "QUORATE_MESH": "mesh://X26ABC1:password@127.0.0.1:9?tls=none",
    "QUORATE_MESH_KEY": "a-shared-key-for-tests-alone",
    "QUORATE_MESH_WORKFLOW": "QUORATE_RECORD",
}


@pytest.mark.parametrize(
    ("ways", "said"),
    [(SMTP, "QUORATE_SMTP names a real mail server"), (MESH, "QUORATE_MESH names a real mailbox")],
)
def test_a_rehearsal_is_refused_while_messages_would_really_leave(
    tmp_path: Path, ways: dict[str, str], said: str
) -> None:
    home = {"QUORATE_HOME": str(tmp_path / "home")}
    done = quorate("drain", "--as-of", events.NOW.isoformat(), env={**home, **ways})
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "home").exists(), "nothing was opened"
    assert quorate("drain", "--as-of", events.NOW.isoformat(), env=home).exit_code == 0
