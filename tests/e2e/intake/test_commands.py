"""`quorate deadletters`, `quorate waiting` and `quorate journal verify`, as an operator meets them."""

from __future__ import annotations

import base64
import getpass
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.cli import terminal
from tests import events
from tests.command import quorate

GOOD = events.child("c1", id="right")
WRONG = GOOD.replace(b'"AB"', b"7")
UNKNOWN = events.meeting(kind="unheard_of")
NOT_TEXT = b"\xff\xfe" * 100_000


def printed(*words: object, stdin: bytes | None = None) -> Any:
    return json.loads(quorate(*words, "--json", stdin=stdin).stdout)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where one event was taken in, one waits, and three were rejected, the second without a name."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(terminal.out, "_width", 400)
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join([events.child("c9"), WRONG, events.rescheduled("m7"), NOT_TEXT, UNKNOWN]))
    assert quorate("ingest", file).exit_code == 1
    return tmp_path


def change(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "home" / "quorate.db")) as db:
        for trigger in ("update", "delete"):
            db.execute(f"DROP TRIGGER IF EXISTS journal_refuses_{trigger}")
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_dead_letters_are_listed_in_the_form_of_the_contract(home: Path) -> None:
    found = printed("deadletters", "list")
    file = str(home / "events.ndjson")
    assert [each["from"] for each in found] == [{"file": file, "line": line} for line in (2, 4, 5)]
    assert [each["deadletter_id"] for each in found] == [1, 2, 3]
    assert [(each.get("source"), each.get("id")) for each in found] == [
        (events.SOURCE, "right"),
        (None, None),
        (events.SOURCE, json.loads(UNKNOWN)["id"]),
    ]
    assert [[error["path"] for error in each["errors"]] for each in found] == [
        ["$.data.initials"],
        ["$"],
        ["$.data.kind"],
    ]
    assert all(error["message"] for each in found for error in each["errors"])
    assert all(each["received_at"] for each in found)
    table = quorate("deadletters", "list")
    assert table.exit_code == 0
    assert "events.ndjson:4" in table.stdout
    assert "$.data.initials: " in table.stdout


def test_the_whole_of_what_came_in_goes_to_standard_output_and_what_is_wrong_beside_it(home: Path) -> None:
    shown = quorate("deadletters", "show", 1)
    assert shown.stdout_bytes == WRONG + b"\n"
    assert "$.data.initials: " in shown.stderr
    assert f"{home / 'events.ndjson'}:2" in shown.stderr
    assert quorate("deadletters", "show", 2).stdout_bytes == NOT_TEXT + b"\n"


def test_a_dead_letter_as_json_holds_what_came_in_as_text_or_else_in_base64(home: Path) -> None:
    assert printed("deadletters", "show", 1)["content"].encode() == WRONG
    assert printed("deadletters", "show", 1)["errors"] == printed("deadletters", "list")[0]["errors"]
    found = printed("deadletters", "show", 2)
    assert base64.b64decode(found["content_base64"]) == NOT_TEXT
    assert "content" not in found


def test_a_letter_that_is_not_there_is_said_not_to_be(home: Path) -> None:
    for words in (["show", 77], ["replay", 77]):
        done = quorate("deadletters", *words)
        assert (done.exit_code, "no" in done.stderr and "dead letter" in done.stderr) == (1, True)
    assert quorate("deadletters", "show", "first").exit_code == 2


def test_a_corrected_event_is_replayed_in_place_of_what_came(home: Path) -> None:
    corrected = home / "corrected.json"
    corrected.write_text(json.dumps(json.loads(GOOD), indent=2))
    done = quorate("deadletters", "replay", 1, "--with", corrected)
    assert (done.exit_code, done.stdout) == (0, "dead letter 1: accepted\n")
    assert [each["deadletter_id"] for each in printed("deadletters", "list")] == [2, 3]
    [settled, *_] = printed("deadletters", "list", "--all")
    assert (settled["state"], settled["settled_by"]) == ("replayed", getpass.getuser())
    assert settled["settled_at"]


def test_several_are_corrected_by_a_line_each_in_their_order(home: Path) -> None:
    right = UNKNOWN.replace(b"unheard_of", b"core_group").replace(b'["c1"]', b'["c5"]')
    found = printed("deadletters", "replay", 3, 1, "--with", "-", stdin=right + b"\n" + GOOD + b"\n")
    assert found == [{"deadletter_id": 3, "state": "waiting"}, {"deadletter_id": 1, "state": "accepted"}]
    too_few = quorate("deadletters", "replay", 2, 3, "--with", "-", stdin=GOOD)
    assert (too_few.exit_code, "1 events for 2 dead letters" in too_few.stderr) == (2, True)


