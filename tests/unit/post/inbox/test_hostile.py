"""Whatever bytes come in: reading never raises, and nothing has an effect that has not the token for it."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.post.inbox import reading
from services.post.inbox.reading import read
from services.post.inbox.reading.calendars import LONGEST, LONGEST_LINE, MOST_EVENTS, read_calendars
from services.post.inbox.reading.told_apart import MOST_ATTACHMENTS, MOST_CALENDARS, MOST_WORDS, told_apart
from services.post.inbox.rules import Decision, decide
from tests.mail.corpus import CORPUS
from tests.mail.invited import ASKED, DOMAIN, KEY, RECEIVED, reply_address
from tests.mail.pieces import answer, attendee, calendar, message, multipart, part

RAW = [case.raw for case in CORPUS]
ADDRESSES = {
    invitation_id: [reply_address(invitation_id, use).encode() for use in ("reply", "bounce")]
    for invitation_id in ASKED
}


def decided(raw: bytes) -> Decision:
    return decide(told_apart(raw, ()), KEY, DOMAIN, ASKED, RECEIVED, hashlib.sha256(raw).hexdigest())


def effects(decision: Decision) -> int:
    return len(decision.events) + len(decision.reports)


@st.composite
def mangled(draw: st.DrawFn, raws: list[bytes] = RAW) -> bytes:
    """A message of the corpus after something has gone wrong with it, a few times over."""
    raw = draw(st.sampled_from(raws))
    for _ in range(draw(st.integers(1, 3))):
        at, until = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.integers(0, 5)):
            case 0:
                raw = raw[:at]
            case 1:
                raw = raw[:at] + draw(st.binary(min_size=1, max_size=4)) + raw[at + 1 :]
            case 2:
                raw = raw[:at] + raw[at:until] * 2 + raw[until:]
            case 3:
                raw = raw[:at] + raw[until:]
            case 4:
                other = draw(st.sampled_from(raws))
                raw = raw[:at] + other[draw(st.integers(0, len(other))) :]
            case _:
                raw = raw[:at] + raw[at:until].swapcase() + raw[until:]
    return raw


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    assert effects(decided(raw)) == 0


@given(
    st.lists(
        st.sampled_from([*b'\n\r:; ="\\<>@-']).map(lambda c: bytes([c]))
        | st.sampled_from(
            [
                b"From: a@b",
                b"To: ",
                b"Content-Type: multipart/mixed; boundary=b",
                b"--b",
                b"--b--",
                b"=?utf-8?b?",
                b"?=",
                b"Content-Type: text/calendar; method=REPLY",
                b"BEGIN:VCALENDAR",
                b"BEGIN:VEVENT",
                b"END:VEVENT",
                b"ATTENDEE;CN=",
                b"Content-Transfer-Encoding: base64",
                b"Content-Type: message/delivery-status",
                b"Action: failed",
            ]
        ),
        max_size=60,
    )
)
def test_anything_that_looks_like_a_message_can_be_read(pieces: list[bytes]) -> None:
    assert effects(decided(b"".join(pieces))) == 0


@given(mangled())
def test_a_message_that_something_went_wrong_with_acts_on_nothing_that_it_has_no_token_of(raw: bytes) -> None:
    decision = decided(raw)
    tokened = {each for each, own in ADDRESSES.items() if any(address in raw.lower() for address in own)}
    meant = {ASKED[invitation_id].agency_id or ASKED[invitation_id].person_id for invitation_id in tokened}
    for event in (*decision.events, *(report.event for report in decision.reports)):
        assert (event.data.agency_id or event.data.person_id) in meant  # type: ignore[attr-defined]
    assert decision.invitation_id is None or decision.invitation_id in tokened


@given(mangled([re.sub(rb"((?:reply|bounce)\+[0-9a-f]{26})[0-9a-f]{26}", rb"\g<1>" + b"0" * 26, raw) for raw in RAW]))
def test_without_a_right_token_nothing_that_goes_wrong_has_an_effect(raw: bytes) -> None:
    assert effects(decided(raw)) == 0


def test_a_slip_of_ours_is_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def slips(raw: bytes, recipients: object) -> None:
        raise RecursionError

    monkeypatch.setattr(reading, "told_apart", slips)
    found = read(b"x", [" Reply@Q.example "])
    assert (found.kind, found.addresses) == ("unknown", ("reply@q.example",))
    assert found.doubts == {"not_readable"}


@pytest.mark.parametrize(
    "body",
    [
        multipart(
            "mixed", [answer(calendar(attendee(), stamp=f"20261103T{n:06}Z")) for n in range(MOST_CALENDARS + 1)]
        ),
        multipart(
            "mixed",
            [part("x/y", f"{n}", "8bit", "Content-Disposition: attachment") for n in range(MOST_ATTACHMENTS + 1)],
        ),
        part("text/plain", "x" * (MOST_WORDS + 1)),
        answer(calendar(attendee(), f"X-LONG:{'x' * LONGEST}")),
        answer(calendar(attendee(), f"COMMENT:{'x' * LONGEST_LINE}")),
    ],
)
def test_more_than_anybody_sends_is_for_a_person(body: bytes) -> None:
    decision = decided(message(body))
    assert decision.why == "too_large"
    assert decision.reports == ()


def test_no_more_events_are_read_than_one_message_can_mean() -> None:
    found = read_calendars(calendar(attendee()).replace("END:VCALENDAR", calendar(attendee()) * (MOST_EVENTS + 3)))
    assert found.cut
    assert len(found.answers) <= MOST_EVENTS


def test_html_is_made_plain_and_nothing_of_it_is_left() -> None:
    html = (
        "<title>t</title><script>alert('x')</script><style>p{}</style><!-- hidden --><p onclick='x()'>Yes &amp; no<br>"
        "<img src='https://tracker.example/1.gif'>really</p><svg><script>x</script></svg><blockquote>theirs</blockquote>"
    )
    found = read(message(part("text/html; charset=utf-8", html)))
    assert found.text == "Yes & no\nreally"
    assert (found.kind, found.attachments) == ("text", ())


def test_pictures_of_a_signature_are_no_reports_and_a_scanned_page_is_one() -> None:
    parts = [
        part("text/plain", ""),
        part(
            "image/png; name=image001.png",
            b"png",
            "base64",
            "Content-ID: <image001.png@1>",
            "Content-Disposition: inline",
        ),
        part("image/jpeg; name=scan.jpg", b"jpg", "base64", "Content-Disposition: attachment"),
        part("text/vcard; name=ada.vcf", "BEGIN:VCARD"),
    ]
    found = read(message(multipart("mixed", parts)))
    assert [each.name for each in found.attachments] == ["scan.jpg"]


def test_each_address_that_a_message_was_sent_to_is_found_the_envelopes_first() -> None:
    raw = message(
        part("text/plain", "x"),
        "Delivered-To: Box@Mail.example",
        "X-Original-To: c@d.example",
        'Cc: "Example, Ada" <ada@d.example>, Undisclosed:;, e@f.example (a remark)',
        to="<b@c.example>,\n a@b.example",
    )
    found = read(raw, ["Reply+1@q.example"]).addresses
    assert found[:3] == ("reply+1@q.example", "box@mail.example", "c@d.example")
    assert set(found[3:]) == {"b@c.example", "a@b.example", "ada@d.example", "e@f.example"}
