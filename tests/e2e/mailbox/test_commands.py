"""`quorate mailbox read|list|show|settle`, as an operator or a mail server's pipe meets them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from services.cli import terminal
from services.foundation.documents import Documents, Kept
from tests import events
from tests.command import quorate
from tests.replies import caught, message, reply_to, with_files
from tests.running import COMMAND

AS_OF = ("--as-of", events.NOW.isoformat())
LATER = ("--as-of", (events.NOW + timedelta(hours=2)).isoformat())
SPAM = message(to="x@quorate.example", sender="a@b.example", at=events.NOW, text="Buy\x1b[31m now").as_bytes()


def printed(*words: object, stdin: bytes | None = None) -> Any:
    done = quorate(*words, "--json", stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(terminal.out, "_width", 240)
    return tmp_path


@pytest.fixture
def invitation(home: Path) -> bytes:
    """An invitation as it went out to CAMHS."""
    file = home / "events.ndjson"
    some = [events.agency("camhs-1"), events.child("c1"), events.involvement(agency_id="camhs-1"), events.meeting("m1")]
    file.write_bytes(b"\n".join(some))
    assert quorate("ingest", file, *AS_OF).exit_code == 0
    assert quorate("drain", *AS_OF).exit_code == 0
    [raw] = [
        raw
        for path in (home / "home" / "mailbox").glob("*.eml")
        if "camhs-1" in str(caught(raw := path.read_bytes())["To"])
    ]
    return raw


def test_a_reply_given_by_hand_is_an_answer_as_of_that_moment(home: Path, invitation: bytes) -> None:
    file = home / "reply.eml"
    file.write_bytes(reply_to(invitation, "TENTATIVE", at=events.NOW + timedelta(hours=1)))
    told = printed("mailbox", "read", file, *LATER)
    assert (told["taken"], told["known"]) == (1, 0)
    [each] = told["messages"]
    assert (each["state"], each["kind"], each["meeting_id"]) == ("understood", "reply", "m1")
    entries = printed("explain", "m1", *LATER)["entries"]
    assert {e.get("agency_id"): e.get("invitation", {}).get("answer") for e in entries}["camhs-1"] == "tentative"
    again = quorate("mailbox", "read", file, file, *LATER)
    assert again.exit_code == 0
    assert "0 taken, 2 already known" in again.stdout


def test_a_mail_server_gives_the_envelope_and_the_message_to_a_pipe(home: Path, invitation: bytes) -> None:
    token = str(caught(invitation)["From"]).rpartition("<")[2].rstrip(">")
    raw = reply_to(invitation, at=events.NOW).replace(token.encode(), b"somebody@elsewhere.example")
    [each] = printed("mailbox", "read", "-", "--recipient", token, *LATER, stdin=raw)["messages"]
    assert (each["state"], each["kind"]) == ("understood", "reply")
    [other] = printed("mailbox", "read", "-", stdin=b"no header at all\n")["messages"]
    assert other["state"] == "for_a_person"


def test_what_waits_is_listed_shown_and_settled(home: Path) -> None:
    file = home / "all.mbox"
    line = b"From a@b.example Sat Nov 21 09:30:00 2026\n"
    files = message(to="x@quorate.example", sender="a@b.example", at=events.NOW, number=2, text="See below.")
    file.write_bytes(line + SPAM + b"\n" + line + with_files(files, [("a.bin", "application/octet-stream", b"\0\1")]))
    assert printed("mailbox", "read", file)["taken"] == 2
    found = printed("mailbox", "list")
    assert [(each["kind"], each["why"]) for each in found] == [
        ("text", "unknown_address"),
        ("report", "unknown_address"),
    ]
    first, second = (each["mail_id"][:12] for each in found)
    shown = quorate("mailbox", "show", first).stdout
    assert "Buy\ufffd[31m now" in shown
    assert "\x1b" not in shown
    assert quorate("mailbox", "show", second, "--attachment", 1).stdout_bytes == b"\0\1"
    assert quorate("mailbox", "show", first, "--raw").stdout_bytes == SPAM
    assert printed("mailbox", "show", second)["attachments"] == [{"number": 1, "name": "a.bin", "size": 2}]
    assert first in quorate("mailbox", "list").stdout
    done = printed("mailbox", "settle", first, "--nothing-to-do", "--note", "Not for us")
    assert done["settled"] == {"what": "nothing_to_do", "note": "Not for us"}
    assert done["settled_by"]
    assert len(printed("mailbox", "list")) == 1
    assert len(printed("mailbox", "list", "--all")) == 2
    kinds = [each["kind"] for each in printed("exceptions")]
    assert kinds.count("mail_not_understood") == 1


def test_what_waits_since_its_file_was_away_is_told_apart_again(home: Path, invitation: bytes) -> None:
    reply = reply_to(invitation, "DECLINED", at=events.NOW + timedelta(hours=1))
    away = []
    keep = Documents.keep

    def keeping(documents: Documents, *given: Any) -> Kept:
        kept = keep(documents, *given)
        path = documents.path(kept.document_id)
        away.append((path.rename(home / "away"), path))
        return kept

    with patch.object(Documents, "keep", keeping):
        [each] = printed("mailbox", "read", "-", *LATER, stdin=reply)["messages"]
    assert each["why"] == "missing"
    assert printed("mailbox", "settle", each["mail_id"], "--again", *LATER)["why"] == "missing"
    for found, path in away:
        found.rename(path)
    done = quorate("mailbox", "settle", each["mail_id"], "--again", *LATER)
    assert (done.exit_code, done.stdout) == (0, f"{each['mail_id'][:12]}  reply: 1 events\n")
    assert printed("mailbox", "list") == []
    assert "mail_not_understood" not in {one["kind"] for one in printed("exceptions")}
    assert quorate("mailbox", "settle", each["mail_id"], "--again").exit_code == 1


def test_an_answer_in_words_is_entered_by_whoever_read_it(home: Path, invitation: bytes) -> None:
    token = str(caught(invitation)["From"]).rpartition("<")[2].rstrip(">")
    words = message(to=token, sender="camhs-1@agencies.gov.example", at=events.NOW, text="We cannot come, sorry.")
    [each] = printed("mailbox", "read", "-", *LATER, stdin=words.as_bytes())["messages"]
    assert each["why"] == "human_text"
    quorate("mailbox", "settle", each["mail_id"], "--answer", "declined", "--by", "Alex Example", *LATER)
    entries = printed("explain", "m1", *LATER)["entries"]
    [shown] = [e["invitation"] for e in entries if e.get("agency_id") == "camhs-1"]
    assert shown["answer"] == "declined"
    assert shown["by"].startswith("Alex Example (entered by ")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("read", "{home}/none.eml"), 2, "there is no such file"),
        (("read", "{home}"), 2, "is a folder"),
        (("read", "{home}/words.txt"), 2, "it is not mail"),
        (("show", "abc"), 2, "at least 8"),
        (("show", "abcdefab"), 1, "there is no message"),
        (("settle", "abcdefab"), 2, "give either --answer or --confirmed or --nothing-to-do or --again"),
        (("settle", "abcdefab", "--answer", "perhaps"), 2, "write one of accepted"),
        (("settle", "abcdefab", "--answer", "accepted", "--nothing-to-do"), 2, "give either"),
        ((), 1, "There is nowhere to take mail from"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_would_be_right(
    home: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    (home / "words.txt").write_text("just words")
    done = quorate("mailbox", *(word.format(home=home) for word in words))
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (status, True), done.stderr


def test_where_the_disk_is_full_a_pipe_is_told_to_try_again_and_nothing_is_half_kept(home: Path) -> None:
    assert quorate("mailbox", "list").exit_code == 0  # the database is there
    large = SPAM + b"\r\n" + b"x" * 3_000_000
    environment = {**os.environ, "QUORATE_HOME": str(home / "home")}

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    done = subprocess.run(
        (*COMMAND, "mailbox", "read", "-"), input=large, env=environment, preexec_fn=little_room, capture_output=True
    )
    assert done.returncode == 1
    assert b"The mail cannot be kept" in done.stderr
    assert b"Traceback" not in done.stderr
    assert printed("mailbox", "list", "--all") == []
    assert [path for path in (home / "home" / "documents").rglob("*") if path.is_file()] == []
    done = subprocess.run((*COMMAND, "mailbox", "read", "-"), input=large, env=environment, capture_output=True)
    assert done.returncode == 0
    assert len(printed("mailbox", "list")) == 1
