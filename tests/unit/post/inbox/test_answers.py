"""What an answer becomes: whose it is, when, to which time, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.invitation import InvitationAnswered, InvitationBounced, InvitationCountered
from services.participation import report_letters
from services.post.inbox.reading import read
from services.post.inbox.rules import Decision, decide
from tests.mail import oddities, replies, returned
from tests.mail.invited import (
    ADA,
    ASKED,
    DOMAIN,
    DUTY,
    INVITATION,
    KEY,
    MARY,
    RECEIVED,
    RELATIVES,
    STAMP,
    WRITTEN,
    message_id,
    reply_address,
    uid,
)
from tests.mail.outlooks_own import response, winmail
from tests.mail.pieces import answer, attendee, calendar, message, part

MAIL = "a" * 64


def decided(raw: bytes, **known: object) -> Decision:
    asked = {**ASKED, INVITATION: replace(ASKED[INVITATION], **known)}  # type: ignore[arg-type]
    return decide(read(raw), KEY, DOMAIN, asked, RECEIVED, MAIL)


def answered(raw: bytes, **known: object) -> InvitationAnswered:
    decision = decided(raw, **known)
    (event,) = decision.events
    assert isinstance(event.data, InvitationAnswered)
    assert decision.why is None
    return event.data


def test_an_answer_is_of_the_party_that_was_asked() -> None:
    data = answered(replies.outlook())
    assert (data.meeting_id, data.agency_id, data.team_id, data.person_id) == ("m1", "camhs", "duty", None)
    assert data.by == f"Ada Example ({ADA})"


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (replies.outlook("DECLINED", "On leave\\, sorry;\\nask Bea"), "On leave, sorry;\nask Bea"),
        (replies.google("DECLINED", "Clinic all day"), "Clinic all day"),
        (replies.kde(), "See you there"),
        (replies.nhsmail(), "I have clinic all day. Dr Bea Example could be asked."),
        (oddities.caret_quotes(), 'We said "no"\nand mean it'),
        (winmail(response()), "I shall be there."),
        (oddities.wrong_charset(), "Café, naïve"),
    ],
)
def test_the_words_that_go_with_an_answer_are_kept(raw: bytes, note: str) -> None:
    assert answered(raw, sequence=0).note == note


@pytest.mark.parametrize(
    "raw", [replies.thunderbird(), replies.sogo(), replies.horde(), replies.nextcloud(), replies.apple()]
)
def test_what_a_program_says_by_itself_is_nobodys_words(raw: bytes) -> None:
    assert answered(raw).note is None


@pytest.mark.parametrize(
    ("theirs", "ours", "counts"), [(1, 1, 1), (0, 2, 0), (None, 2, 0), (7, 2, 2), (999_999_999, 2, 2)]
)
def test_a_sequence_that_is_missing_is_none_at_all_and_a_higher_one_is_taken_for_ours(
    theirs: int | None, ours: int, counts: int
) -> None:
    assert answered(message(answer(calendar(attendee(), sequence=theirs))), sequence=ours).sequence == counts


@pytest.mark.parametrize("wrong", ["-1", "1.5", "one", "9" * 40, "٣"])
def test_a_sequence_that_is_no_number_is_none_at_all(wrong: str) -> None:
    raw = message(answer(calendar(attendee()).replace("SEQUENCE:1", f"SEQUENCE:{wrong}")))
    assert answered(raw).sequence == 0


@pytest.mark.parametrize(
    ("theirs", "stamp"),
    [
        ("20261103T095900Z", datetime(2026, 11, 3, 9, 59, tzinfo=UTC)),
        ("20261103T095900", datetime(2026, 11, 3, 9, 59, tzinfo=UTC)),
        ("20991231T000000Z", RECEIVED),
        ("18000101T000000Z", None),
        ("20261303T000000Z", None),
        ("00000000T000000Z", None),
        ("tomorrow", None),
        (None, None),
    ],
)
def test_a_stamp_is_never_of_the_future_and_may_be_missing(theirs: str | None, stamp: datetime | None) -> None:
    assert answered(message(answer(calendar(attendee(), stamp=theirs)))).stamp == stamp


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Tue, 03 Nov 2026 10:00:00 +0000", WRITTEN),
        ("Tue, 03 Nov 2026 10:00:00 -0000", WRITTEN),
        ("Tue, 3 Nov 26 12:00 +0200 (EET)", WRITTEN),
        ("Tue, 03 Nov 2026 11:00:00 +0000", RECEIVED),
        ("Thu, 01 Jan 1970 00:00:00 +0000", RECEIVED),
        ("Tue, 03 Nov 0001 10:00:00 +2300", RECEIVED),
        ("Tue, 99 Nov 2026 99:00:00 +9999", RECEIVED),
        ("when I came home", RECEIVED),
        (None, RECEIVED),
    ],
)
def test_an_answer_was_given_when_it_says_so_but_neither_in_the_future_nor_long_ago(
    date: str | None, at: datetime
) -> None:
    assert answered(message(answer(calendar(attendee())), date=date)).at == at


@pytest.mark.parametrize(
    ("attendee_is", "sender", "believed"),
    [
        (DUTY, DUTY, True),
        (DUTY, ADA, True),
        (DUTY, "somebody@alias.example", True),
        (ADA, ADA, True),
        ("ada@alias.example", ADA, True),
        ("front.desk@trust.example", "front.desk@trust.example", True),
        ("anybody@trust.example", "anybody@trust.example", True),
        ("anybody@other.trust.example", "anybody@other.trust.example", False),
        ("anybody@nottrust.example", "anybody@nottrust.example", False),
        ("crasher@elsewhere.example", "crasher@elsewhere.example", False),
        ("trust.example", "x@elsewhere.example", False),
        ("crasher@elsewhere.example", f'"{DUTY}" <crasher@elsewhere.example>', False),
    ],
)
def test_an_agency_answers_from_its_own_addresses_and_their_domains(
    attendee_is: str, sender: str, believed: bool
) -> None:
    decision = decided(message(answer(calendar(attendee(address=f"mailto:{attendee_is}"))), sender=sender))
    assert decision.why == (None if believed else "unknown_replier")
    assert len(decision.events) == believed


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "nhs.net", "NHS.net", "nhs.scot", "wales.nhs.uk", "pnn.police.uk", "cjsm.net", "live.com.cjsm.net"],
)
def test_to_have_an_address_where_anybody_or_any_agency_can_have_one_shows_nothing(domain: str) -> None:
    own, practice = f"crasher@{domain.lower()}", frozenset({f"practice@{domain}"})
    raw = message(answer(calendar(attendee(address=f"mailto:{own}"))), sender=own)
    assert decided(raw, addresses=practice).why == "unknown_replier"
    assert answered(raw.replace(b"crasher@", b"practice@"), addresses=practice).answer == "accepted"


@pytest.mark.parametrize("domain", ["rowantrust.nhs.uk", "west.police.uk", "council.gov.uk", "council.gov.uk.cjsm.net"])
def test_a_domain_of_an_agencys_own_is_its_own_below_one_that_is_shared(domain: str) -> None:
    own = f"ada@{domain}"
    raw = message(answer(calendar(attendee(address=f"mailto:{own}"))), sender=own)
    assert answered(raw, addresses=frozenset({f"duty@{domain}"})).answer == "accepted"


@pytest.mark.parametrize("sender", ["neighbour@home.example", None, f"{MARY}.elsewhere.example"])
def test_nobody_answers_for_a_relative(sender: str | None) -> None:
    object_ = calendar(attendee("ACCEPTED", f"mailto:{MARY}"), of=uid(RELATIVES))
    decision = decided(message(answer(object_), sender=sender, to=reply_address(RELATIVES)))
    assert (decision.events, decision.why) == ((), "unknown_replier")


def test_an_invitation_that_no_more_may_go_to_can_still_be_answered_by_its_agency() -> None:
    assert answered(replies.outlook(), address=None).answer == "accepted"


@pytest.mark.parametrize(
    "raw", [replies.outlook(), replies.counter(), replies.refresh(), replies.thunderbird("DECLINED", b"%PDF-1.7 words")]
)
def test_nothing_is_taken_from_whoever_is_not_asked_any_more(raw: bytes) -> None:
    assert decided(raw).events
    decision = decided(raw, cancelled=True)
    assert (decision.events, decision.reports, decision.why) == ((), (), "no_longer_asked")
    assert decision.invitation_id == INVITATION


def test_what_comes_back_of_an_invitation_that_was_taken_back_is_heard_all_the_same() -> None:
    assert len(decided(returned.postfix(), cancelled=True).events) == 1


def test_whom_somebody_sends_in_their_place_is_named() -> None:
    delegate = answered(replies.delegated()).delegate
    assert delegate is not None
    assert (delegate.name, delegate.email) == ("Example, Ada", ADA)


@pytest.mark.parametrize("to", ["mailto:nobody", "urn:x", 'mailto:a@x.example","mailto:b@x.example', ""])
def test_an_answer_that_names_nobody_to_come_instead_is_an_answer_all_the_same(to: str) -> None:
    data = answered(replies.delegated(to))
    assert (data.answer, data.delegate) == ("delegated", None)


@pytest.mark.parametrize(
    "times",
    [
        ("DTSTART:20261202T140000Z", "DTEND:20261202T153000Z"),
        ("DTSTART:20261202T140000Z", "DURATION:PT1H30M"),
        ("DTSTART;TZID=Europe/London:20261202T140000", "DTEND;TZID=Europe/London:20261202T153000"),
        ('DTSTART;TZID="GMT Standard Time":20261202T140000', "DTEND;TZID=GMT Standard Time:20261202T153000"),
        ("DTSTART;TZID=/mozilla.org/1/Europe/Paris:20261202T150000", "DTEND:20261202T153000Z"),
    ],
)
def test_another_time_that_is_proposed_is_an_instant_whatever_zone_it_is_written_in(times: tuple[str, ...]) -> None:
    tentative, proposed = decided(replies.counter(times)).events
    assert isinstance(tentative.data, InvitationAnswered)
    assert isinstance(proposed.data, InvitationCountered)
    assert proposed.data.starts_at == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
    assert proposed.data.ends_at - proposed.data.starts_at == timedelta(minutes=90)
    assert proposed.data.note == "Could it be the day after?"


@pytest.mark.parametrize(
    "times",
    [
        (),
        ("DTSTART:20261202T140000Z",),
        ("DTSTART:20261202T140000", "DTEND:20261202T153000"),
        ("DTSTART;TZID=My zone:20261202T140000", "DTEND;TZID=My zone:20261202T153000"),
        ("DTSTART;TZID=../../etc/passwd:20261202T140000", "DTEND:20261202T153000Z"),
        ("DTSTART;TZID=Europe/Atlantis:20261202T140000", "DTEND:20261202T153000Z"),
        ("DTSTART:20261202T140000Z", "DTEND:20261202T140000Z"),
        ("DTSTART:99991231T230000Z", "DURATION:P999W"),
        ("DTSTART:20261202T140000Z", "DURATION:-PT1H"),
    ],
)
def test_a_time_that_nobody_can_be_sure_of_is_for_a_person(times: tuple[str, ...]) -> None:
    decision = decided(replies.counter(times))
    assert (decision.events, decision.why) == ((), "time_not_readable")


@pytest.mark.parametrize(
    "words",
    ["a\x00\x1bb\x7f", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "x" * 3_000, "\u202egnp.exe"],
)
def test_whatever_words_come_they_can_be_kept(words: str) -> None:
    data = answered(
        message(answer(calendar(attendee(name=f'"{words}"'), f"COMMENT:{words}")), sender=f'"{words[:800]}" <{ADA}>')
    )
    assert data.note
    assert len(data.note) <= 4_000


def test_half_an_answer_is_none() -> None:
    whole = replies.thunderbird("DECLINED")
    said = {event.data for event in decided(whole).events}
    for length in range(len(whole)):
        assert {event.data for event in decided(whole[:length]).events} <= said


def test_half_a_report_is_none() -> None:
    whole = replies.thunderbird("DECLINED", b"%PDF-1.7 " + b"words " * 60)
    kept = {report.event.id for report in decided(whole).reports}
    assert len(kept) == 1
    for length in range(len(whole) - 200, len(whole)):
        assert {report.event.id for report in decided(whole[:length]).reports} <= kept


def test_what_came_back_is_the_message_that_it_names() -> None:
    (event,) = decided(returned.postfix()).events
    assert isinstance(event.data, InvitationBounced)
    assert (event.data.sequence, event.data.revision, event.data.address) == (1, 0, DUTY)
    assert event.data.for_other_meetings


@pytest.mark.parametrize("letter", ["report_request", "report_reminder"])
def test_a_letter_about_a_report_that_came_back_is_no_invitation(letter: str) -> None:
    wanted = [{"kind": each, "due_at": "2026-03-30T23:00:00+00:00"} for each in ("report", "care_plan")]
    own = f"{INVITATION}.{report_letters.which(letter, {'sequence': 1, 'wanted': wanted})}@{DOMAIN}"
    (event,) = decided(returned.postfix().replace(message_id().encode(), own.encode())).events
    assert isinstance(event.data, InvitationBounced)
    assert (event.data.letter, event.data.sequence, event.data.revision) == (letter, 1, None)


def test_what_came_back_from_an_address_that_has_been_replaced_since_is_of_that_address() -> None:
    decision = decided(returned.postfix(address="front.desk@trust.example"))
    (event,) = decision.events
    assert isinstance(event.data, InvitationBounced)
    assert event.data.address == "Front.Desk@Trust.example"


def test_a_report_says_nothing_about_a_message_that_it_does_not_hold() -> None:
    (event,) = decided(returned.exchange().replace(b"In-Reply-To", b"X-Nothing")).events
    assert isinstance(event.data, InvitationBounced)
    assert (event.data.sequence, event.data.revision) == (None, None)
    assert not event.data.for_other_meetings


def test_of_several_words_of_a_server_the_last_is_final() -> None:
    blocks = "\n\n".join(
        f"Final-Recipient: rfc822;{DUTY}\nAction: {action}\nStatus: {status}"
        for action, status in (("delayed", "4.4.1"), ("failed", "5.4.7"))
    )
    (event,) = decided(returned.report(f"Reporting-MTA: dns;x\n\n{blocks}\n")).events
    assert isinstance(event.data, InvitationBounced)
    assert (event.data.permanent, event.data.status) == (True, "5.4.7")


def test_a_party_that_is_late_to_answer_is_not_thought_to_have_answered_before() -> None:
    raw = message(answer(calendar(attendee())), date="Mon, 02 Nov 2026 08:00:00 +0000")
    assert answered(raw).at < STAMP


def test_a_person_who_writes_words_alone_is_read_by_a_person() -> None:
    decision = decided(message(part("text/plain", "Yes, accepted! PARTSTAT=ACCEPTED")))
    assert (decision.events, decision.why, decision.invitation_id) == ((), "human_text", INVITATION)
