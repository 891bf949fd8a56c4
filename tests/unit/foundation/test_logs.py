"""What is logged, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services.foundation import logs


class Log:
    """The logs of this process while a test runs."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    before = root.handlers, root.level, {name: logging.getLogger(name).level for name in logs.QUIET}
    log = Log()
    logs.configure("info", log.stream)
    yield log
    root.handlers, level, quiet = before
    root.setLevel(level)
    for name, each in quiet.items():
        logging.getLogger(name).setLevel(each)
    structlog.reset_defaults()


def test_ids_kinds_counts_codes_and_durations_are_written(log: Log) -> None:
    said = {
        "meeting_id": "m-1",
        "invitation_id": "hnogrnx2447xetv7w4wsylzz5d",
        "dispatch_id": "68453fe3d04c7024ca54b97017",
        "kind": "no_usable_address",
        "code": 550,
        "count": 3,
        "left": 1,
        "duration_ms": 12,
        "route": "/meetings/{meeting_id}",
        "request_id": "9a5b815c6bed464b8666cdcef21643a9",
        "until": "2026-11-20T12:11:26.850+00:00",
        "outcome": None,
    }
    structlog.get_logger().info("mail_sent", **said)
    (line,) = log.lines
    assert {name: value for name, value in line.items() if name not in {"event", "level", "timestamp"}} == said
    assert (line["event"], line["level"]) == ("mail_sent", "info")


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Dana Bellweather"},
        {"address": "dana@mail.example"},
        {"person_id": "p-1"},
        {"child_id": "c-1"},
        {"data": {"name": "Dana Bellweather"}},
        {"subject": "Dana Bellweather"},
        {"text": "Dana Bellweather"},
    ],
)
def test_a_field_that_is_not_on_the_list_is_dropped(log: Log, said: dict[str, Any]) -> None:
    structlog.get_logger().warning("mail_sent", **said)
    (line,) = log.lines
    assert set(line) == {"event", "level", "timestamp"}


@pytest.mark.parametrize(
    "telling",
    [
        "dana.bellweather@mail.example",
        "9990001014",
        9990001014,
        "999 000 1014",
        "999-000-1014",
        "07700 900123",
        "+447700900123",
        "born 2014-05-05",
        "5/5/2014",
        {"name": "Dana"},
        object(),
        b"Dana",
        "x" * 201,
        ["a", "dana@mail.example"],
    ],
)
def test_what_may_tell_of_a_person_is_withheld_from_a_field_that_is_on_the_list(log: Log, telling: Any) -> None:
    structlog.get_logger().info("mail_sent", meeting_id=telling)
    value = log.lines[0]["meeting_id"]
    assert value in (logs.WITHHELD, ["a", logs.WITHHELD])


@pytest.mark.parametrize("event", ["Sent to Dana Bellweather", "mail to dana@mail.example", "", "A_B", 7])
def test_what_happened_is_a_constant_name_or_is_not_written(log: Log, event: Any) -> None:
    structlog.get_logger().info(event)
    assert log.lines[0]["event"] == logs.UNNAMED


def test_an_error_is_its_class_and_places_and_never_its_message(log: Log) -> None:
    def choke() -> None:
        raise ValueError("cannot read Dana Bellweather, 9990001014")

    try:
        try:
            choke()
        except ValueError as wrong:
            raise LookupError("Dana Bellweather") from wrong
    except LookupError:
        structlog.get_logger().exception("part_failed", part="mailer")
    (line,) = log.lines
    assert line["error"] == ["LookupError", "ValueError"]
    assert [place.rpartition(":")[0] for place in line["places"]] == ["unit/foundation/test_logs.py"]
    assert "Dana" not in log.text
    assert "9990001014" not in log.text


def test_a_librarys_text_is_kept_without_its_values_where_it_speaks_of_itself(log: Log) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 9990001014)
    (line,) = log.lines
    assert line["template"] == "Started server process [%d]"
    assert line["logger"] == "uvicorn.error"


def test_a_librarys_text_is_dropped_where_it_may_hold_anything(log: Log) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved: ValueError('Dana Bellweather')")
    logging.getLogger("mail.log").warning("%r recip: %s", "Dana Bellweather", "dana@mail.example")
    logging.getLogger("some.library").error({"name": "Dana Bellweather"}, extra={"address": "dana@mail.example"})
    assert [line["logger"] for line in log.lines] == ["asyncio", "mail.log", "some.library"]
    assert all(set(line) == {"event", "level", "logger", "timestamp"} for line in log.lines)


def test_a_librarys_error_keeps_its_class_and_places(log: Log) -> None:
    try:
        raise ValueError("Dana Bellweather")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    assert log.lines[0]["error"] == ["ValueError"]
    assert log.lines[0]["template"] == "Exception in ASGI application"
    assert "Dana" not in log.text


def test_less_than_the_level_asked_for_is_not_written(log: Log) -> None:
    logs.configure("warning", log.stream)
    structlog.get_logger().info("mail_sent")
    logging.getLogger("uvicorn.error").info("Started")
    assert log.text == ""


def test_what_is_bound_for_a_while_goes_through_the_same_list(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", name="Dana Bellweather"):
        structlog.get_logger().info("http_request")
    assert log.lines[0]["request_id"] == "r-1"
    assert "Dana" not in log.text
