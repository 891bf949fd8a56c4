"""Answers in the shapes in which mail and calendar programs send them."""

from __future__ import annotations

from tests.mail.invited import ADA, DUTY, reply_address
from tests.mail.pieces import answer, attendee, calendar, crlf, message, multipart, part

WINDOWS_ZONE = (
    "BEGIN:VTIMEZONE",
    "TZID:GMT Standard Time",
    "BEGIN:STANDARD",
    "DTSTART:16010101T020000",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0000",
    "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10",
    "END:STANDARD",
    "BEGIN:DAYLIGHT",
    "DTSTART:16010101T010000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0100",
    "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3",
    "END:DAYLIGHT",
    "END:VTIMEZONE",
)


def outlook(partstat: str = "ACCEPTED", comment: str = "", *more: str) -> bytes:
    """Exchange: base64, no ORGANIZER, a Windows time zone, the reader's own words as COMMENT."""
    own = (
        attendee(partstat),
        f"COMMENT;LANGUAGE=en-GB:{comment}\\n",
        "TRANSP:OPAQUE",
        "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
    )
    object_ = calendar(*own, before=WINDOWS_ZONE).replace(
        "DTSTART:20261201T100000Z", "DTSTART;TZID=GMT Standard Time:20261201T100000"
    )
    words = comment.replace("\\n", "\n").replace("\\", "")
    html = f"<html><head><style>p {{margin:0}}</style></head><body><p>{comment}&nbsp;</p></body></html>"
    return message(
        multipart(
            "alternative",
            [
                part('text/plain; charset="iso-8859-1"', words + "\n", "quoted-printable"),
                part('text/html; charset="iso-8859-1"', html, "quoted-printable"),
                answer(object_, "base64"),
            ],
            "_000_LO2P265MB0001_",
        ),
        "X-MS-Has-Attach:",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Thread-Topic: Multi-agency meeting",
        *more,
    )


def nhsmail(partstat: str = "DECLINED") -> bytes:
    """Exchange Online with what an organisation puts before and after the words of its people."""
    banner = "CAUTION: This email originated from outside of the organisation. Do not click links or open attachments."
    footer = f"{'*' * 80}\nThis message may contain confidential information. If you are not the intended recipient\n"
    words = f"{banner}\n\nI have clinic all day. Dr Bea Example could be asked.\n\n{footer}"
    return message(
        multipart(
            "alternative",
            [
                part('text/plain; charset="utf-8"', words, "base64"),
                part('text/html; charset="utf-8"', f"<div>{words}</div>", "base64"),
                answer(calendar(attendee(partstat), before=WINDOWS_ZONE), "base64"),
            ],
            "_000_CWXP265MB0002_",
        ),
        "X-MS-Exchange-Organization-AuthAs: Internal",
        subject="Declined: Multi-agency meeting, ref ABCD-EFGH",
    )


def google(partstat: str = "TENTATIVE", comment: str = "Running late\\, start without me") -> bytes:
    """Google: the note beside the attendee, a calendar server's own headers, the object twice."""
    beside = f';X-NUM-GUESTS=0;X-RESPONSE-COMMENT="{comment}"'
    object_ = calendar(
        "ORGANIZER;CN=Quorate meeting invitations:mailto:" + reply_address(),
        f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={partstat};CN={DUTY}{beside}\n :mailto:{DUTY}",
        "STATUS:CONFIRMED",
    )
    words = 'duty@camhs.trust.example has replied "Maybe" to this invitation.\n\nInvitation from Google Calendar\n'
    return message(
        multipart(
            "mixed",
            [
                multipart(
                    "alternative",
                    [
                        part('text/plain; charset="UTF-8"; format=flowed; delsp=yes', words, "base64"),
                        part('text/html; charset="UTF-8"', "<b>Ada Example</b> has replied", "quoted-printable"),
                        answer(object_, "7bit", 'text/calendar; charset="UTF-8"; method=REPLY'),
                    ],
                    "000000000000abcd",
                ),
                part(
                    'application/ics; name="invite.ics"',
                    object_,
                    "base64",
                    'Content-Disposition: attachment; filename="invite.ics"',
                ),
            ],
            "000000000000abce",
        ),
        "Sender: Google Calendar <calendar-notification@google.example>",
        "Auto-Submitted: auto-generated",
    )


