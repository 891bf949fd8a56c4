"""What a room hands to the post room: one message to one reader, before it becomes MIME."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Derived, Work

GONE = "oversight.gone"  # the timer by which it is looked whether what was written for a meeting has gone
SETTLED = "post.settled"  # a letter went, or will not any more

NOT_WANTED = "nothing_to_ask"
"""Why a message does not go that is not wanted any more, which is no failure."""

PATIENCE = timedelta(minutes=30)
"""How long the mailer may try by itself before a person is told that a message has not gone."""


class Attachment(NamedTuple):
    """A file in a letter. `name` is plain ASCII and says nothing of anyone."""

    name: str
    media_type: str
    content: bytes


class Letter(NamedTuple):
    """One message to one reader. `sender` is the envelope's; `calendar` is a whole iCalendar object with CRLF lines."""

    to: str
    sender: str
    from_name: str
    from_address: str
    subject: str
    message_id: str
    date: datetime
    text: str
    html: str
    calendar: bytes | None = None
    method: Literal["REQUEST", "CANCEL"] | None = None
    attachments: tuple[Attachment, ...] = ()


class Attempt(NamedTuple):
    """How the post room's attempt at one row ended.

    `state` is `sent`, `failed` (for good) or `pending` (it will be tried again). `reason` is from the closed list of
    the outgoing events where it failed: `address_refused`, `gave_up`, `not_permitted`, `too_late`; or `nothing_to_ask`
    where it is not wanted any more, which is no failure and is told to nobody. `counts`: it is one of the attempts that
    the message has. `may_have_left`: the server was given the message itself, or may have been, whatever it said then.
    """

    row: OutboxRow
    state: str
    at: datetime
    code: int | None = None
    reason: str | None = None
    text: str = ""
    counts: bool = True
    may_have_left: bool = True

    @property
    def result(self) -> str:
        """What is kept of the answer."""
        return f"{self.code or ''} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class LetterKind:
    """Who renders one kind of outbox row, who says whether it may still go, and who is told how it went.

    `permitted` is for letters whose reader may have come to have no right to them since they were written: it decides
    that anew, under the policy, with what is known now; it names those that may not go, like `withheld`.
    """

    render: Callable[[Mapping[str, Any], Settings], Letter]
    withheld: Callable[[AsyncConnection, Sequence[OutboxRow], datetime], Awaitable[Mapping[int, str]]]
    settled: Callable[[Work, Sequence[Attempt]], Awaitable[None]]
    permitted: Callable[[Work, Sequence[OutboxRow]], Awaitable[Mapping[int, str]]] | None = None


def watch(work: Work, meeting_ids: Iterable[str]) -> None:
    """Something was written for these meetings: it is looked later whether it has gone."""
    for meeting_id in set(meeting_ids):
        work.arm(GONE, meeting_id, work.now + PATIENCE)


def tell_settled(work: Work, attempts: Iterable[Attempt]) -> None:
    """Tell of each letter that went, or will not any more."""
    for each in attempts:
        if each.state != "pending":
            meeting_id = each.row.params["meeting_id"]
            work.emit(Derived(SETTLED, meeting_id, meeting_id, each))
