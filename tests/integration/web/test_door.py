"""The HTTP door: one server, real requests over loopback."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import events
from tests.running import BATCH, ONE, TOKEN, Up


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(
        tmp_path_factory.mktemp("door"), lock_timeout=0.2, max_event_bytes=20_000, max_batch_bytes=1_000_000
    ) as running:
        yield running


def rows(up: Up, query: str, *values: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(up.home / "quorate.db")
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "authorization", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_without_the_token_nothing_is_taken(up: Up, authorization: str) -> None:
    sent = events.agency("gp-refused")
    answer = httpx2.post(
        f"{up.url}/events",
        content=sent,
        headers=[(b"authorization", authorization.encode()), (b"content-type", ONE.encode())],
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert rows(up, "SELECT 1 FROM journal WHERE subject = 'gp-refused'") == []


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("application/json", {}),
        ("text/plain", {}),
        ("", {}),
        (f"{ONE}; charset=iso-8859-1", {}),
        (ONE, {"content-encoding": "gzip"}),
    ],
)
def test_another_content_type_is_told_which_are_taken(up: Up, kind: str, more: dict[str, str]) -> None:
    answer = up.send(events.agency(), kind, **more)
    assert answer.status_code == 415
    assert ONE in answer.json()["detail"]
    assert BATCH in answer.json()["detail"]


@pytest.mark.parametrize("kind", [ONE, f'{ONE}; charset="utf-8"', "Application/CloudEvents+JSON;charset=UTF-8"])
def test_the_content_type_may_name_its_charset(up: Up, kind: str) -> None:
    assert up.send(events.agency(), kind).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", ONE, "line 1, column 1"),
        (b"{", ONE, "line 1, column 2"),
        (b"\xff", ONE, "byte 1"),
        (b'{"a": NaN}', ONE, "NaN"),
        (b"[" * 5_000, ONE, "too deep"),
        (b"", BATCH, "line 1, column 1"),
        (b"[{}", BATCH, "line 1, column 4"),
        (b"[{},]", BATCH, "line 1, column 5"),
        (b"[{}] []", BATCH, "line 1, column 6"),
        (b"[" * 5_000, BATCH, "too deep"),
        (b"{}", BATCH, "JSON array"),
    ],
)
def test_what_is_not_json_is_refused_whole_and_says_where(up: Up, body: bytes, kind: str, says: str) -> None:
    before = rows(up, "SELECT count(*) FROM dead_letters")
    answer = up.send(body, kind)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert rows(up, "SELECT count(*) FROM dead_letters") == before


def test_an_event_is_accepted_once(up: Up) -> None:
    sent = events.agency("camhs-once")
    assert up.send(sent).json() == {"accepted": 1, "known": 0, "waiting": 0, "rejected": []}
    assert up.send(sent).json() == {"accepted": 0, "known": 1, "waiting": 0, "rejected": []}


def test_an_event_that_refers_to_something_unknown_waits(up: Up) -> None:
    sent = events.involvement(person_id="c-unknown", agency_id="camhs-unknown")
    assert up.send(sent).json() == {"accepted": 0, "known": 0, "waiting": 1, "rejected": []}
    assert "c-unknown" in up.get("/waiting").text


def test_a_rejected_event_is_kept_whole_under_the_requests_id(up: Up) -> None:
    sent = b' {"specversion":"1.0","id":"bad-1","source":"/x","type":"quorate.agency.recorded.v1"} '
    answer = up.send(sent)
    assert answer.status_code == 202
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["id"]) == (0, "bad-1")
    assert {"$.time", "$.data"} <= {error["path"] for error in rejected["errors"]}
    number = rejected["deadletter_id"]
    ((origin, kept),) = rows(
        up,
        "SELECT origin, bytes FROM dead_letters JOIN dead_letter_parts USING (deadletter_id) WHERE deadletter_id = ?",
        number,
    )
    assert json.loads(origin) == {"http": answer.headers["x-request-id"]}
    assert kept == sent.strip()


def test_a_batch_is_judged_event_by_event(up: Up) -> None:
    first = events.agency("gp-batch")
    answer = up.send_all([first, b"7", b'"text"', events.child("c-batch", family_id="f-batch"), b"{}", first])
    assert {name: answer[name] for name in ("accepted", "known", "waiting")} == {
        "accepted": 2,
        "known": 1,
        "waiting": 0,
    }
    assert [each["index"] for each in answer["rejected"]] == [1, 2, 4]
    assert [each["errors"][0]["path"] for each in answer["rejected"][:2]] == ["$", "$"]


def test_an_empty_batch_is_taken(up: Up) -> None:
    assert up.send_all([]) == {"accepted": 0, "known": 0, "waiting": 0, "rejected": []}


def test_the_events_of_a_batch_are_kept_as_they_were_written(up: Up) -> None:
    plain = json.loads(events.agency("gp-exact", name="Ärzte “Süd” \\ [x], {y}"))
    plain["data"]["note"] = "NUMBER"
    sent = json.dumps(plain, indent=3).replace('"NUMBER"', "1.50e+02").encode()
    assert up.send_all([events.agency(), b"\n" + sent + b"\t", events.agency()])["accepted"] == 3
    assert rows(up, "SELECT raw FROM journal WHERE subject = 'gp-exact'") == [(sent.decode(),)]


def test_what_comes_late_in_a_long_batch_releases_what_waits_early_in_it(up: Up) -> None:
    waiting = [
        events.involvement(f"i-{n}", person_id="c-late", agency_id="gp-late", partition_key="f-late")
        for n in range(510)
    ]
    last = [events.child("c-late", family_id="f-late"), events.agency("gp-late")]
    assert up.send_all([*waiting, *last]) == {"accepted": 512, "known": 0, "waiting": 0, "rejected": []}


@pytest.mark.parametrize(("kind", "limit"), [(ONE, 20_000), (BATCH, 1_000_000)])
def test_a_body_over_the_limit_is_refused_also_to_who_sends_it_whole_before_reading(
    up: Up, kind: str, limit: int
) -> None:
    for length in (limit + 1, limit + 10_000_000):
        answer = up.send(b" " * length, kind)
        assert answer.status_code == 413
        assert f"{limit:,}" in answer.json()["detail"]
    assert up.send(b"[]".ljust(limit), kind).status_code == 202


def test_a_body_of_unannounced_length_is_refused_as_soon_as_it_is_over_the_limit(up: Up) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 10_000
            yield b" " * 10_000

    headers = {"authorization": f"Bearer {TOKEN}", "content-type": ONE}
    try:
        answer = httpx2.post(f"{up.url}/events", content=endless(), headers=headers)
    except (httpx2.WriteError, httpx2.ReadError):  # the server had closed the connection while we still sent
        pass
    else:
        assert answer.status_code == 413
    assert given < 100_000_000


def test_a_locked_database_is_a_503_that_says_when_to_come_again(up: Up) -> None:
    sent = events.agency("camhs-locked")
    other = sqlite3.connect(up.home / "quorate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        answer = up.send(sent)
    finally:
        other.rollback()
        other.close()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == 503
    assert "Traceback" not in answer.text
    assert up.send(sent).json()["accepted"] == 1


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:8080", "127.0.0.1.attacker.example", ""])
def test_a_request_for_another_host_is_refused(up: Up, host: str) -> None:
    for path in ("/", "/healthz", "/exceptions", "/assets/quorate.css"):
        assert up.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080"])
def test_this_machine_may_be_called_by_any_of_its_loopback_names(up: Up, host: str) -> None:
    assert up.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/nope", "/events", "/metrics", "/assets/quorate.css", "/assets/nope.css"])
def test_every_answer_keeps_the_browser_on_a_short_lead(up: Up, path: str) -> None:
    headers = up.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/assets/../base.html", "/assets/%2e%2e/base.html"]
)
def test_nothing_is_served_beside_the_pages_and_their_assets(up: Up, path: str) -> None:
    assert up.get(path).status_code == 404


def test_the_pages_only_read(up: Up) -> None:
    for path in ("/", "/exceptions", "/waiting", "/dead-letters", "/metrics", "/meetings/m1"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert httpx2.request(method, up.url + path).status_code == 405


def test_alive_and_ready(up: Up) -> None:
    assert up.get("/healthz").status_code == 200
    assert up.get("/readyz").status_code == 200


def test_the_measures_count_by_kind_and_state_and_name_nobody(tmp_path: Path) -> None:
    secret = "A Name Of Someone"
    with Up(tmp_path, smtp="smtp://127.0.0.1:9?tls=none") as up:
        sent = [
            events.agency("camhs-1", name=secret),
            events.child("c-measured", nhs=events.nhs_number(7)),
            events.involvement(person_id="c-measured", agency_id="camhs-1", status="waiting"),
            events.meeting(
                "m-measured", children=["c-measured"], starts_at=events.MEETING_AT.replace(year=2090), ends_at=None
            ),
            events.involvement(person_id="c-unknown", agency_id="camhs-1"),
            b"{}",
        ]
        up.send_all(sent)
        up.send_all(sent[:1])
        up.get("/meetings/m-measured")
        text = up.get("/metrics").text
        page = up.get("/exceptions").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['quorate_events_total{verdict="accepted"}'] == "4.0"
    assert lines['quorate_events_total{verdict="known"}'] == "1.0"
    assert lines['quorate_events_total{verdict="waiting"}'] == "1.0"
    assert lines['quorate_events_total{verdict="rejected"}'] == "1.0"
    assert lines["quorate_events_waiting"] == "1.0"
    assert lines["quorate_dead_letters_open"] == "1.0"
    assert lines["quorate_outbox_waiting"] == "1.0"
    assert float(lines["quorate_outbox_oldest_seconds"]) > 0
    shown = sum(float(count) for name, count in lines.items() if name.startswith("quorate_exceptions_open{"))
    assert f"Any kind ({shown:.0f})" in page
    assert lines['quorate_http_requests_total{route="/meetings/{meeting_id}",status="200"}'] == "1.0"
    for telling in (secret, "c-measured", "m-measured", "camhs-1", events.nhs_number(7), "leicester"):
        assert telling not in text
