"""One thing that is sent to one reader: a copy of a record, a notice, a care plan; and how far it has come."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from schemas.policy import Number

RECORD, NOTICE, CARE_PLAN = "record", "notice", "care_plan"
EMAIL, MESH = "email", "mesh"
ATTACHMENT, LINK, BODY = "attachment", "link", "body"

WITHHELD, PRINTING, QUEUED = "withheld", "printing", "queued"
SENT, DELIVERED, UNDELIVERED = "sent", "delivered", "undelivered"
OVERTAKEN, RECALLED = "overtaken", "recalled"
KEPT = "kept"
"""Nothing in it differs from the earlier copy that its reader has: that one stands, and this one is not sent."""
GOES = frozenset({PRINTING, QUEUED})
"""States in which it has not left and is to."""
LEFT = frozenset({SENT, DELIVERED, UNDELIVERED})
"""States in which it has left, or may have."""

# Why something does not go, beside what the copies themselves say: no link can be made, or its reader may have less now
# than when it was decided.
NO_LINK, NOT_PERMITTED = "no_link", "not_permitted"
ADDRESS_REFUSED = "address_refused"
IN_DOUBT = "may_have_gone"
"""It may not go any more, and was on its way before without anyone knowing how that ended: its reader may have it. It
stays so once it is heard that they do, until a person has decided: see `Copies.in_doubt`.
"""
HAS_GONE = "has_gone"
"""What is said instead of one in doubt of which that was heard; no dispatch ends with it."""

How = Literal["attachment", "link", "body"]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One thing for one reader, as it stands; see the table. `shown` is what its front page shows, once printed."""

    dispatch_id: str
    kind: str
    about: str
    version: int
    meeting_id: str | None
    child_id: str | None
    partition_key: str
    party: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    channel: str
    address: str | None
    how: str
    state: str
    why: str | None
    decided: list[dict[str, object]] | None
    content: str | None
    document_id: str | None
    written_at: datetime
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    confirmed_at: datetime | None = None
    confirmed: str | None = None
    reminded_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    shown: dict[str, Any] | None = None


def dispatch_id(kind: str, about: str, version: int, party: str, channel: str = EMAIL) -> str:
    """The name of a dispatch: the same for the same thing and reader for ever, and readable by nobody."""
    return hashlib.sha256(f"dispatch {kind} {about} {version} {party} {channel}".encode()).hexdigest()[:26]


def line_of(kind: str, about: str, party: str, channel: str = EMAIL) -> str:
    """What the messages about one thing to one reader leave in order under, whatever their version. What goes by one
    channel waits for nothing that goes by another.
    """
    by = "" if channel == EMAIL else f" {channel}"
    return hashlib.sha256(f"line {kind} {about} {party}{by}".encode()).hexdigest()[:26]


def may_have_been_read(each: Dispatch) -> bool:
    """Whether its reader may have it, be it that it came back or was taken back since: not where it was kept back, or
    the mail server did not take it.
    """
    handed_over = each.state in {*LEFT, RECALLED} and each.why not in {NOT_PERMITTED, ADDRESS_REFUSED}
    return each.sent_at is not None or handed_over


def would_be_written_so(
    each: Dispatch, address: str | None, how: str, expires_at: datetime | None, about: timedelta = timedelta(days=1)
) -> bool:
    """Whether what was written before is what would be written now: to this address, in this way, with links that open
    as long, but for what it is `about`.
    """
    lasts = each.expires_at is None or expires_at is None or each.expires_at >= expires_at - about
    return lasts and (each.address, each.how) == (address, how)


def opens_until(written_at: datetime, number: Number) -> datetime:
    """Until when a link opens that was written then; the end of the month where that month is shorter."""
    if number.unit not in {"months", "years"}:
        return written_at + timedelta(days=round(number.value) * (7 if number.unit == "weeks" else 1))
    year, month = divmod(written_at.year * 12 + written_at.month - 1 + number.months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return written_at.replace(year=year, month=month + 1, day=min(written_at.day, last))
