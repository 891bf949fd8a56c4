"""From an invitation that went out to the answer that the coordinator sees, through a real mailbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests import events
from tests.dovecot import Dovecot, missing, running_dovecot
from tests.replies import caught, message, reply_to
from tests.running import COMMAND, Up

pytestmark = pytest.mark.imap

WITHIN = 30.0


def comes_true(what: Callable[[], Any]) -> Any:
    """Wait until something is so; returns it."""
    until = monotonic() + WITHIN
    while not (found := what()):
        assert monotonic() < until, "it did not come true"
        sleep(0.02)
    return found


def invitation(home: Path, agency: str) -> bytes:
    """The invitation that an agency was sent, as it was caught."""

    def found() -> bytes | None:
        for path in (home / "mailbox").glob("*.eml"):
            raw = path.read_bytes()
            if agency in str(caught(raw)["To"]):
                return raw
        return None

    raw: bytes = comes_true(found)
    return raw


def explained(up: Up) -> dict[str, Any]:
    """What the coordinator sees of each agency, by the command."""
    done = subprocess.run(
        (*COMMAND, "explain", "m1", "--json"), env=up.environment, capture_output=True, text=True, check=True
    )
    entries = json.loads(done.stdout)["entries"]
    return {entry["agency_id"]: entry.get("invitation", {}) for entry in entries if "agency_id" in entry}


def test_an_answer_that_comes_into_the_mailbox_is_seen_by_the_coordinator_within_seconds(
    tmp_path: Path, require: Callable[[str, bool, str], None], counted: Callable[[str], None]
) -> None:
    require("dovecot", *missing())
    with running_dovecot(tmp_path / "dovecot") as server, Up(tmp_path / "home", imap=server.url) as up:
        taken = up.send_all(
            [
                events.agency("camhs-1"),
                events.child("c1"),
                events.involvement(person_id="c1", agency_id="camhs-1"),
                events.meeting("m1", children=["c1"], starts_at=datetime.now(UTC) + timedelta(days=30)),
            ]
        )
        assert taken["accepted"] == 4
        asked = invitation(up.home, "camhs-1")
        comes_true(lambda: up.measure("quorate_mailbox_seen_timestamp_seconds"))
        begun = monotonic()
        deliver(server, asked, reply_to(asked, "DECLINED", at=datetime.now(UTC)))
        comes_true(lambda: up.measure('quorate_mail_sorted_total{kind="reply"}') == 1)
        took = monotonic() - begun
        shown = explained(up)["camhs-1"]
        assert (shown["answer"], shown["state"]) == ("declined", "sent")

        words = message(to=str(caught(asked)["From"]), sender="camhs-1@agencies.gov.example", at=datetime.now(UTC))
        deliver(server, asked, words.as_bytes().replace(b"\r\n\r\n", b"\r\n\r\nPlease ring me.", 1))
        comes_true(lambda: up.measure("quorate_mail_for_a_person") == 1)
        page = up.get("/mail").text
        assert "1 message waits for a person" in page
        comes_true(lambda: (server.count("INBOX"), server.count("Quorate")) == (0, 2))
        for line in up.logged():
            assert "@" not in json.dumps(line)
    counted(f"from the mail server to the coordinator by IDLE: {took:.2f} s")


def deliver(server: Dovecot, asked: bytes, raw: bytes) -> None:
    """Have the mail server put an answer into the mailbox, as it does for an invitation's own address."""
    address = str(caught(asked)["From"]).rpartition("<")[2].rstrip(">")
    server.deliver(address, raw)