def apple(partstat: str = "ACCEPTED") -> bytes:
    """Apple: a calendar part and hardly any words."""
    object_ = calendar(attendee(partstat, more=";EMAIL=duty@camhs.trust.example"), "TRANSP:OPAQUE").replace(
        "METHOD:REPLY", "CALSCALE:GREGORIAN\nMETHOD:REPLY"
    )
    return message(
        multipart(
            "mixed",
            [
                part("text/plain;\n\tcharset=us-ascii", "\n", "7bit"),
                part(
                    "text/calendar;\n\tmethod=REPLY;\n\tcharset=UTF-8;\n\tname=iCal-20261103-100000.ics",
                    object_,
                    "quoted-printable",
                    "Content-Disposition: attachment;\n\tfilename=iCal-20261103-100000.ics",
                ),
            ],
            "Apple-Mail=_0F0F",
        ),
        "X-Mailer: iPad Mail (23A341)",
    )


def thunderbird(partstat: str = "ACCEPTED", attachment: bytes = b"") -> bytes:
    """Thunderbird: the object twice, and all that the invitation said once more."""
    object_ = calendar(
        attendee(partstat, more=";RSVP=FALSE"),
        "DESCRIPTION:Everything about this meeting is in the e-mail with this reference.",
        "LOCATION:The place is in the message",
    )
    parts = [
        multipart(
            "alternative",
            [
                part(
                    "text/plain; charset=UTF-8; format=flowed",
                    "Ada Example has accepted the event invitation.\n",
                    "7bit",
                ),
                answer(object_, "8bit", "text/calendar; method=REPLY; charset=UTF-8"),
            ],
            "------------inner",
        ),
        part(
            'application/ics; name="invite.ics"',
            crlf(object_),
            "8bit",
            'Content-Disposition: attachment; filename="invite.ics"',
        ),
    ]
    if attachment:
        name = 'Content-Disposition: attachment; filename="Report for conference.pdf"'
        parts.append(part("application/pdf", attachment, "base64", name))
    return message(multipart("mixed", parts, "------------outer"), "User-Agent: Mozilla Thunderbird")


def sogo(partstat: str = "ACCEPTED") -> bytes:
    """SOGo: HTML alone, our own DTSTAMP and PRODID back, encoded words with nothing between them."""
    object_ = calendar(attendee(partstat), stamp="20261102T090000Z").replace(
        "Their program", "Quorate//Meeting invitations"
    )
    return message(
        multipart(
            "mixed",
            [
                part(
                    "text/html; charset=utf-8",
                    "<!doctype html><p>Ada Example has accepted your event invitation.</p>",
                    "quoted-printable",
                ),
                answer(object_, "quoted-printable", "text/calendar; method=REPLY; charset=utf-8"),
            ],
            "----=_=-_OpenGroupware_org_NGMime",
        ),
        sender=f"=?utf-8?q?Ada_?==?utf-8?q?Ex=C3=A4mple?= <{ADA}>",
        subject="=?utf-8?q?Accepted_invitation=3A_?==?utf-8?q?meeting?=",
    )


def kde(partstat: str = "ACCEPTED") -> bytes:
    """KCalendarCore: no SEQUENCE where it is 0, capitals before the address, an outcome of its own."""
    object_ = calendar(
        f"ATTENDEE;CN=Duty team;PARTSTAT={partstat};X-UID=93824:MAILTO:{DUTY}",
        "COMMENT:See you there",
        "REQUEST-STATUS:2.0;Success",
        sequence=None,
    )
    return message(
        multipart(
            "mixed",
            [
                part('text/plain; charset="utf-8"', "\n", "7bit"),
                answer(object_, "quoted-printable", 'text/calendar; charset="utf-8"; method="reply"'),
            ],
            "nextPart1",
        )
    )


