"""What programs answer when nobody is there."""

from __future__ import annotations

from tests.mail.pieces import answer, attendee, calendar, message, multipart, part

WORDS = "I am away until Monday. For anything urgent write to the duty desk.\n"


def exchange() -> bytes:
    return message(
        multipart(
            "alternative",
            [part("text/plain; charset=utf-8", WORDS, "base64"), part("text/html", f"<p>{WORDS}", "7bit")],
        ),
        "Return-Path: <>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        subject="Automatic reply: Invitation",
    )


def google() -> bytes:
    return message(
        part("text/plain; charset=UTF-8", WORDS), "Precedence: bulk", "X-Autoreply: yes", "Auto-Submitted: auto-replied"
    )


def vacation() -> bytes:
    """vacation(1)."""
    said = ("Precedence: bulk", "Auto-Submitted: auto-replied")
    return message(part("text/plain", WORDS), *said, subject="away from my mail")


def junk() -> bytes:
    """vacation(1), the old one: lists and people's own programs write the same."""
    return message(part("text/plain", WORDS), "Precedence: junk", subject="away from my mail")


def suppressing() -> bytes:
    """Exchange says this of what people write, too."""
    return message(part("text/plain", WORDS), "X-Auto-Response-Suppress: OOF, AutoReply")


def with_the_invitation() -> bytes:
    """One that sends back what it answers, calendar and all."""
    asked = answer(calendar(attendee("NEEDS-ACTION"), method="REQUEST"), "base64", "text/calendar; method=REQUEST")
    return message(multipart("mixed", [part("text/plain", WORDS), asked]), "Auto-Submitted: auto-replied (vacation)")


def accepting() -> bytes:
    """A calendar that accepts whatever comes, in a person's absence."""
    return message(answer(calendar(attendee())), "Auto-Submitted: auto-replied")
