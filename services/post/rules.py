"""What each answer of a mail server means for the message: taken, try again, give up, or ask a person.

Source: RFC 5321 section 4.2; what servers do with each code was measured against a fault-injecting sink.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

# How far a message had come: the session was being opened, or the server was being told the sender, the recipient, the
# content.
Stage = Literal["opening", "sender", "recipient", "content"]

# Waits between attempts; after the last one nobody tries again and a person is asked. About 34 hours in all.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30, 60, 120, 240, 480, 480, 600))

# How long the mailer leaves a server alone that fails time after time; the last one goes on for as long as it does.
SERVER_WAITS = tuple(timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 300))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer means.

    `of_server`: it is about the server or the connection, and every other message meets it too. `counts`: it is one of
    the attempts that the message has; a server that is away costs none.
    """

    action: Literal["retry", "give_up"]
    reason: Literal["address_refused", "gave_up"] = "gave_up"
    of_server: bool = False
    counts: bool = True


RETRY = Meaning("retry")
SERVER_RETRY = Meaning("retry", of_server=True, counts=False)
# The connection went with the content on its way: it may be the message that does it, so the attempt counts.
LOST_WITH_CONTENT = Meaning("retry", of_server=True)
REFUSED = Meaning("give_up", "address_refused")
GIVE_UP = Meaning("give_up")

TOO_LARGE = 552

MEANINGS: dict[int, Meaning] = {
    421: SERVER_RETRY,  # the server is going away; aiosmtplib shows it as a refused recipient
    450: RETRY,  # mailbox busy, or greylisted
    451: RETRY,  # the server's own trouble
    452: RETRY,  # out of space, or too many recipients for now
    454: SERVER_RETRY,  # TLS or authentication not available just now
    530: SERVER_RETRY,  # authentication needed: the settings are wrong, not the message
    534: SERVER_RETRY,
    535: SERVER_RETRY,  # credentials refused: the settings are wrong, not the message
    538: SERVER_RETRY,
    550: REFUSED,  # no such mailbox, or not for us
    551: REFUSED,
    TOO_LARGE: GIVE_UP,  # the mailbox is full for good, or the message is too large
    553: REFUSED,  # the address is malformed to this server
    554: GIVE_UP,  # refused without saying more
    556: REFUSED,  # the domain takes no mail
}


def meaning(code: int | None, stage: Stage) -> Meaning:
    """What a reply code means at a stage; None is a connection that broke or timed out."""
    if stage == "opening":
        return SERVER_RETRY
    if code is None:
        return LOST_WITH_CONTENT if stage == "content" else SERVER_RETRY
    found = MEANINGS.get(code, RETRY if 400 <= code < 500 else GIVE_UP)
    if stage == "content":
        # By now the address was taken: what is refused is the message.
        return LOST_WITH_CONTENT if found == SERVER_RETRY else GIVE_UP if found == REFUSED else found
    if stage == "sender" and code != TOO_LARGE and not found.of_server:
        return RETRY  # our own address is refused: a person can mend that before the attempts run out
    return found


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts; None where it is time to give up."""
    return WAITS[attempts - 1] if attempts <= len(WAITS) else None


def server_wait(failures: int) -> timedelta:
    """How long to leave the server alone after it has failed so many times without a message taken in between."""
    return SERVER_WAITS[min(failures, len(SERVER_WAITS)) - 1]
