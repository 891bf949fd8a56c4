"""What people and programs write back about a copy of a record or a notice, in the shapes in which they send it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mail.pieces import message, multipart, part

OURS = "Please file this copy, and answer Filed once it is done."
PDF = b"%PDF-1.7\nA care plan.\n%%EOF\n"
BANNER = "CAUTION: This email originated from outside of the organisation. Do not click links or open attachments."
FOOTER = "This message may contain confidential information. If you are not the intended recipient please delete it."


def outlook(words: str, *, sender: str, to: str, ours: str = OURS) -> bytes:
    """Outlook: the header of the message that is answered written out below a rule, in both parts."""
    below = "\n".join(
        (
            "________________________________",
            f"From: Leicester meeting invitations <{to}>",
            "Sent: 03 November 2026 09:00",
            f"To: {sender}",
            "Subject: Minutes for your file, ref ABCD-EFGH",
            "",
            *ours.splitlines(),
            "",
        )
    )
    html = (
        f"<html><body><div class=WordSection1><p>{words}</p></div><div id=divRplyFwdMsg dir=ltr><b>From:</b> Leicester"
        "<br><b>Sent:</b> 03 November 2026 09:00</div><div>Please file this copy.</div></body></html>"
    )
    parts = [
        part('text/plain; charset="iso-8859-1"', f"{words}\n\n{below}", "quoted-printable"),
        part('text/html; charset="iso-8859-1"', html, "quoted-printable"),
    ]
    head = ("X-MS-Has-Attach:", "Thread-Topic: Minutes for your file")
    return message(multipart("alternative", parts, "_000_A_"), *head, sender=sender, to=to, subject="Re: Minutes")


def gmail(words: str, *, sender: str, to: str, ours: str = OURS) -> bytes:
    """Gmail: the message that is answered below a line that says who wrote it."""
    wrote = "On Tue, 3 Nov 2026 at 09:00, Leicester meeting invitations <reply@quorate.example> wrote:"
    plain = f"{words}\n\n{wrote}\n\n{_quoted(ours)}\n"
    html = f"<div dir=ltr>{words}</div><div class='gmail_quote'>{wrote}<blockquote>Please file it.</blockquote></div>"
    parts = [
        part('text/plain; charset="UTF-8"', plain, "quoted-printable"),
        part('text/html; charset="UTF-8"', html, "quoted-printable"),
    ]
    return message(multipart("alternative", parts, "000000gm"), sender=sender, to=to, subject="Re: Minutes")


def apple(words: str, *, sender: str, to: str, ours: str = OURS) -> bytes:
    """Apple: plain text alone, the device's own line, then the quotation."""
    wrote = "> On 3 Nov 2026, at 09:00, Leicester meeting invitations <reply@quorate.example> wrote:"
    body = f"{words}\n\nSent from my iPhone\n\n{wrote}\n> \n> \ufeff{_quoted(ours)[2:]}\n"
    return message(
        part("text/plain;\n\tcharset=utf-8", body, "quoted-printable"),
        "X-Mailer: iPhone Mail (23A341)",
        sender=sender,
        to=to,
        subject="Re: Minutes",
    )


def nhsmail(words: str, *, sender: str, to: str, ours: str = OURS) -> bytes:
    """Exchange Online with what an organisation puts around the words of its people and into what they answer."""
    below = (
        f"From: Leicester <{to}>\nSent: 03 November 2026 09:00\nTo: {sender}\nSubject: Minutes\n\n{BANNER}\n\n{ours}\n"
    )
    body = f"{words}\n\n{'_' * 32}\n{below}\n{'*' * 80}\n{FOOTER}\n"
    parts = [
        part('text/plain; charset="utf-8"', body, "base64"),
        part('text/html; charset="utf-8"', f"<div>{body}</div>", "base64"),
    ]
    return message(multipart("alternative", parts, "_000_N_"), sender=sender, to=to, subject="RE: Minutes")


def _quoted(ours: str) -> str:
    return "\n".join(f"> {line}" for line in ours.splitlines())


SHAPES = {"outlook": outlook, "gmail": gmail, "apple": apple, "nhsmail": nhsmail}


def with_file(words: str, *, sender: str, to: str, name: str = "Care plan.pdf") -> bytes:
    """Words, and a file."""
    named = f'Content-Disposition: attachment; filename="{name}"'
    parts = [part("text/plain; charset=utf-8", words), part("application/pdf", PDF, "base64", named)]
    return message(multipart("mixed", parts), sender=sender, to=to, subject="Re: Minutes")


def out_of_office(*, sender: str, to: str, words: str = "I am on leave until Monday. It is filed.") -> bytes:
    """A program answers for somebody absent."""
    head = ("Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All")
    return message(
        part("text/plain", words), *head, sender=sender, to=to, subject="Automatic reply: Minutes for your file"
    )


def given_back(
    address: str,
    *,
    to: str,
    action: str = "failed",
    status: str = "5.1.1",
    message_id: str | None = None,
    more: Sequence[str] = (),
) -> bytes:
    """A mail server says what became of a message to an address."""
    fields = f"Reporting-MTA: dns; mx.trust.example\n\nFinal-Recipient: rfc822; {address}\nAction: {action}\n"
    parts = [part("text/plain", "What became of it.\n"), part("message/delivery-status", f"{fields}Status: {status}\n")]
    if message_id is not None:
        parts.append(part("message/rfc822", f"To: {address}\nMessage-ID: <{message_id}>\nSubject: Minutes\n\nWords.\n"))
    body = multipart("report; report-type=delivery-status", parts)
    sender = "MAILER-DAEMON@mx.trust.example"
    return message(body, "Return-Path: <>", *more, sender=sender, to=to, subject="Delivery report")
