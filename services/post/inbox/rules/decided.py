"""What can follow from a message that came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from schemas.envelope import encode
from schemas.payload import Payload
from services.post.inbox.reading.found import Attachment

SOURCE = "/quorate/mailbox"

Why = Literal[
    "forged_token",  # sent to an address of our form that we never gave to anybody
    "unknown_address",  # sent to no invitation's address
    "unknown_invitation",  # sent to the address of an invitation, or of a copy, that is not there
    "wrong_address",  # an answer where mail servers give back, or what looks given back where answers go
    "several_invitations",  # sent to the addresses of several, or of copies besides: it does not say which one it means
    "uid_of_another_invitation",  # the calendar object, or the message that came back, is of another invitation
    "unknown_replier",  # whoever answers is not the party that was asked
    "no_longer_asked",  # the party is not invited any more
    "no_calendar_answer",  # a calendar object that says neither yes nor no
    "several_answers",  # answers in one message that contradict each other
    "of_one_occurrence",  # an answer to one date of a series: there are no series here
    "time_not_readable",  # another time is proposed, and it cannot be told which
    "automatic_answer",  # a program answers, or sends a file, in a person's absence
    "bounce_of_unknown_address",  # given back by an address that is none of the party's: some forwarding went wrong
    "not_from_an_agency",  # a file from a relative or a child
    "file_about_a_copy",  # a file in answer to a copy or a notice: nobody asked for one
    "mesh_not_understood",  # by MESH: neither a report on a message of ours nor an answer of the form that is agreed
    "recalled",  # it says that a copy was filed which was taken back
    "not_readable",
    "too_large",
    "encrypted",
    "winmail",
    "human_text",  # words, which only a person understands
]
"""Why a person must look at a message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an invitation that a message is about.

    `address` is where it goes now, None where nothing more may go; `addresses` are all that the agency or one of its
    teams has on record. `stamp` is the DTSTAMP of the latest message, `since` when the present SEQUENCE began.
    `cancelled`: the invitation was taken back, for this party or with the meeting.
    """

    invitation_id: str
    meeting_id: str
    partition_key: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    address: str | None
    addresses: frozenset[str]
    sequence: int
    stamp: datetime
    since: datetime
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of a dispatch that a message is about: a copy of a record, a notice, a care plan.

    `address` is where it went; `addresses` are the secure ones that the agency or one of its teams has on record, and
    `name` is what the agency is called. `flag` says of a notice what is to become of the flag, with all that was told
    by now (`services.records.rules.flags`); of anything else it is None. `of_family` are addresses, in small letters,
    that those of the family gave as their own, where an agency is to answer. `recalled`: it was taken back.
    """

    dispatch_id: str
    kind: str
    meeting_id: str | None
    child_id: str | None
    partition_key: str
    agency_id: str | None
    address: str | None
    addresses: frozenset[str]
    name: str = ""
    flag: str | None = None
    of_family: frozenset[str] = frozenset()
    recalled: bool = False


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to hand to intake. The same message gives the same id, however often it comes in."""

    id: str
    type: str
    time: datetime
    subject: str
    partition_key: str
    data: Payload

    def encoded(self) -> bytes:
        """The event as intake takes it."""
        return encode(
            source=SOURCE,
            id=self.id,
            type=self.type,
            time=self.time,
            subject=self.subject,
            partition_key=self.partition_key,
            data=self.data,
        )


@dataclass(frozen=True, slots=True)
class NewReport:
    """A file that came from a party that was asked, and the event to hand to intake once the file is kept and was found
    to be of a type that is taken: it names the file by the SHA-256 of its content.
    """

    attachment: Attachment
    event: NewEvent


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a message.

    `why` says that a person must look, beside whatever else is done; where all is empty there was nothing to do.
    `invitation_id` or `dispatch_id` is shown by the token; `perhaps` are invitations that the message names without
    having their token: for a person to go by, and for nothing else.
    """

    events: tuple[NewEvent, ...] = ()
    reports: tuple[NewReport, ...] = ()
    why: Why | None = None
    invitation_id: str | None = None
    meeting_id: str | None = None
    perhaps: frozenset[str] = field(default_factory=frozenset)
    dispatch_id: str | None = None


class ForAPerson(Exception):
    """Nothing may be done with the message: a person must look."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why
