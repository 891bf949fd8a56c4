"""How a message that came by MESH is kept, and what it means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Event, decode
from services.post.inbox.rules import Decision, Sent
from services.post.mesh.rules import Received, decide_parcel, dispatch_named, linked
from services.post.mesh.wrapped import LONGEST_VALUE, unwrapped, wrapped

NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
DISPATCH, MAILBOX, ANSWERS = "0123456789abcdef0123456789", "X26ABC2", "RECORD_ACK"
SENT = Sent(DISPATCH, "record", "m1", None, "f1", "gp-1", MAILBOX, frozenset(), "Rowan")
NAMES = ("from", "to", "subject", "filename", "localid", "workflowid", "messagetype")


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=LONGEST_VALUE)),
    st.binary(max_size=3000),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_a_message_is_kept_as_it_came_and_is_the_same_document_however_it_was_cut(
    headers: dict[str, str], content: bytes, one: int, other: int
) -> None:
    kept = b"".join(wrapped(headers, cut(content, one)))
    assert kept == b"".join(wrapped(headers, cut(content, other)))
    again = unwrapped(kept)
    assert again.content == content
    for name in NAMES:
        assert again.said(name) == " ".join(headers.get(name, "").split()).encode("utf-8", "replace").decode().strip()
    attached = list(message_from_bytes(kept, policy=default).iter_attachments())
    assert [each.get_content() for each in attached] == [content]


def test_a_header_makes_no_other_and_is_no_longer_than_it_may_be() -> None:
    headers = {"subject": "x\r\nMex-MessageType: REPORT\r\n\r\n", "filename": '../"; x=/etc/passwd', "from": "y" * 5000}
    kept = b"".join(wrapped(headers, [b"z"]))
    assert not unwrapped(kept).is_report
    assert len(unwrapped(kept).said("from")) == LONGEST_VALUE
    [attached] = message_from_bytes(kept, policy=default).iter_attachments()
    assert "/" not in (attached.get_filename() or "/")


def test_of_a_large_message_only_what_it_is_called_is_read() -> None:
    kept = b"".join(wrapped({"from": MAILBOX}, [b"x" * 500_000]))
    assert unwrapped(kept[:200_000]) == Received({"from": MAILBOX})
    assert unwrapped(kept).content == b""


def answer(content: Any, **headers: str) -> Received:
    said = {"messagetype": "DATA", "from": MAILBOX, "workflowid": ANSWERS, "localid": DISPATCH, **headers}
    return Received(said, content if isinstance(content, bytes) else json.dumps(content).encode())


def decided(received: Received, sent: Sent | None = SENT, *, is_linked: bool = False) -> Decision:
    return decide_parcel(received, ANSWERS, sent, NOW, "ab" * 32, is_linked=is_linked)


@pytest.mark.parametrize("what", ["filed", "flag_changed", "no_flag", "noted"])
def test_an_answer_from_the_mailbox_that_the_copy_went_to_is_believed(what: str) -> None:
    at = NOW - timedelta(hours=2)
    [event] = decided(answer({"what": what, "at": at.isoformat(), "by": "Ada\x07 Example"})).events
    taken = decode(event.encoded())
    assert isinstance(taken, Event), taken
    assert taken.data.model_dump(exclude_none=True) == {
        "dispatch_id": DISPATCH,
        "meeting_id": "m1",
        "at": at,
        "what": what,
        "by": f"Ada Example (MESH {MAILBOX})",
        "how": "mesh",
    }


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2026-11-03T09:00:00", "soon", 7, None])
def test_a_time_that_cannot_be_right_is_when_it_came(at: Any) -> None:
    [event] = decided(answer({"what": "filed", "at": at})).events
    assert event.time == NOW


@pytest.mark.parametrize(
    ("received", "why"),
    [
        (answer({"what": "filed"}, **{"from": "X26ABC3"}), "unknown_replier"),
        (answer({"what": "binned"}), "mesh_not_understood"),
        (answer({"what": ["filed"]}), "mesh_not_understood"),
        (answer({"what": "filed", "but": "it is the wrong child"}), "mesh_not_understood"),
        (answer(["filed"]), "mesh_not_understood"),
        (answer(b"filed"), "mesh_not_understood"),
        (answer(b""), "mesh_not_understood"),
        (answer(b"[" * 60_000), "mesh_not_understood"),
        (answer({"what": "filed"}, workflowid="ANOTHER"), "mesh_not_understood"),
        (answer(b"%PDF-1.7", workflowid="CARE_PLAN", filename="plan.pdf"), "mesh_not_understood"),
    ],
)
def test_anything_else_is_for_a_person(received: Received, why: str) -> None:
    found = decided(received)
    assert (found.events, found.why, found.meeting_id) == ((), why, "m1")


def test_an_answer_about_nothing_that_is_known_is_for_a_person() -> None:
    assert decided(answer({"what": "filed"}), None).why == "unknown_invitation"


def test_a_report_by_mesh_itself_says_that_a_copy_was_not_collected() -> None:
    report = Received({"messagetype": "REPORT", "statuscode": "14", "linkedmsgid": "M1", "localid": DISPATCH})
    assert dispatch_named(report, {"M1": "f" * 26}) == "f" * 26
    assert (linked(report, {"M1": "f" * 26}), linked(report, {})) == ("f" * 26, None)
    [event] = decided(report, is_linked=True).events
    taken = decode(event.encoded())
    assert isinstance(taken, Event), taken
    assert taken.type == "quorate.dispatch.bounced.v1"
    said = taken.data.model_dump()
    assert (said["status"], said["permanent"], said["address"]) == ("mesh 14", True, MAILBOX)


def test_a_report_that_is_linked_to_nothing_of_ours_gives_no_copy_back() -> None:
    """Its own words can name a copy that went by mail, or one that never went: a person looks, and sees which."""
    report = Received({"messagetype": "REPORT", "statuscode": "14", "localid": DISPATCH})
    assert dispatch_named(report, {"M1": "f" * 26}) == DISPATCH
    found = decided(report)
    assert (found.events, found.why, found.dispatch_id) == ((), "mesh_not_understood", DISPATCH)


def test_nobody_can_write_a_report() -> None:
    assert decided(answer({"what": "filed"}, linkedmsgid="M1", statuscode="14", workflowid="X")).events == ()