def test_what_is_still_rejected_is_said_with_its_errors_and_the_others_are_done(home: Path) -> None:
    done = quorate("deadletters", "replay", "--all")
    assert done.exit_code == 1
    assert "dead letter 1: still rejected: $.data.initials: " in done.stderr
    assert "dead letter 3: still rejected: $.data.kind: " in done.stderr
    assert len(printed("deadletters", "list")) == 3


def test_a_replay_given_twice_is_done_once_and_said_to_be_settled(home: Path) -> None:
    quorate("deadletters", "replay", 1, "--with", "-", stdin=GOOD)
    again = quorate("deadletters", "replay", 1)
    assert (again.exit_code, "was settled on" in again.stderr) == (0, True)
    other = quorate("deadletters", "replay", 1, "--with", "-", stdin=events.child("c8"))
    assert (other.exit_code, "was settled on" in other.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [["replay"], ["replay", 1, "--all"], ["replay", "--all", "--with", "-"], ["replay", 1, "--with", "absent"], ["x"]],
)
def test_a_command_that_cannot_be_meant_is_wrong_use(home: Path, words: list[object]) -> None:
    assert quorate("deadletters", *words).exit_code == 2
    assert len(printed("deadletters", "list")) == 3


def test_a_correction_that_is_too_long_is_refused_before_anything_is_done(home: Path) -> None:
    done = quorate("deadletters", "replay", 1, "--with", "-", stdin=b"x" * 1_100_000)
    assert (done.exit_code, "1,048,576 bytes" in done.stderr) == (2, True)


def test_what_waits_is_listed_with_what_for(home: Path) -> None:
    [each] = printed("waiting")
    assert (each["subject"], each["waits_for"]) == ("m7", [{"noun": "meeting", "id": "m7"}])
    table = quorate("waiting")
    assert table.exit_code == 0
    assert "meeting m7" in table.stdout


def test_a_journal_as_it_was_written_verifies_and_shows_its_end(home: Path) -> None:
    done = quorate("journal", "verify")
    found = printed("journal", "verify")
    assert (done.exit_code, found["rows"], found["faults"]) == (0, 2, [])
    assert done.stdout.splitlines() == ["2 rows, as they were written", f"last: {found['seq']}:{found['hash']}"]
    assert quorate("journal", "verify", "--expect", f"{found['seq']}:{found['hash']}").exit_code == 0


def test_a_journal_that_was_changed_is_told_row_by_row(home: Path) -> None:
    change(home, "UPDATE journal SET subject = 'c99' WHERE seq = 1")
    done = quorate("journal", "verify")
    assert done.exit_code == 1
    assert done.stderr == "row 1: was changed: subject is not what the event itself says\n"
    assert [fault["seq"] for fault in printed("journal", "verify")["faults"]] == [1]


def test_a_journal_cut_off_with_its_end_forged_is_told_by_what_was_noted(home: Path) -> None:
    found = printed("journal", "verify")
    change(
        home,
        "DELETE FROM waiting",
        "DELETE FROM journal WHERE seq = 2",
        "UPDATE journal_end SET seq = 1, hash = (SELECT hash FROM journal)",
    )
    assert quorate("journal", "verify").exit_code == 0
    done = quorate("journal", "verify", "--expect", f"{found['seq']}:{found['hash']}")
    assert (done.exit_code, done.stderr) == (1, "row 2: was noted elsewhere and is missing\n")


@pytest.mark.parametrize("noted", ["5", "5:abc", f"x:{'0' * 64}", f"5:{'G' * 64}"])
def test_a_noted_end_that_cannot_be_read_is_wrong_use(home: Path, noted: str) -> None:
    done = quorate("journal", "verify", "--expect", noted)
    assert (done.exit_code, "write SEQ:HASH" in done.stderr) == (2, True)


def test_every_command_says_what_it_is_for() -> None:
    for words in (["ingest"], ["waiting"], ["deadletters"], ["journal"], ["journal", "verify"]):
        done = quorate(*words, "--help")
        assert (done.exit_code, "Usage" in done.stdout) == (0, True)
    for word in ("list", "show", "replay"):
        assert quorate("deadletters", word, "--help").exit_code == 0


def test_a_reader_who_stops_reading_sees_no_traceback(home: Path) -> None:
    command = f'"{Path(sys.executable).parent / "quorate"}" deadletters show 2 | true'
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
