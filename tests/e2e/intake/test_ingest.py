"""`quorate ingest` as an operator meets it: what it takes, what it says, how it ends, what it costs."""

from __future__ import annotations

import gzip
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import Result

from tests import command, events

QUORATE = Path(sys.executable).parent / "quorate"


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUORATE_")}
    return kept | {"QUORATE_HOME": str(home), "COLUMNS": "200", **more}


def quorate(home: Path, *words: str | Path, stdin: bytes | None = None) -> Result:
    return command.quorate(*words, stdin=stdin, env=environment(home))


def ingest(home: Path, file: str | Path, *words: str, stdin: bytes | None = None) -> tuple[int, dict[str, Any], str]:
    """Exit status, counts, and what was said."""
    done = quorate(home, "ingest", file, "--json", *words, stdin=stdin)
    return done.exit_code, json.loads(done.stdout) if done.stdout else {}, done.stderr


def counts(accepted: int = 0, known: int = 0, waiting: int = 0, rejected: int = 0) -> dict[str, int]:
    return {"accepted": accepted, "known": known, "waiting": waiting, "rejected": rejected}


def dead_letters(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(quorate(home, "deadletters", "list", "--json").stdout)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: bytes, name: str = "events.ndjson", end: bytes = b"\n") -> Path:
        path = tmp_path / name
        path.write_bytes(end.join(lines))
        return path

    return write


def test_a_file_is_taken_in_and_counted_and_the_second_time_all_is_known(
    home: Path, write: Callable[..., Path]
) -> None:
    file = write(events.child("c1"), events.agency("camhs-1"), events.involvement("i1"), events.rescheduled("m9"))
    assert ingest(home, file) == (0, counts(accepted=3, waiting=1), "")
    assert ingest(home, file) == (0, counts(known=4), "")
    done = quorate(home, "ingest", file)
    assert done.stdout == "0 accepted, 4 already known, 0 waiting, 0 rejected\n"


def test_what_waits_in_a_file_and_is_let_go_further_down_is_counted_as_accepted(
    home: Path, write: Callable[..., Path]
) -> None:
    file = write(events.meeting(), *(events.agency(f"gp-{n}") for n in range(600)), events.child("c1"))
    assert ingest(home, file)[1] == counts(accepted=602)


def test_marks_line_ends_empty_lines_and_a_missing_last_line_end_are_no_matter(
    home: Path, write: Callable[..., Path]
) -> None:
    lines = [b"\xef\xbb\xbf" + events.child("c1"), b"", b"   ", events.child("c2"), events.child("c3")]
    assert ingest(home, write(*lines, end=b"\r\n")) == (0, counts(accepted=3), "")


def test_what_is_wrong_is_named_by_file_line_and_path_and_the_rest_is_done(
    home: Path, write: Callable[..., Path]
) -> None:
    file = write(
        events.child("c1"),
        events.child("c2").replace(b'"AB"', b"7"),
        b"\x00\x00",
        b'{"id": "\xff"}',
        events.child("c3", source="no source").replace(b"2014-05-05", b"2014-13-05"),
        events.child("c4"),
    )
    status, found, said = ingest(home, file)
    assert (status, found) == (1, counts(accepted=2, rejected=4))
    lines = said.splitlines()
    assert [line.rpartition(": ")[0].split(": ")[0] for line in lines[:5]] == [
        f"{file}:2",
        f"{file}:3",
        f"{file}:4",
        f"{file}:5",
        f"{file}:5",
    ]
    assert [line.split(": ")[1] for line in lines[:5]] == [
        "$.data.initials",
        "$",
        "$",
        "$.source",
        "$.data.date_of_birth",
    ]
    assert lines[5] == "Rejected events are kept: quorate deadletters list"
    assert [letter["from"] for letter in dead_letters(home)] == [{"file": str(file), "line": n} for n in (2, 3, 4, 5)]


def test_of_many_rejected_events_the_first_are_told_and_the_rest_are_counted(
    home: Path, write: Callable[..., Path]
) -> None:
    status, found, said = ingest(home, write(*(b"no event %d" % n for n in range(45))))
    assert (status, found["rejected"]) == (1, 45)
    assert len(said.splitlines()) == 22
    assert "and 25 more rejected events" in said
    assert len(dead_letters(home)) == 45


def test_standard_input_is_a_file_like_any_other(home: Path) -> None:
    status, found, said = ingest(home, "-", stdin=events.child("c1") + b"\nno event\n")
    assert (status, found) == (1, counts(accepted=1, rejected=1))
    assert said.startswith("standard input:2: $: is not JSON")


def test_an_empty_file_is_done_at_once(home: Path, write: Callable[..., Path]) -> None:
    assert ingest(home, write(b"")) == (0, counts(), "")


