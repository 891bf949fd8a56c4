"""Delivery reports in the shapes in which mail servers send them."""

from __future__ import annotations

from tests.mail.invited import DUTY, INVITATION, OTHER, message_id, reply_address
from tests.mail.pieces import message, multipart, part

TO = reply_address(use="bounce")


def original(invitation_id: str = INVITATION) -> str:
    headers = (f"From: Quorate <{reply_address()}>", f"To: {DUTY}", f"Message-ID: <{message_id(invitation_id)}>")
    return "\n".join((*headers, "Subject: Invitation", "", "Come.", ""))


def report(
    status: str,
    *,
    words: str = "I am sorry to say that your message could not be delivered.",
    returned: str | None = None,
    more: tuple[str, ...] = (),
    sender: str = "MAILER-DAEMON@mx.trust.example (Mail Delivery System)",
    encoding: str = "7bit",
) -> bytes:
    """A report by the book; `returned` is the part with what came back."""
    parts = [
        part("text/plain; charset=us-ascii", words + "\n", "7bit"),
        part("message/delivery-status", status, encoding),
    ]
    back = part("message/rfc822", original(), "8bit") if returned is None else returned.encode()
    body = multipart("report; report-type=delivery-status", [*parts, *([back] if back else [])], "9B095B5ADSN=_01")
    return message(body, "Return-Path: <>", *more, sender=sender, to=TO, subject="Undelivered Mail Returned to Sender")


def postfix(action: str = "failed", status: str = "5.1.1", address: str = DUTY) -> bytes:
    fields = (
        "Reporting-MTA: dns; mx.trust.example\nX-Postfix-Queue-ID: 4XyZ\nX-Postfix-Sender: rfc822; " + TO,
        "Arrival-Date: Mon, 2 Nov 2026 09:00:01 +0000 (GMT)\n",
        f"Final-Recipient: rfc822; {address}\nOriginal-Recipient: rfc822;{address}\nAction: {action}\nStatus: {status}",
        "Remote-MTA: dns; inner.trust.example",
        f"Diagnostic-Code: smtp; 550 {status} <{address}>: Recipient address rejected:\n    User unknown",
    )
    return report("\n".join(fields) + "\n", more=("Auto-Submitted: auto-replied",))


def to_reply(action: str = "failed", status: str = "5.1.1") -> bytes:
    """What whoever has the invitation can write: a report to the address that it is answered at."""
    return postfix(action, status).replace(TO.encode(), reply_address().encode())


def to_both() -> bytes:
    """A report to where servers report, and to where another party's answers go."""
    return postfix().replace(b"\r\nSubject:", f"\r\nCc: {reply_address(OTHER)}\r\nSubject:".encode(), 1)


def exim() -> bytes:
    """Exim: a Status that knows nothing, the recipient's fields in another order, the headers alone."""
    fields = (
        "Reporting-MTA: dns; mail.trust.example\nOriginal-Envelope-ID: e1\n",
        f"Original-Recipient: rfc822;{DUTY.replace('@', '+40')}\nAction: failed\nFinal-Recipient: rfc822;{DUTY}",
        "Status: 5.0.0",
        "Remote-MTA: dns; inner.trust.example\nDiagnostic-Code: smtp; 550 5.1.1 no such user here",
    )
    headers = "Content-Type: text/rfc822-headers\n\n" + original().partition("\n\n")[0] + "\n"
    return report(
        "\n".join(fields) + "\n",
        returned=headers,
        more=("X-Failed-Recipients: " + DUTY, "Auto-Submitted: auto-replied"),
    )


def exchange() -> bytes:
    """Exchange: everything one level down, base64, and of the message that came back not even the headers."""
    fields = (
        "Reporting-MTA: dns;AM0P190MB.trust.example\nReceived-From-MTA: dns;mail.quorate.example\n",
        f"Final-Recipient: rfc822;{DUTY.upper()}\nAction: failed\nStatus: 5.1.10",
        "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
    )
    inner = multipart(
        'report; report-type="delivery-status"',
        [
            multipart(
                "alternative",
                [part("text/plain; charset=us-ascii", "Your message was not delivered.\n", "7bit")],
                "_alt_",
            ),
            part("message/delivery-status", "\n".join(fields) + "\n", "base64"),
        ],
        "_report_",
    )
    return message(
        multipart("mixed", [inner, part("text/plain", "Scanned.\n", "7bit")], "_outer_"),
        "Return-Path: <>",
        f"In-Reply-To: <{message_id()}>",
        sender="Microsoft Outlook <postmaster@trust.example>",
        to=TO,
        subject="Undeliverable: Invitation",
    )


def qmail() -> bytes:
    """A server that keeps to no standard: words, and the message below them."""
    words = (
        "Hi. This is the qmail-send program at mx.trust.example.\nI'm afraid I wasn't able to deliver your message"
        " to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{DUTY}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
    )
    return message(
        part("text/plain", words + original(), "7bit"),
        "Return-Path: <>",
        sender="MAILER-DAEMON@mx.trust.example",
        to=TO,
    )


def words() -> bytes:
    """A server that says nothing that a program could make out."""
    return message(
        part("text/plain", "It did not go well.\n"), "Return-Path: <>", sender="MAILER-DAEMON@mx.trust.example", to=TO
    )


def of_another() -> bytes:
    """Sent to the address of one invitation, and about the message of another."""
    fields = f"Reporting-MTA: dns; mx.trust.example\n\nFinal-Recipient: rfc822; {DUTY}\nAction: failed\nStatus: 5.1.1\n"
    return report(fields, returned="Content-Type: message/rfc822\n\n" + original(OTHER))


def displayed() -> bytes:
    """A receipt of reading: somebody, or something, opened the message."""
    fields = ("Reporting-UA: trust.example; Outlook", f"Final-Recipient: rfc822;{DUTY}")
    said = "\n".join((*fields, "Disposition: manual-action/MDN-sent-manually; displayed", ""))
    parts = [
        part("text/plain", "Your message was read.\n", "7bit"),
        part("message/disposition-notification", said, "7bit"),
    ]
    return message(multipart("report; report-type=disposition-notification", parts), subject="Read: Invitation")


def forwarded_by_a_person() -> bytes:
    """Somebody sends on what a server told them."""
    fields = f"Reporting-MTA: dns; mx.trust.example\n\nFinal-Recipient: rfc822; {DUTY}\nAction: failed\nStatus: 5.1.1\n"
    inner = multipart("report; report-type=delivery-status", [part("message/delivery-status", fields, "7bit")], "in")
    return message(multipart("mixed", [part("text/plain", "This came back to me. Why?\n"), inner], "out"))
