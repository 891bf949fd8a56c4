"""What it means for records, care plans and plans that meetings change. Most meetings have nothing to do with any of
them: that is asked first, once for all three.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.foundation.work import Derived, Work
from services.meetings.handlers import Resolved
from services.meetings.rules import Meeting
from services.records.handlers import care_plans, plans, review
from services.records.store.there import There, there_is


async def resolved(work: Work, events: Sequence[Derived]) -> None:
    """Others are asked to meetings than before; or a person excludes somebody, whom nothing else may have asked."""
    resolved: list[Resolved] = [event.data for event in events]
    there = await _look(work, [each.meeting for each in resolved])
    changed = [each.meeting for each in resolved if each.before != each.after or each.meeting.do_not_invite]
    plans.concern(work, there.plans & {child_id for meeting in changed for child_id in meeting.child_ids})


async def closed(work: Work, events: Sequence[Derived]) -> None:
    """Meetings were held or cancelled."""
    await _look(work, [event.data.meeting for event in events])


async def _look(work: Work, some: Sequence[Meeting]) -> There:
    """Look again at the records of these meetings; and at every care plan that came for a meeting about one of these
    children, for which it counts who is asked, and who is of the core group.
    """
    children = {child_id for meeting in some for child_id in meeting.child_ids}
    there = await there_is(work.db, {meeting.meeting_id for meeting in some}, children)
    await review.look_where(work, there)
    await care_plans.look(work, there.care_plans)
    return there
