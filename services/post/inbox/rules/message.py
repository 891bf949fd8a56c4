"""A message beside what is known of the invitations that it has the tokens of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.domains import is_of_one_agency
from schemas.payload import Payload
from services.post.inbox.reading.found import Attendee, Reading
from services.post.inbox.rules.decided import Asked, ForAPerson, NewEvent

EARLIEST = timedelta(days=366)
"""A message that says it is older than this was written by a wrong clock."""
LONGEST_NOTE, LONGEST_LINE = 4_000, 300

_MESSAGE_ID = re.compile(
    r"([0-9a-f]{26})\.([0-9]{1,9})\.(?:([0-9]{1,9})|([a-z_]{2,64})\.[a-z0-9_.]{1,200})@(.+)", re.IGNORECASE
)
"""Of an invitation, with its revision; or of a letter that belongs to one, with the letter's name and what it is of."""
_UID = re.compile(r"([0-9a-f]{26})@(.+)", re.IGNORECASE)
_NOT_IN_A_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")
_NOT_IN_A_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has the token of an invitation that is there. `known` are those invitations; `only` is the one,
    where it has the token of no other.
    """

    reading: Reading
    domain: str
    known: Mapping[str, Asked]
    only: Asked | None
    received_at: datetime
    mail_id: str

    def about_one(self) -> Asked:
        """The one invitation that it can be about."""
        if self.only is None:
            raise ForAPerson("several_invitations")
        return self.only

    @property
    def at(self) -> datetime:
        """When it was written, as far as its own word can be taken for that."""
        return written_at(self.reading, self.received_at)

    @property
    def by(self) -> str | None:
        """Who says to have written it, by name and address."""
        return written_by(self.reading)

    def event(self, type_: str, asked: Asked, data: Payload, mark: str = "") -> NewEvent:
        """An event of this message; `mark` tells it from others of the type, where there can be several."""
        name = f"{self.mail_id[:32]}.{type_.split('.')[-2]}.{mark or asked.invitation_id}"[:64]
        return NewEvent(name, type_, self.at, asked.meeting_id, asked.partition_key, data)

    def believed(self, asked: Asked, attendee: Attendee | None = None) -> bool:
        """Whether whoever writes is known as the party that was asked.

        Of an agency: an address that it has on record, or another one of the same domain where that is its own; one
        such among attendee, SENT-BY and sender is enough, since people answer from aliases. Of a relative: the invited
        address writes.
        """
        sender = self.reading.sender
        if asked.agency_id is None:
            return sender is not None and asked.address is not None and sender.address == asked.address.lower()
        claims = [sender.address if sender else None]
        if attendee is not None:
            claims += [attendee.address, attendee.sent_by]
        return of_agency(asked.address, asked.addresses, claims)


def of_agency(address: str | None, addresses: Iterable[str], claims: Iterable[str | None]) -> bool:
    """Whether one of the claimed addresses is an agency's: one that it was written to or has on record, or another one
    of the same domain, where nobody else has that.
    """
    known = {each.lower() for each in (address, *addresses) if each}
    domains = set(filter(is_of_one_agency, (each.rpartition("@")[2] for each in known if "@" in each)))
    return any(each in known or each.rpartition("@")[2] in domains for each in claims if each and "@" in each)


def written_at(reading: Reading, received_at: datetime) -> datetime:
    """When a message was written, as far as its own word can be taken for that."""
    if reading.date is None or not received_at - EARLIEST <= reading.date <= received_at:
        return received_at
    return reading.date


def written_by(reading: Reading) -> str | None:
    """Who says to have written a message, by name and address."""
    sender = reading.sender
    if sender is None:
        return None
    return line(f"{sender.name} ({sender.address})" if sender.name else sender.address)


def named(reading: Reading, domain: str) -> set[str]:
    """The invitations that a message names in a UID or a Message-ID: anybody can write those."""
    ids = (*reading.message_ids, *(each.message_id for each in reading.bounces if each.message_id))
    found = {of_uid(each.uid, domain) for each in reading.calendar}
    found |= {of_message_id(each, domain).invitation_id for each in ids}
    return {each for each in found if each is not None}


def of_uid(uid: str, domain: str) -> str | None:
    """The invitation that a UID of ours is of."""
    found = _UID.fullmatch(uid)
    return found[1].lower() if found and found[2].lower() == domain else None


class Named(NamedTuple):
    """What a Message-ID of ours says: the invitation and its SEQUENCE, and the revision or which letter it is."""

    invitation_id: str | None = None
    sequence: int | None = None
    revision: int | None = None
    letter: str | None = None


def of_message_id(message_id: str, domain: str) -> Named:
    """Which message a Message-ID names; nothing where it is none of ours."""
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None or found[5].lower() != domain:
        return Named()
    revision, letter = found[3], found[4]
    return Named(
        found[1].lower(), int(found[2]), int(revision) if revision else None, letter.lower() if letter else None
    )


def line(value: str | None) -> str | None:
    """Somebody's words on one line, as an event takes them."""
    if not value:
        return None
    return _NOT_IN_A_LINE.sub(" ", value[: 2 * LONGEST_LINE]).strip()[:LONGEST_LINE].strip() or None


def text(value: str | None) -> str | None:
    """Somebody's words, as an event takes them."""
    if not value:
        return None
    plain = value[: 2 * LONGEST_NOTE].replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_IN_A_TEXT.sub("", plain).strip()[:LONGEST_NOTE].strip() or None
