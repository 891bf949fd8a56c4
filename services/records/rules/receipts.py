"""How far something that was sent to one reader has come: sent, delivered, opened, filed; each is told apart.

That it was sent is no success, and that nothing was heard of it is no failure: few mail systems say that a message has
arrived, and nobody opens what stands in the message itself by a link. What counts is that the reader says that it is
in their own file.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.records.rules.dispatch import (
    CARE_PLAN,
    DELIVERED,
    GOES,
    IN_DOUBT,
    KEPT,
    NOTICE,
    OVERTAKEN,
    QUEUED,
    RECALLED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)

OPENED, FILED, ACKNOWLEDGED = "opened", "filed", "acknowledged"

# What a reader may say of each kind, the weightiest last: that it is in their file says more of a copy, that a flag
# was changed, or that there is none, says more of a notice.
_WEIGHT = {
    RECORD: ("noted", "no_flag", "flag_changed", "filed"),
    CARE_PLAN: ("noted", "no_flag", "flag_changed", "filed"),
    NOTICE: ("noted", "filed", "no_flag", "flag_changed"),
}


def is_filed(each: Dispatch) -> bool:
    """Whether the reader has said that it is in their own file."""
    return each.confirmed == "filed"


def was_read(each: Dispatch) -> bool:
    """Whether the reader has shown that they have it, whatever came back of it."""
    return each.opened_at is not None or each.confirmed_at is not None


def weightier(kind: str, one: tuple[str, datetime], other: tuple[str, datetime] | None) -> tuple[str, datetime]:
    """Of two things that a reader said of something, the one that counts: the weightier, and of two alike the first."""
    if other is None:
        return one
    weights = _WEIGHT[kind]
    return max(one, other, key=lambda said: (weights.index(said[0]), -said[1].timestamp()))


def state(each: Dispatch) -> tuple[str, datetime]:
    """How far it has come, in one word, and since when."""
    if each.state in {WITHHELD, OVERTAKEN, RECALLED, KEPT}:
        return each.state, each.ended_at or each.written_at
    if each.confirmed_at is not None:
        if is_filed(each):
            return FILED, each.confirmed_at
        if each.kind == NOTICE:
            return ACKNOWLEDGED, each.confirmed_at
    read_at = min((at for at in (each.opened_at, each.confirmed_at) if at is not None), default=None)
    if read_at is not None:
        return OPENED, read_at
    if each.state in GOES:
        return QUEUED, each.written_at
    if each.state == UNDELIVERED and (each.why != IN_DOUBT or each.delivered_at is None):
        return UNDELIVERED, each.ended_at or each.sent_at or each.written_at
    if each.delivered_at is not None:
        return DELIVERED, each.delivered_at
    return SENT, each.sent_at or each.written_at


def as_known_at(each: Dispatch, moment: datetime) -> Dispatch:
    """A dispatch that was written by a moment, without what came to be so after it."""
    sent, delivered, opened, confirmed, ended = (
        at if at is not None and at <= moment else None
        for at in (each.sent_at, each.delivered_at, each.opened_at, each.confirmed_at, each.ended_at)
    )
    left = (SENT if sent is not None else QUEUED, None)
    later = each.ended_at is not None and ended is None
    stood, why = left if later or (each.state in {SENT, DELIVERED} and sent is None) else (each.state, each.why)
    return replace(
        each,
        state=stood,
        why=why,
        sent_at=sent,
        delivered_at=delivered,
        opened_at=opened,
        confirmed_at=confirmed,
        confirmed=each.confirmed if confirmed is not None else None,
        ended_at=ended,
    )
