"""Every message of the corpus, what kind it is, and what follows from it.

What follows is said in short: the answer, the event, or `? reason` where a person must look.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.invitation import InvitationAnswered, InvitationBounced
from schemas.report import ReportReceived
from services.post.inbox.rules import Decision
from tests.mail import absent, oddities, replies, returned
from tests.mail.invited import ADA, INVITATION, MARY, OTHER, RELATIVES, STRANGER, reply_address, uid
from tests.mail.outlooks_own import OLD_CLASSES, note, response, winmail
from tests.mail.pieces import answer, attendee, calendar, message, multipart, part

PDF = b"%PDF-1.7\nWords for the conference.\n%%EOF\n"


class Case(NamedTuple):
    """A message, by the name of its shape."""

    name: str
    raw: bytes
    kind: str
    follows: tuple[str, ...]


def in_short(decision: Decision) -> tuple[str, ...]:
    """What follows, in the words of the table."""
    said: list[str] = []
    for event in (*decision.events, *(report.event for report in decision.reports)):
        match event.data:
            case InvitationAnswered():
                said.append(event.data.answer)
            case InvitationBounced():
                said.append(f"{'bounced' if event.data.permanent else 'delayed'} {event.data.status}")
            case ReportReceived():
                said.append(event.data.kind)
            case _:
                said.append(event.type.split(".")[-2])
    return (*said, *([f"? {decision.why}"] if decision.why else []))


def _file(name: str, content: bytes = PDF, words: str = "", sender: str = ADA, to: str = INVITATION) -> bytes:
    named = f'Content-Disposition: attachment; filename="{name}"'
    parts = [part("text/plain", words), part("application/octet-stream", content, "base64", named)]
    return message(multipart("mixed", parts), sender=sender, to=reply_address(to))


def _handed_on() -> bytes:
    """An answer that somebody else gave, as a file."""
    inner = part("message/rfc822", oddities.bare_lf(), "8bit")
    return message(multipart("mixed", [part("text/plain", "See attached."), inner]))


def _of_relative(sender: str) -> bytes:
    object_ = calendar(attendee("DECLINED", f"mailto:{MARY}"), of=uid(RELATIVES))
    return message(answer(object_), sender=sender, to=reply_address(RELATIVES))


def _to_two(raw: bytes) -> bytes:
    return raw.replace(b"\r\nSubject:", f", {reply_address(OTHER)}\r\nSubject:".encode(), 1)


def _to_bounce(raw: bytes) -> bytes:
    return re.sub(rb"(?m)^To: [^\r\n]*", f"To: {reply_address(use='bounce')}".encode(), raw)


_ACCEPTED_ALL_THE_SAME = (
    *(oddities.bare_lf, oddities.bare_cr, oddities.byte_order_mark, oddities.in_utf_16, oddities.wrong_charset),
    *(oddities.unknown_charset, oddities.footer, oddities.footer_after_base64, oddities.two_objects),
    *(oddities.escaped_quotes, oddities.quotes_that_never_end, oddities.small_letters),
    *(oddities.method_in_the_property, oddities.method_in_the_header, oddities.octet_stream),
    *(oddities.among_the_words, oddities.base64_unsaid, oddities.folded_everywhere, oddities.from_a_mailbox_file),
    *(oddities.x500, oddities.alias, oddities.alias_in_the_object, oddities.sent_by, oddities.several_attendees),
    *(oddities.spaces_and_percent, oddities.for_two, oddities.signed, oddities.two_that_differ),
)

_TABLE: tuple[tuple[str, bytes, str, str], ...] = (
    # Answers as programs send them
    ("outlook accepts", replies.outlook(), "reply", "accepted"),
    ("outlook declines with words", replies.outlook("DECLINED", "On leave\\, sorry"), "reply", "declined"),
    ("nhsmail", replies.nhsmail(), "reply", "declined"),
    ("google", replies.google(), "reply", "tentative"),
    ("apple", replies.apple(), "reply", "accepted"),
    ("thunderbird", replies.thunderbird(), "reply", "accepted"),
    ("thunderbird with a report", replies.thunderbird("DECLINED", PDF), "reply", "declined, report"),
    ("sogo", replies.sogo(), "reply", "accepted"),
    ("sogo before anybody has decided", replies.sogo("NEEDS-ACTION"), "reply", ""),
    ("kde", replies.kde(), "reply", "accepted"),
    ("horde", replies.horde(), "reply", "accepted"),
    ("nextcloud", replies.nextcloud(), "reply", "accepted"),
    ("delegated", replies.delegated(), "reply", "delegated"),
    ("counter", replies.counter(), "counter", "tentative, countered"),
    ("counter that accepts its own time", replies.counter(partstat="ACCEPTED"), "counter", "countered"),
    ("counter at no time", replies.counter(("DTSTART;VALUE=DATE:20261202",)), "counter", "? time_not_readable"),
    ("refresh", replies.refresh(), "refresh", "requested"),
    # Words and files
    ("webmail", replies.webmail(), "text", "? human_text"),
    ("report", _file("Report.pdf"), "report", "report"),
    ("care plan", _file("Care-Plan KJ.docx"), "report", "care_plan"),
    ("report with words", _file("Report.pdf", words="Dr Bea Example cannot come."), "report", "report, ? human_text"),
    ("report for two", _to_two(_file("Report.pdf")), "report", "? several_invitations"),
    ("empty file", _file("Report.pdf", b""), "unknown", "? not_readable"),
    ("an answer handed on as a file", _handed_on(), "report", "? human_text"),
    ("empty", oddities.empty(), "unknown", "? not_readable"),
    # Not quite by the book
    *((made.__name__, made(), "reply", "accepted") for made in _ACCEPTED_ALL_THE_SAME),
    ("quotes by the book", oddities.caret_quotes(), "reply", "declined"),
    # Not believed
    ("nobody's address", oddities.without_token(), "reply", "? unknown_address"),
    ("forged token", oddities.forged(), "reply", "? forged_token"),
    ("forged token beside a right one", oddities.forged_beside(), "reply", "? forged_token"),
    ("of another invitation", oddities.of_another(), "reply", "? uid_of_another_invitation"),
    ("party crasher", oddities.crasher(), "reply", "? unknown_replier"),
    ("several strangers", oddities.several_strangers(), "reply", "? unknown_replier"),
    ("report of a stranger", _file("Report.pdf", sender=STRANGER), "report", "? unknown_replier"),
    ("relative", _of_relative(MARY), "reply", "declined"),
    ("somebody for a relative", _of_relative("neighbour@home.example"), "reply", "? unknown_replier"),
    ("report of a relative", _file("Letter.pdf", sender=MARY, to=RELATIVES), "report", "? not_from_an_agency"),
    # For a person to make out
    ("two that contradict", oddities.two_that_differ("20261103T100000Z"), "reply", "? several_answers"),
    ("one date of a series", oddities.one_occurrence(), "reply", "? of_one_occurrence"),
    ("no PARTSTAT", oddities.no_partstat(), "reply", "? no_calendar_answer"),
    ("needs action", oddities.needs_action(), "reply", ""),
    ("invented PARTSTAT", oddities.invented_partstat(), "reply", "? no_calendar_answer"),
    ("no ATTENDEE", oddities.no_attendee(), "reply", "? no_calendar_answer"),
    ("no UID", oddities.no_uid(), "unknown", "? no_calendar_answer"),
    ("no METHOD", oddities.no_method(), "unknown", "? no_calendar_answer"),
    ("our own request back", oddities.request_back(), "unknown", "? no_calendar_answer"),
    ("cut short", oddities.cut_short(), "unknown", "? not_readable"),
    ("encrypted", oddities.encrypted(), "unknown", "? encrypted"),
    ("encrypted in the text", oddities.armoured(), "unknown", "? encrypted"),
    # Outlook's own form
    ("winmail accepts", winmail(response()), "reply", "accepted"),
    ("winmail declines, old name", winmail(response("DECLINED", classes=OLD_CLASSES)), "reply", "declined"),
    ("winmail tentative", winmail(response("TENTATIVE")), "reply", "tentative"),
    ("winmail of another", winmail(response(of=uid(OTHER))), "reply", "? uid_of_another_invitation"),
    ("winmail of no meeting", winmail(response(of="")), "unknown", "? winmail"),
    ("winmail with another time", winmail(response("TENTATIVE", proposes=True)), "unknown", "? winmail"),
    ("winmail cut short", winmail(response()[:-20]), "unknown", "? winmail"),
    ("winmail with a report", winmail(note("Our report.")), "report", "report, ? human_text"),
    ("winmail with a report and hidden words", winmail(note()), "report", "report, ? winmail"),
    # Given back, or not
    ("postfix", returned.postfix(), "bounce", "bounced 5.1.1"),
    ("postfix gave up waiting", returned.postfix("failed", "4.4.1"), "bounce", "bounced 4.4.1"),
    ("postfix is late", returned.postfix("delayed", "4.4.1"), "bounce", "delayed 4.4.1"),
    ("postfix handed on", returned.postfix("relayed", "2.0.0"), "receipt", ""),
    ("postfix delivered", returned.postfix("delivered", "2.0.0"), "receipt", "received"),
    ("exim", returned.exim(), "bounce", "bounced 5.1.1"),
    ("exchange", returned.exchange(), "bounce", "bounced 5.1.10"),
    ("qmail", returned.qmail(), "bounce", "bounced 5.0.0"),
    ("a server's words", returned.words(), "bounce", "? not_readable"),
    ("given back further on", returned.postfix(address="ada@private.example"), "bounce", "? bounce_of_unknown_address"),
    ("given back to where answers go", returned.to_reply(), "bounce", "? wrong_address"),
    ("handed over, to where answers go", returned.to_reply("delivered", "2.0.0"), "receipt", "? wrong_address"),
    ("given back to where answers go, too", returned.to_both(), "bounce", "? wrong_address"),
    ("an answer to where servers report", _to_bounce(replies.outlook()), "reply", "? wrong_address"),
    ("a report to where servers report", _to_bounce(_file("Report.pdf")), "report", "? wrong_address"),
    ("given back, of another", returned.of_another(), "bounce", "? uid_of_another_invitation"),
    ("a report that a person sends on", returned.forwarded_by_a_person(), "report", "? human_text"),
    ("read receipt", returned.displayed(), "auto_reply", ""),
    # Nobody there
    ("away, exchange", absent.exchange(), "auto_reply", ""),
    ("away, google", absent.google(), "auto_reply", ""),
    ("away, vacation", absent.vacation(), "auto_reply", ""),
    ("away, and nothing says so for sure", absent.junk(), "text", "? human_text"),
    ("a server that asks for no automatic answer", absent.suppressing(), "text", "? human_text"),
    ("away, with our invitation", absent.with_the_invitation(), "auto_reply", ""),
    ("accepted by a program", absent.accepting(), "auto_reply", "? automatic_answer"),
)

CORPUS = tuple(Case(name, raw, kind, tuple(filter(None, follows.split(", ")))) for name, raw, kind, follows in _TABLE)
