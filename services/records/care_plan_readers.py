"""Gathers who may have the care plans that came in, for a batch of them in one go: what was told of each, the meetings
that it came for, and the core groups of the children.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.meetings.rules import Meeting
from services.records.core_groups import core_groups_of, members
from services.records.readers import Around, around
from services.records.rules.care_plans import Told, barred, is_asked_for, may_have
from services.records.rules.dispatch import Dispatch
from services.records.rules.record import Reader
from services.records.store.care_plans import told_of


@dataclass(frozen=True, slots=True)
class CarePlanReaders:
    """What decides who may have care plans. `about` holds the meetings that each came for, and those that named the
    core groups of the children.
    """

    told: Mapping[str, Told]
    about: Mapping[str, Around]
    core_groups: Mapping[str, Meeting]

    @classmethod
    async def load(
        cls, db: AsyncConnection, policy: Policy, document_ids: Collection[str], meeting_ids: Collection[str] = ()
    ) -> CarePlanReaders:
        """Those of these documents, with these meetings besides."""
        told = await told_of(db, document_ids)
        core_groups = await core_groups_of(db, {each.child_id for each in told.values() if each.child_id is not None})
        ids = {each for one in told.values() for each in one.meeting_ids}
        ids |= {each.meeting_id for each in core_groups.values()}
        return cls(told, await around(db, policy, {*meeting_ids, *ids}), core_groups)

    def barred(self, document_id: str, child_id: str) -> dict[str, str]:
        """The agencies that a person keeps from a meeting about the child which a care plan came for, or which named
        the core group, with the reason.
        """
        ids = set(self.told[document_id].meeting_ids)
        if child_id in self.core_groups:
            ids.add(self.core_groups[child_id].meeting_id)
        some = [self.about[each] for each in sorted(ids) if each in self.about]
        return barred((each.meeting, each.readers) for each in some if child_id in each.meeting.child_ids)

    def may_have(self, each: Dispatch, reader: Reader, sender: str = "") -> bool:
        """Whether an agency may have by now what was decided for it, whatever was known then: on account of the child
        whom the care plan is about today, and by a meeting that it came for.
        """
        told, child_id = self.told.get(each.about), each.child_id
        if told is None or child_id is None or told.child_id != child_id:
            return False
        if reader.why_not is not None or reader.agency_id in self.barred(each.about, child_id):
            return False
        core_group = members(self.core_groups.get(child_id))
        return may_have(child_id, sender, reader, core_group) and any(
            is_asked_for(child_id, reader, self.about[meeting_id].readers, core_group)
            for meeting_id in told.meeting_ids
            if meeting_id in self.about and child_id in self.about[meeting_id].meeting.child_ids
        )
