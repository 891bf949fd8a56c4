"""Answers that are not as the book has them, and are answers all the same; and some that only look like it."""

from __future__ import annotations

from tests.mail.invited import DUTY, FORGED, OTHER, reply_address, uid
from tests.mail.pieces import answer, attendee, calendar, crlf, message, multipart, part

OBJECT = calendar(attendee())


def bare_lf() -> bytes:
    return message(answer(OBJECT)).replace(b"\r\n", b"\n")


def bare_cr() -> bytes:
    return message(answer(OBJECT)).replace(b"\r\n", b"\r")


def byte_order_mark() -> bytes:
    return message(answer("\ufeff" + OBJECT, "base64"))


def in_utf_16() -> bytes:
    return message(part('text/calendar; charset="utf-16"; method=REPLY', OBJECT.encode("utf-16"), "base64"))


def wrong_charset() -> bytes:
    """Said to be UTF-8, and in truth Windows' Latin letters."""
    object_ = calendar(attendee(name="Zoë Exámple"), "COMMENT:Café, naïve")
    return message(part("text/calendar; charset=utf-8; method=REPLY", crlf(object_.encode("cp1252")), "8bit"))


def unknown_charset() -> bytes:
    return message(part("text/calendar; charset=punycode; method=REPLY", OBJECT, "8bit"))


def footer() -> bytes:
    return message(answer(OBJECT + "\n--\nThis message was scanned. END:VEVENT\nATTENDEE:no\n"))


def footer_after_base64() -> bytes:
    return message(answer(OBJECT, "base64") + b"\n______________\nThis e-mail was scanned.\n")


def two_objects() -> bytes:
    return message(answer(OBJECT + OBJECT.replace("Their program", "Another")))


def two_that_differ(later: str = "20261103T095900Z") -> bytes:
    return message(answer(OBJECT + calendar(attendee("DECLINED"), stamp=later)))


def escaped_quotes() -> bytes:
    return message(answer(calendar(attendee(name='"Duty \\"desk\\", room; 2"'))))


def quotes_that_never_end() -> bytes:
    return message(answer(calendar(attendee(name='"Duty'))))


def caret_quotes() -> bytes:
    return message(answer(calendar(attendee("DECLINED", more=";X-RESPONSE-COMMENT=\"We said ^'no^'^nand mean it\""))))


def small_letters() -> bytes:
    object_ = (
        OBJECT.replace("METHOD:REPLY", "method:reply")
        .replace("BEGIN:VEVENT", "begin:vevent")
        .replace("END:VEVENT", "End:VEvent")
    )
    return message(
        answer(object_.replace("PARTSTAT=ACCEPTED", "partstat=accepted"), "8bit", "TEXT/Calendar; METHOD=reply")
    )


def method_in_the_property() -> bytes:
    return message(part("text/calendar; charset=utf-8", OBJECT))


def method_in_the_header() -> bytes:
    return message(answer(calendar(attendee(), method=None)))


def no_method() -> bytes:
    return message(part("text/calendar", calendar(attendee(), method=None)))


def octet_stream() -> bytes:
    return message(
        multipart(
            "mixed",
            [part("text/plain", ""), part("application/octet-stream; name*=utf-8''answer%2Eics", OBJECT, "base64")],
        )
    )


def among_the_words() -> bytes:
    return message(part("text/plain", OBJECT))


def base64_unsaid() -> bytes:
    return message(answer(OBJECT, "base64").replace(b"Content-Transfer-Encoding: base64\n", b""))


def folded_everywhere() -> bytes:
    object_ = "\n".join("\n ".join(line[at : at + 9] for at in range(0, len(line), 9)) for line in OBJECT.split("\n"))
    return message(answer(object_))


def from_a_mailbox_file() -> bytes:
    return b"From ada@camhs.trust.example Tue Nov  3 10:00:00 2026\n" + message(answer(OBJECT)).replace(b"\r\n", b"\n")


def x500() -> bytes:
    name = "/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=0a1b-ada"
    return message(answer(calendar(attendee(address="mailto:" + name))))


def alias() -> bytes:
    """The one who was asked, from an address of their own."""
    return message(answer(OBJECT), sender="ada@alias.example")


def alias_in_the_object() -> bytes:
    return message(answer(calendar(attendee(address="mailto:ada@alias.example"))))


def sent_by() -> bytes:
    object_ = calendar(attendee(address="mailto:ada@alias.example", more=f';SENT-BY="MAILTO:{DUTY}"'))
    return message(answer(object_), sender="someone@alias.example")


def several_attendees() -> bytes:
    others = (
        attendee("DECLINED", "mailto:a@camhs.trust.example"),
        attendee("ACCEPTED"),
        attendee("DECLINED", "mailto:b@x.example"),
    )
    return message(answer(calendar(*others)))


def several_strangers() -> bytes:
    return message(
        answer(calendar(attendee("ACCEPTED", "mailto:a@x.example"), attendee("DECLINED", "mailto:b@x.example")))
    )


def crasher() -> bytes:
    who = "crasher@elsewhere.example"
    return message(answer(calendar(attendee(address=f"mailto:{who}"))), sender=who)


def spaces_and_percent() -> bytes:
    return message(answer(calendar(attendee(address=" MAILTO:  duty%40CAMHS.trust.example "))))


def of_another() -> bytes:
    return message(answer(calendar(attendee(), of=uid(OTHER))))


def for_two() -> bytes:
    """To the addresses of two invitations; the object says which."""
    return message(answer(OBJECT), to=f"{reply_address()}, {reply_address(OTHER)}")


def without_token() -> bytes:
    return message(answer(OBJECT), f"In-Reply-To: <{uid().replace('@', '.1.0@')}>", to="meetings@quorate.example")


def forged() -> bytes:
    return message(answer(OBJECT), to=FORGED)


def forged_beside() -> bytes:
    return message(answer(OBJECT), f"Cc: {FORGED}")


def one_occurrence() -> bytes:
    return message(answer(calendar(attendee(), "RECURRENCE-ID:20261201T100000Z")))


def no_partstat() -> bytes:
    return message(answer(calendar(attendee(None))))


def needs_action() -> bytes:
    return message(answer(calendar(attendee("NEEDS-ACTION"))))


def invented_partstat() -> bytes:
    return message(answer(calendar(attendee("X-PERHAPS"))))


def no_attendee() -> bytes:
    return message(answer(calendar()))


def no_uid() -> bytes:
    return message(answer(OBJECT.replace(f"UID:{uid()}\n", "")))


def request_back() -> bytes:
    return message(
        answer(calendar(attendee("NEEDS-ACTION"), method="REQUEST"), "8bit", "text/calendar; method=REQUEST")
    )


def cut_short() -> bytes:
    return message(answer(OBJECT.partition("END:VEVENT")[0]))


def empty() -> bytes:
    return message(part("text/plain", ""))


def encrypted() -> bytes:
    return message(
        part('application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"', b"\x30\x82 closed", "base64")
    )


def armoured() -> bytes:
    return message(part("text/plain", "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"))


def signed() -> bytes:
    inner = multipart("alternative", [part("text/plain", "Yes."), answer(OBJECT)], "in")
    return message(
        multipart(
            'signed; protocol="application/pkcs7-signature"',
            [inner, part('application/pkcs7-signature; name="smime.p7s"', b"\x30\x80", "base64")],
        )
    )