def horde(partstat: str = "ACCEPTED") -> bytes:
    """Horde: a time that is wrong by an hour, which is none of our business, and a file name for the answer."""
    object_ = calendar(attendee(partstat, name="Ada Example")).replace(
        "DTSTART:20261201T100000Z", "DTSTART;TZID=Europe/London:20261201T090000"
    )
    words = "Ada Example has accepted the invitation to the following event:\n\nMulti-agency meeting, ref ABCD-EFGH\n"
    return message(
        multipart(
            "alternative",
            [
                part("text/plain; charset=utf-8", words, "7bit"),
                part(
                    "text/calendar; charset=utf-8; name=event-reply.ics;\n METHOD=REPLY",
                    object_,
                    "7bit",
                    "Content-Disposition: attachment; filename=event-reply.ics",
                ),
            ],
            "=_horde",
            "This message is in MIME format.\n\n",
        )
    )


def nextcloud(partstat: str = "ACCEPTED") -> bytes:
    """A calendar server that a person answered through: it says that a program wrote the message, which is true."""
    return message(
        multipart(
            "mixed",
            [
                part("text/plain; charset=utf-8", "Ada Example has accepted your invitation\n", "quoted-printable"),
                part(
                    'text/calendar; method=REPLY; charset="utf-8"; name=event.ics',
                    calendar(attendee(partstat)),
                    "base64",
                    "Content-Disposition: attachment; name=event.ics; filename=event.ics",
                ),
            ],
            "_=_symfony_",
        ),
        "Auto-Submitted: auto-generated",
    )


def delegated(to: str = f"mailto:{ADA}") -> bytes:
    """Somebody else will come."""
    return message(
        answer(
            calendar(
                attendee("DELEGATED", more=f';DELEGATED-TO="{to}"'),
                f'ATTENDEE;CN="Example, Ada";PARTSTAT=NEEDS-ACTION;DELEGATED-FROM="mailto:{DUTY}":{to}',
            )
        )
    )


def counter(
    times: tuple[str, ...] = (
        "DTSTART;TZID=GMT Standard Time:20261202T140000",
        "DTEND;TZID=GMT Standard Time:20261202T153000",
    ),
    partstat: str = "TENTATIVE",
    comment: str = "Could it be the day after?",
) -> bytes:
    """Another time is proposed."""
    object_ = calendar(attendee(partstat), f"COMMENT:{comment}", method="COUNTER", before=WINDOWS_ZONE)
    for line in ("DTSTART:20261201T100000Z\n", "DTEND:20261201T113000Z\n"):
        object_ = object_.replace(line, "")
    object_ = object_.replace("SUMMARY:", "\n".join((*times, "SUMMARY:")))
    return message(answer(object_, "base64", "text/calendar; charset=utf-8; method=COUNTER"))


def refresh() -> bytes:
    """The invitation is asked for once more."""
    object_ = calendar(f"ATTENDEE:mailto:{DUTY}", method="REFRESH", sequence=None)
    return message(answer(object_, "7bit", "text/calendar; charset=utf-8; method=REFRESH"))


def webmail(text: str = "Sorry, we cannot come. Could you ring me?\n\nAda", *more: str) -> bytes:
    """A person answers with words, above the message that they answer."""
    quoted = "\n\nOn Mon, 2 Nov 2026 at 09:00, Quorate invitations <reply@quorate.example>\nwrote:\n\n> Please come.\n"
    html = (
        f"<div dir=ltr>{text}</div><div class='gmail_quote'>On Monday wrote:<blockquote>Please come.</blockquote></div>"
    )
    return message(
        multipart(
            "alternative",
            [
                part('text/plain; charset="UTF-8"', text + quoted, "quoted-printable"),
                part('text/html; charset="UTF-8"', html, "quoted-printable"),
            ],
            "0000webmail",
        ),
        *more,
        subject="Re: Invitation",
    )
