"""Gathers who may have the care plans that came in, for a batch of them in one go: what was told of each, the meetings
that it came for, and the core groups of the children.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Involvement
from services.meetings.rules import Meeting
from services.records.core_groups import CoreGroup, core_groups_of, group_for, members
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

    policy: Policy
    told: Mapping[str, Told]
    about: Mapping[str, Around]
    core_groups: Mapping[str, Sequence[CoreGroup]]
    involvements: Sequence[Involvement]

    @classmethod
    async def load(
        cls, db: AsyncConnection, policy: Policy, document_ids: Collection[str], meeting_ids: Collection[str] = ()
    ) -> CarePlanReaders:
        """Those of these documents, with these meetings besides."""
        told = await told_of(db, document_ids)
        children = {each.child_id for each in told.values() if each.child_id is not None}
        core_groups = await core_groups_of(db, policy, children)
        ids = {each for one in told.values() for each in one.meeting_ids}
        ids |= {each.meeting.meeting_id for some in core_groups.values() for each in some}
        about = await around(db, policy, {*meeting_ids, *ids})
        return cls(policy, told, about, core_groups, await directory.involvements_of(db, core_groups))

    def core_group(self, child_id: str, meeting: Meeting) -> CoreGroup | None:
        """The core group that gets what comes for a meeting; None where none is named, or none any more."""
        return group_for(self.core_groups.get(child_id, ()), meeting)

    def sources(self, child_id: str, meeting: Meeting) -> dict[str, Sequence[Reader]]:
        """Those who were asked to a meeting, and after them those who were asked to the one that named the core group:
        where that was before, only who has to do with the child still.
        """
        found: dict[str, Sequence[Reader]] = {meeting.meeting_id: self.about[meeting.meeting_id].readers}
        group = self.core_group(child_id, meeting)
        if group is not None and group.meeting.meeting_id in self.about:
            some = self.about[group.meeting.meeting_id].readers
            by = group.meeting
            found.setdefault(by.meeting_id, [each for each in some if self._still(child_id, each, by, meeting)])
        return found

    def involved(self, child_id: str, meeting: Meeting) -> frozenset[str]:
        """The agencies that have to do with a child on the day of a meeting, by what is recorded now."""
        some = (each for each in self.involvements if each.person_id == child_id and each.counts_on(meeting.day))
        return frozenset(each.agency_id for each in some)

    def gone(self, child_id: str, meeting: Meeting) -> frozenset[str]:
        """The agencies of an earlier core group that have nothing to do with the child any more, though they had when
        it was named.
        """
        group = self.core_group(child_id, meeting)
        if group is None or group.meeting.starts_at >= meeting.starts_at:
            return frozenset()
        return (group.asked & set(group.meeting.core_group)) - self.involved(child_id, meeting)

    def newly_asked(self, child_id: str, meeting: Meeting, asked: Collection[str]) -> frozenset[str]:
        """Which of the agencies that were asked to a conference, or a meeting of the core group, are not of the core
        group since they came after it was named: nobody has decided about them.
        """
        group = self.core_group(child_id, meeting)
        if group is None or group.meeting.starts_at >= meeting.starts_at:
            return frozenset()
        kind = self.policy.on(meeting.day).kind(meeting.kind)
        if not kind.begins_episode and "core_group_members" not in kind.rules:
            return frozenset()
        never_asked = frozenset(asked) - group.ever_asked
        back_again = (frozenset(asked) & self.involved(child_id, meeting)) - group.asked
        return (never_asked | back_again) - set(group.meeting.core_group)

    def _still(self, child_id: str, reader: Reader, by: Meeting, meeting: Meeting) -> bool:
        """Whether who was asked to one meeting may have by that what came for another, to which nobody asked them."""
        return by.starts_at >= meeting.starts_at or reader.agency_id in self.involved(child_id, meeting)

    def barred(self, document_id: str, child_id: str) -> dict[str, str]:
        """The agencies that a person keeps from a meeting about the child which a care plan came for, or which named
        the core group, with the reason.
        """
        ids = {each for each in self.told[document_id].meeting_ids if each in self.about}
        groups = [self.core_group(child_id, self.about[each].meeting) for each in ids]
        ids |= {each.meeting.meeting_id for each in groups if each is not None}
        some = [self.about[each] for each in sorted(ids) if each in self.about]
        return barred((each.meeting, each.readers) for each in some if child_id in each.meeting.child_ids)

    def may_have(self, each: Dispatch, reader: Reader, sender: str = "") -> bool:
        """Whether an agency may have by now what was decided for it, whatever was known then: on account of the child
        whom the care plan is about today, and by a meeting that it came for.
        """
        told, child_id, by = self.told.get(each.about), each.child_id, self.about.get(each.meeting_id or "")
        if told is None or child_id is None or told.child_id != child_id or by is None:
            return False
        if reader.why_not is not None or reader.agency_id in self.barred(each.about, child_id):
            return False
        came_for = [self.about[meeting_id] for meeting_id in told.meeting_ids if meeting_id in self.about]
        return any(
            self._by(child_id, sender, reader, by.meeting, where)
            for where in came_for
            if child_id in where.meeting.child_ids
        )

    def _by(self, child_id: str, sender: str, reader: Reader, by: Meeting, where: Around) -> bool:
        """Whether who was asked to one meeting may have what came for another, or for the same one."""
        group = self.core_group(child_id, where.meeting)
        unasked = group is not None and self._still(child_id, reader, by, where.meeting)
        core_group = members(group)
        return may_have(child_id, sender, reader, core_group) and is_asked_for(
            child_id, reader, where.readers, core_group, unasked=unasked
        )
