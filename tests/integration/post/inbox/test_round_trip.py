"""Our invitation, answered by programs that none of us wrote, and read by us: Horde writes the whole reply by itself,
libical the object.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from schemas.invitation import InvitationAnswered
from services.foundation.letters import Letter
from services.foundation.settings import Settings
from services.invitations.render import render
from services.post.inbox.reading import read
from services.post.inbox.rules import Asked, Decision, decide
from services.post.mime import assemble
from tests.mail.pieces import crlf, message, part
from tests.unit.invitations.rows import row

SETTINGS = Settings(home=Path("nowhere"), secret="a-key-for-tests-alone")
HORDE = Path("/usr/share/php/Horde/Itip.php")
INVITATION = "0123456789abcdef0123456789"
READER = "reader@place.example"
ANSWERS = {"accept": "accepted", "decline": "declined", "tentative": "tentative"}
AUDIENCES = ("professional", "team", "relative")


def letter(audience: str = "team", change: str = "new", **others: Any) -> Letter:
    return render(row(audience, change, invitation_id=INVITATION, **others), SETTINGS)


def decided(raw: bytes, audience: str = "team", sequence: int = 0) -> Decision:
    """What follows from a reply to the latest message, of this SEQUENCE."""
    family = audience == "relative"
    stamp = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    agency_id, person_id = (None, "mary") if family else ("camhs", None)
    addresses = frozenset() if family else frozenset((READER,))
    asked = Asked(INVITATION, "m1", "f1", agency_id, person_id, None, READER, addresses, sequence, stamp, stamp)
    reading = read(raw)
    assert reading.date is not None
    mail_id = hashlib.sha256(raw).hexdigest()
    return decide(reading, SETTINGS.key, SETTINGS.mail_domain, {INVITATION: asked}, reading.date, mail_id)


def answered(decision: Decision) -> InvitationAnswered:
    assert decision.why is None
    (event,) = decision.events
    assert isinstance(event.data, InvitationAnswered)
    return event.data


@pytest.fixture(scope="module")
def horde(require: Callable[[str, bool, str], None]) -> Callable[..., bytes]:
    """What Horde's mail program writes back: `horde(letter, "accept")`."""
    php = shutil.which("php")
    found = php is not None and HORDE.is_file()
    require("Horde", found, "apt-get install php-cli php-mbstring php-horde-itip")

    def reply(invitation: Letter, answer: str, address: str = READER, name: str = "Ada Example") -> bytes:
        script = Path(__file__).with_name("horde_answers.php")
        command = [str(php), str(script), answer, address, name]
        done = subprocess.run(command, input=assemble(invitation), capture_output=True, check=True, timeout=60)
        return crlf(done.stdout)

    return reply


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_horde_answers_is_understood(horde: Callable[..., bytes], audience: str, answer: str) -> None:
    data = answered(decided(horde(letter(audience), answer), audience))
    assert (data.answer, data.sequence, data.note) == (ANSWERS[answer], 0, None)
    assert data.by == f"Ada Example ({READER})"
    assert data.stamp is not None
    assert (data.agency_id, data.person_id) == ((None, "mary") if audience == "relative" else ("camhs", None))


def test_horde_answers_the_time_that_it_was_sent(horde: Callable[..., bytes]) -> None:
    moved = letter("team", "time", sequence=2, stamp="2026-11-03T09:00:00+00:00")
    assert answered(decided(horde(moved, "accept"), sequence=2)).sequence == 2
    assert answered(decided(horde(letter(), "accept"), sequence=2)).sequence == 0


@pytest.mark.parametrize("name", ["Zoë O'Neil – CAMHS", "Łukasz 日本 " * 12, "a\\b"])
def test_whatever_somebody_is_called_horde_is_understood(horde: Callable[..., bytes], name: str) -> None:
    assert answered(decided(horde(letter(), "decline", name=name))).answer == "declined"


def test_somebody_who_was_not_asked_and_answers_with_horde_is_not_believed(horde: Callable[..., bytes]) -> None:
    decision = decided(horde(letter(), "accept", address="crasher@elsewhere.example"))
    assert (decision.events, decision.why) == ((), "unknown_replier")
    assert decision.invitation_id == INVITATION


