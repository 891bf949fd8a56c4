"""`quorate exceptions`, as a table and as JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from schemas.vocabulary import ExceptionKind
from services.cli import app, terminal
from tests import events

THEN = events.NOW.isoformat()
THREE_DAYS_LATER = (events.NOW + timedelta(days=3, hours=2)).isoformat()
FIELDS = {"exception_id", "kind", "meeting_id", "agency_id", "person_id", "child_id", "text", "raised_at", "state"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which CAMHS has no address that anything may be sent to, and nobody else is recorded."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(terminal.out, "_width", None)  # whatever was set when it was made
    monkeypatch.delenv("COLUMNS", raising=False)
    file = tmp_path / "events.ndjson"
    raw = [
        events.agency(channels=[events.insecure("inbox@trust.example")]),
        events.child(),
        events.involvement(status="waiting"),
        events.meeting("a-meeting-with-quite-a-long-name-of-its-own", "strategy_discussion"),
    ]
    file.write_bytes(b"\n".join(raw))
    assert quorate("ingest", str(file), "--as-of", THEN).exit_code == 0
    return tmp_path


def quorate(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = quorate("exceptions", "--json", *arguments)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def test_json_is_as_the_contract_says(home: Path) -> None:
    found = listed()
    assert {each["kind"] for each in found} == {"not_invited", "no_usable_address"}
    for each in found:
        assert {"exception_id", "kind", "text", "raised_at", "state"} <= set(each) <= FIELDS
        assert each["kind"] in get_args(ExceptionKind)
        assert each["state"] == "raised"
        assert each["raised_at"] == THEN
    (address,) = [each for each in found if each["kind"] == "no_usable_address"]
    assert (address["agency_id"], address["child_id"]) == ("camhs-1", "c1")


def test_the_table_fits_a_terminal_and_says_reason_and_age(home: Path) -> None:
    result = quorate("exceptions", "--as-of", THREE_DAYS_LATER)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "3 days" in result.stdout
    assert "no usable" in result.stdout
    assert "camhs-1" in result.stdout, "whom it is about"


def test_nothing_that_was_raised_later_is_listed(home: Path) -> None:
    before = (events.NOW - timedelta(hours=1)).isoformat()
    assert listed("--as-of", before) == []
    assert listed("--as-of", before, "--all") == []


def test_resolved_ones_are_listed_on_demand(home: Path) -> None:
    file = home / "more.ndjson"
    file.write_bytes(events.agency())
    assert quorate("ingest", str(file), "--as-of", THREE_DAYS_LATER).exit_code == 0
    assert "no_usable_address" not in {each["kind"] for each in listed()}
    (resolved,) = [each for each in listed("--all") if each["kind"] == "no_usable_address"]
    assert (resolved["state"], resolved["resolved_at"]) == ("resolved", THREE_DAYS_LATER)
    (then,) = [each for each in listed("--as-of", THEN) if each["kind"] == "no_usable_address"]
    assert then["state"] == "raised"
    assert "(resolved)" in " ".join(quorate("exceptions", "--all").stdout.split())