def test_events_are_taken_in_as_of_the_moment_that_is_given(home: Path, write: Callable[..., Path]) -> None:
    ingest(home, write(b"no event"), "--as-of", "2026-03-02T09:00:00+00:00")
    assert dead_letters(home)[0]["received_at"] == "2026-03-02T09:00:00+00:00"
    assert ingest(home, write(b"no event"), "--as-of", "yesterday")[0] == 2


def test_what_is_no_file_of_lines_is_wrong_use_and_says_what_to_do(home: Path, write: Callable[..., Path]) -> None:
    packed = write(gzip.compress(events.child("c1")), name="events.ndjson.gz")
    status, _, said = ingest(home, packed)
    assert (status, said) == (
        2,
        f"{packed} is compressed (gzip): unpack it on the way, as in gunzip -c {packed} | quorate ingest -\n",
    )
    assert ingest(home, "-", stdin=packed.read_bytes())[0] == 2
    assert ingest(home, packed.parent) == (2, {}, f"{packed.parent}: is a folder: give a file\n")
    absent = packed.parent / "absent"
    assert ingest(home, absent) == (2, {}, f"{absent}: there is no such file\n")
    assert quorate(home, "ingest").exit_code == 2
    assert dead_letters(home) == []


def test_a_closed_standard_input_is_said_to_be_closed(home: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" ingest - <&-', str(QUORATE)], env=environment(home), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"standard input is closed: give a FILE, or pipe the events in\n")


def test_a_file_that_may_not_be_read_is_named(home: Path, write: Callable[..., Path]) -> None:
    file = write(events.child("c1"))
    file.chmod(0)
    if os.geteuid() == 0:  # nothing is closed to root, but this file cannot be read from its start
        file = Path("/proc/self/mem")
    status, _, said = ingest(home, file)
    assert (status, said.startswith(f"{file}: cannot be read: ")) == (1, True)


def test_a_home_that_cannot_be_used_is_said_without_a_traceback(tmp_path: Path, write: Callable[..., Path]) -> None:
    (tmp_path / "file").write_bytes(b"")
    status, _, said = ingest(tmp_path / "file" / "home", write(events.child("c1")))
    assert status == 1
    assert said


def test_a_person_who_watches_sees_how_far_it_is_and_a_program_does_not(home: Path, write: Callable[..., Path]) -> None:
    file = write(*(events.child(f"c{n}") for n in range(50)))
    keyboard, screen = pty.openpty()
    try:
        done = subprocess.run(
            [QUORATE, "ingest", file],
            env=environment(home, TERM="xterm"),
            stdout=subprocess.PIPE,
            stderr=screen,
            check=False,
        )
        seen = os.read(keyboard, 65536)
    finally:
        os.close(keyboard)
        os.close(screen)
    assert done.stdout == b"50 accepted, 0 already known, 0 waiting, 0 rejected\n"
    assert "━" in seen.decode()
    assert ingest(home, file)[2] == ""


# A story whose lines wait, are let go, are rejected and come twice.
def story(families: int) -> list[bytes]:
    lines = [events.agency("camhs-1")]
    for n in range(families):
        family = f"f{n}"
        lines += [
            events.rescheduled(f"m{n}", partition_key=family, time=events.START + timedelta(days=1)),
            events.meeting(f"m{n}", children=[f"c{n}"], partition_key=family),
            events.involvement(f"i{n}", person_id=f"c{n}", partition_key=family),
            b"no event %d" % n,
            lines[-1],
            events.child(f"c{n}", family_id=family),
        ]
    return lines


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    path = home / "quorate.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError:  # not migrated yet
            return []


STATE = (
    "SELECT source, event_id, raw FROM journal ORDER BY 1, 2",
    "SELECT seq FROM waiting",
    "SELECT origin, errors, state FROM dead_letters ORDER BY 1",
    "SELECT child_id FROM children ORDER BY 1",
    "SELECT fact, document, known_until IS NULL FROM meeting_facts ORDER BY 1",
    "SELECT meeting_id, party, decision FROM entries WHERE known_until IS NULL ORDER BY 1, 2",
    "SELECT key, count(*) FROM outbox WHERE channel = 'mail' GROUP BY 1 ORDER BY 1",
)


def state(home: Path) -> list[list[tuple[Any, ...]]]:
    """What a home holds, but for moments, numbers and chance."""
    found = [rows(home, query) for query in STATE[:-1]]
    return [*found, [(count,) for _, count in rows(home, STATE[-1])]]


class Piped:
    """An ingest of standard input that is kept waiting for more, for as long as the block lasts."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [QUORATE, "ingest", "-", "--json"],
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of it is left, however the test ended: a pipe left open would be the fault of the next test."""
        with suppress(BrokenPipeError), self.process:
            self.process.kill()

    def send(self, lines: Sequence[bytes]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def until_taken_in(self, last: bytes) -> None:
        """Return when the event is in the journal."""
        name = json.loads(last)["id"]
        assert self.process.stderr is not None
        while not rows(self.home, f"SELECT 1 FROM journal WHERE event_id = '{name}'"):
            ended, _, _ = select.select([self.process.stderr], [], [], 0.02)
            assert not ended, self.process.stderr.read()


def test_lines_from_a_pipe_take_effect_when_no_more_come_for_now(home: Path) -> None:
    lines = story(3)
    with Piped(home) as piped:
        piped.send(lines)
        piped.until_taken_in(lines[-1])
        out, _ = piped.process.communicate()
    assert json.loads(out) == counts(accepted=13, known=3, rejected=3)


def test_after_ctrl_c_what_is_in_hand_is_finished_and_the_rest_is_taken_in_the_next_time(
    home: Path, write: Callable[..., Path]
) -> None:
    lines = [events.child(f"c{n}") for n in range(900)]
    with Piped(home) as piped:
        piped.send(lines[:700])
        piped.until_taken_in(lines[699])
        piped.process.send_signal(signal.SIGINT)
        assert piped.process.wait(60) == 1  # while more might come: it is not the end of its input that ends it
        out, said = piped.process.communicate()
    assert json.loads(out) == counts(accepted=700) | {"line": 700, "cut_short": "stopped as asked"}
    assert b"stopped as asked, after line 700; what came in until then is kept" in said
    assert b"Traceback" not in said
    assert ingest(home, write(*lines)) == (0, counts(accepted=200, known=700), "")


@pytest.mark.parametrize("sent", [1, 400, 650])
def test_after_a_kill_the_same_file_ends_in_the_same_state(
    home: Path, tmp_path: Path, write: Callable[..., Path], sent: int
) -> None:
    lines = story(120)
    file = write(*lines)
    with Piped(home) as piped:
        piped.send(lines[:sent])
        piped.until_taken_in(lines[sent - 1])
        piped.send(lines[sent : sent + 5])  # may or may not be in hand when the blow falls
    ingest(home, file)
    ingest(tmp_path / "whole", file)
    cut, whole = state(home), state(tmp_path / "whole")
    at = STATE.index("SELECT origin, errors, state FROM dead_letters ORDER BY 1")
    # What the killed one had rejected came from standard input, another place.
    cut[at] = [row for row in cut[at] if str(file) in row[0]]
    assert cut == whole


def test_two_ingests_of_one_file_at_once_have_each_effect_once(
    home: Path, tmp_path: Path, write: Callable[..., Path]
) -> None:
    file = write(*story(150))
    both = [
        subprocess.Popen([QUORATE, "ingest", file, "--json"], env=environment(home), stdout=-1, stderr=-1)
        for _ in range(2)
    ]
    ended = [(*process.communicate(), process.returncode) for process in both]
    assert all(out for out, _, _ in ended), ended
    found = [(json.loads(out), status) for out, _, status in ended]
    ingest(tmp_path / "alone", file)
    assert state(home) == state(tmp_path / "alone")
    assert sum(each["accepted"] for each, _ in found) == 601
    assert [(each["waiting"], status) for each, status in found] == [(0, 1), (0, 1)]


MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)
"""
MEGABYTE = 1024  # getrusage counts in KiB


def peak(home: Path, file: Path) -> tuple[float, int]:
    """The most memory that taking in a file needed, in megabytes, and the exit status."""
    words = [sys.executable, "-c", MEASURED, str(QUORATE), "ingest", str(file)]
    done = subprocess.run(words, env=environment(home), capture_output=True, check=True)
    kilobytes, status = done.stdout.split()
    return int(kilobytes) / MEGABYTE, int(status)


def test_a_line_of_a_hundred_megabytes_is_kept_whole_and_needs_less_than_three_hundred(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "line"
    with file.open("wb") as out:
        out.write(b"x" * 100_000_000 + b"\n" + events.child("c1"))
    megabytes, status = peak(home, file)
    assert megabytes < 300
    assert status == 1
    [letter] = dead_letters(home)
    assert letter["size"] == 100_000_000
    assert rows(home, "SELECT sum(length(bytes)) FROM dead_letter_parts") == [(100_000_000,)]
    assert rows(home, "SELECT count(*) FROM journal") == [(1,)]
    with (tmp_path / "shown").open("wb") as out:
        subprocess.run([QUORATE, "deadletters", "show", "1"], env=environment(home), stdout=out, check=True)
    assert (tmp_path / "shown").stat().st_size == 100_000_001


def test_three_times_the_lines_need_no_more_memory(tmp_path: Path) -> None:
    """Beyond the 64 MB that the database may keep of its pages."""
    template = events.child("c@", id="e@", family_id="f@")
    sizes = {}
    for lines in (20_000, 60_000):
        file = tmp_path / f"{lines}.ndjson"
        with file.open("wb") as out:
            out.writelines(template.replace(b"@", b"%d" % n) + b"\n" for n in range(lines))
        megabytes, status = peak(tmp_path / f"home-{lines}", file)
        assert (status, megabytes < 300) == (0, True)
        sizes[lines] = megabytes
    assert sizes[60_000] - sizes[20_000] < 64