def test_a_reply_of_hordes_to_a_forged_address_has_no_effect(horde: Callable[..., bytes]) -> None:
    raw = horde(letter(), "accept")
    token = letter().from_address.partition("@")[0].encode()
    assert raw.count(b"To: " + token) == 1
    decision = decided(raw.replace(b"To: " + token, b"To: " + token[:-4] + b"0000"))
    assert (decision.events, decision.why) == ((), "forged_token")


class Libical:
    """As much of libical as it takes to change an invitation into an answer, and to say what an answer is."""

    def __init__(self) -> None:
        self.ical, self.scheduling = ctypes.CDLL("libical.so.3"), ctypes.CDLL("libicalss.so.3")
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, takes in (
            ("icalparser_parse_string", pointer, [text]),
            ("icalcomponent_set_method", None, [pointer, ctypes.c_int]),
            ("icalcomponent_get_first_real_component", pointer, [pointer]),
            ("icalcomponent_get_first_property", pointer, [pointer, ctypes.c_int]),
            ("icalproperty_string_to_kind", ctypes.c_int, [text]),
            ("icalproperty_string_to_method", ctypes.c_int, [text]),
            ("icalproperty_enum_to_string", text, [ctypes.c_int]),
            ("icalparameter_new_from_string", pointer, [text]),
            ("icalproperty_set_parameter", None, [pointer, pointer]),
            ("icalcomponent_as_ical_string", text, [pointer]),
        ):
            function = getattr(self.ical, name)
            function.restype, function.argtypes = result, takes
        self.scheduling.icalclassify.argtypes = [pointer, pointer, text]

    def reply(self, request: bytes, partstat: str) -> bytes:
        """The object of an invitation as an answer to it."""
        whole = self.ical.icalparser_parse_string(request)
        self.ical.icalcomponent_set_method(whole, self.ical.icalproperty_string_to_method(b"REPLY"))
        event = self.ical.icalcomponent_get_first_real_component(whole)
        kind = self.ical.icalproperty_string_to_kind(b"ATTENDEE")
        attendee = self.ical.icalcomponent_get_first_property(event, kind)
        parameter = self.ical.icalparameter_new_from_string(f"PARTSTAT={partstat}".encode())
        self.ical.icalproperty_set_parameter(attendee, parameter)
        return bytes(self.ical.icalcomponent_as_ical_string(whole))

    def kind(self, reply: bytes, request: bytes) -> str:
        """What an answer is to the organiser who holds the invitation."""
        parse = self.ical.icalparser_parse_string
        found = self.scheduling.icalclassify(parse(reply), parse(request), f"mailto:{READER}".encode())
        return str(self.ical.icalproperty_enum_to_string(found).decode())


@pytest.fixture(scope="module")
def libical(require: Callable[[str, bool, str], None]) -> Libical:
    try:
        return Libical()
    except OSError:
        require("libical", False, "apt-get install libical3")
        raise


PARTSTATS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative", "DELEGATED": "delegated"}


@pytest.mark.parametrize("partstat", PARTSTATS)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_what_libical_writes_is_understood(libical: Libical, audience: str, partstat: str) -> None:
    sent = letter(audience, reader='Zoë, "the" chair; O\'Neil: \\ ^')
    assert sent.calendar is not None
    object_ = libical.reply(sent.calendar, partstat)
    body = part("text/calendar; charset=utf-8; method=REPLY", crlf(object_), "base64")
    data = answered(decided(message(body, sender=READER, to=sent.from_address), audience))
    assert (data.answer, data.sequence) == (PARTSTATS[partstat], 0)


@pytest.mark.parametrize(("answer", "kind"), [("accept", "REPLY-ACCEPT"), ("decline", "REPLY-DECLINE")])
def test_libical_and_we_read_the_same_answer_in_what_horde_wrote(
    libical: Libical, horde: Callable[..., bytes], answer: str, kind: str
) -> None:
    sent = letter()
    assert sent.calendar is not None
    raw = horde(sent, answer)
    (found,) = (each for each in message_from_bytes(raw).walk() if each.get_content_type() == "text/calendar")
    payload = found.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert libical.kind(payload, sent.calendar) == kind
    assert answered(decided(raw)).answer == ANSWERS[answer]
