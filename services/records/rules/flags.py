"""What a notice about a plan asks of the flag on a record, and which words of its reader answer that.

To have taken note says nothing of a flag. That the records carry none answers whoever asks to take one off, and nobody
who asks to put one on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.records.rules.dispatch import RECALLED, Dispatch
from services.records.rules.notices import CHANGED, ENDED, Notice, told_last

FLAG_CHANGED, NO_FLAG, NOTED = "flag_changed", "no_flag", "noted"

SET, REMOVE, UPDATE, LEAVE = "set", "remove", "update", "leave"
"""What becomes of a flag: it is on, it is off, it stays and may say something else, it stays as it is."""


def flag_asked(notice: Notice, told: Sequence[Notice]) -> str:
    """What is to become of the flag: while another plan of the child stands, the end of one takes none off. `told` is
    all that was told of the plans of the child.
    """
    if notice.kind == CHANGED:
        return UPDATE
    if notice.kind != ENDED:
        return SET
    others = {each.plan_id for each in told} - {notice.plan_id}
    last = (told_last([each for each in told if each.plan_id == plan_id]) for plan_id in sorted(others))
    return LEAVE if any(each is not None and each.kind != ENDED for each in last) else REMOVE


def settles(flag: str, said: str | None) -> bool:
    """Whether what a reader said leaves nothing open of what is to become of the flag."""
    if said is None or flag not in {SET, REMOVE}:
        return said is not None
    return said == FLAG_CHANGED or (said == NO_FLAG and flag == REMOVE)


def is_answered(each: Dispatch, kind: str, *, holds_codes: bool) -> bool:
    """Whether the reader of a notice that is chased has answered it: from whoever holds health records word of the flag
    is wanted, from others any is an answer.
    """
    if each.confirmed_at is None or not holds_codes:
        return each.confirmed_at is not None
    return settles(REMOVE if kind == ENDED else SET, each.confirmed)


def is_off(each: Dispatch, told: Sequence[Notice], dispatches: Iterable[Dispatch]) -> bool:
    """Whether the reader of the end of one plan has said to a later end that the flag is off: while another plan stood,
    the flag was to stay, so that the last end speaks for all. `told` is all that was told of the plans of the child,
    `dispatches` what went out of it.
    """
    ends = {notice.notice_id: notice for notice in told if notice.kind == ENDED}
    own = ends.get(each.about)
    if own is None:
        return False
    return any(
        other.agency_id == each.agency_id
        and (end := ends.get(other.about)) is not None
        and end.plan_id != own.plan_id
        and end.written_at >= own.written_at
        and other.state != RECALLED
        and settles(REMOVE, other.confirmed)
        for other in dispatches
    )
