"""Every message of the corpus: what it is, and what follows from it."""

from __future__ import annotations

import hashlib
import re

import pytest

from schemas.envelope import Event, decode
from services.post.inbox.reading import read
from services.post.inbox.reading.told_apart import told_apart
from services.post.inbox.rules import Decision, decide, mentions
from tests.mail.corpus import CORPUS, Case, in_short
from tests.mail.invited import ASKED, DOMAIN, INVITATION, KEY, RECEIVED, RELATIVES

NAMED = {case.name: case for case in CORPUS}


def decided(raw: bytes, recipients: tuple[str, ...] = ()) -> Decision:
    mail_id = hashlib.sha256(raw).hexdigest()
    return decide(told_apart(raw, recipients), KEY, DOMAIN, ASKED, RECEIVED, mail_id)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_each_message_is_told_apart_and_has_its_effect(case: Case) -> None:
    assert told_apart(case.raw, ()).kind == case.kind
    assert in_short(decided(case.raw)) == case.follows


def test_no_two_messages_of_the_corpus_have_one_name() -> None:
    assert len(NAMED) == len(CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_what_follows_is_an_event_that_intake_takes(case: Case) -> None:
    decision = decided(case.raw)
    for event in (*decision.events, *(report.event for report in decision.reports)):
        taken = decode(event.encoded())
        assert isinstance(taken, Event), taken
        assert (taken.source, taken.id, taken.data) == ("/quorate/mailbox", event.id, event.data)
        assert taken.partition_key == "f1"
        assert taken.time <= RECEIVED


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_same_message_gives_the_same_events_and_another_gives_others(case: Case) -> None:
    once, again = decided(case.raw), decided(case.raw)
    assert once == again
    ids = [event.id for event in once.events] + [report.event.id for report in once.reports]
    other = decided(b"X-Hop: 1\r\n" + case.raw) if not case.raw.startswith(b"From ") else None
    assert len(set(ids)) == len(ids)
    assert other is None or not {event.id for event in other.events} & set(ids)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_message_means_the_same_with_bare_line_ends(case: Case) -> None:
    if b"\r\n" in case.raw:
        assert in_short(decided(case.raw.replace(b"\r\n", b"\n"))) == case.follows


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_envelope_shows_what_it_is_about_where_the_headers_do_not(case: Case) -> None:
    to = re.search(rb"^To: ([^\r\n]*)", case.raw, re.MULTILINE)
    if to is None or b"," in to[1] or b"\nCc:" in case.raw:
        return
    hidden = case.raw.replace(to[0], b"To: undisclosed-recipients:;")
    assert in_short(decided(hidden, (to[1].decode(),))) == case.follows


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_nothing_has_an_effect_without_the_mark_that_only_we_can_make(case: Case) -> None:
    for left in (b"\\1" + b"0" * 26, b"\\1"):
        raw = re.sub(rb"((?:reply|bounce)\+[0-9a-f]{26})[0-9a-f]{26}", left, case.raw)
        decision = decided(raw)
        assert (decision.events, decision.reports) == ((), ())
        assert decision.invitation_id is None


def test_what_a_message_is_about_is_shown_by_its_token() -> None:
    raw = NAMED["relative"].raw
    assert mentions(read(raw), KEY, DOMAIN) == {RELATIVES}
    assert decided(raw).invitation_id == RELATIVES
    assert decided(raw).meeting_id == "m1"


def test_what_a_message_only_names_is_for_a_person_to_go_by() -> None:
    decision = decided(NAMED["nobody's address"].raw)
    assert decision.perhaps == {INVITATION}
    assert decision.invitation_id is None


def test_an_invitation_that_is_not_there_is_for_a_person() -> None:
    reading = read(NAMED["outlook accepts"].raw)
    decision = decide(reading, KEY, DOMAIN, {}, RECEIVED, "0" * 64)
    assert (decision.events, decision.why) == ((), "unknown_invitation")
    assert decision.perhaps == {INVITATION}
