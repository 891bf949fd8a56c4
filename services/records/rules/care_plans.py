"""Who gets a care plan that came in: professionals of the core group who were asked on account of the child, and not
for a relative of it alone.

A care plan is a file that nobody here can divide into sections, so it goes whole or not at all, and to no member of the
family by any route: what they are told of it is for who wrote it.

Source: LLR CAMHS audit 2025 (care plans are shared with the core group as a routine); rules of the field, sections 2.3,
2.6 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.meetings.rules import DECIDED_BY_A_PERSON, Meeting
from services.meetings.rules.entry import EXCLUDED_BEFORE
from services.records.rules.copies import NO_ADDRESS
from services.records.rules.record import Reader

NOT_FORWARDED = "care_plan_not_forwarded"

# Why a care plan does not go, or not yet.
NOT_SCANNED, INFECTED, NOT_HELD = "not_scanned", "infected", "not_held"
FOR_NOW = frozenset({NOT_SCANNED, NOT_HELD, NO_ADDRESS, "no_link"})
"""Reasons that may pass: it goes once they have."""
KEPT_OUT = DECIDED_BY_A_PERSON | {EXCLUDED_BEFORE}
"""Reasons that a person gave: they are about the agency, and not about one team of it or one meeting."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An agency that gets a care plan, by the meeting in which it was asked; `why_not` is why nothing goes to it."""

    reader: Reader
    meeting_id: str
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """What was said of a document when it was told of: whether it is a care plan, and of which child. `children` are
    those whom its meeting was about by what was known then.
    """

    is_care_plan: bool
    child_id: str | None
    children: tuple[str, ...]

    @property
    def child(self) -> str | None:
        """The child that was named, or else the only one; None where nobody can tell."""
        return self.child_id or (self.children[0] if len(self.children) == 1 else None)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a document that came as a care plan, in the order in which it was learnt, and whom the meetings
    that it came for are about today; `meeting_ids` are these.
    """

    tellings: tuple[Telling, ...]
    children: frozenset[str]
    meeting_ids: frozenset[str] = frozenset()

    @property
    def is_care_plan(self) -> bool:
        """Whether it is one still, by what was said last."""
        return bool(self.tellings) and self.tellings[-1].is_care_plan

    @property
    def was_named(self) -> bool:
        """Whether anybody ever said which child it is about."""
        return any(each.is_care_plan and each.child_id is not None for each in self.tellings)

    @property
    def child_id(self) -> str | None:
        """The child whom it is about: the one that was named last, or who was the only one when it came first. None
        where nobody can tell, where it came again for another child since, or where no meeting that it came for is
        about that child any more: a meeting that changes says nothing new of a plan.
        """
        if not self.is_care_plan:
            return None
        plans = [each for each in self.tellings if each.is_care_plan]
        counts = max((at for at, each in enumerate(plans) if each.child_id is not None), default=0)
        child_id = plans[counts].child
        if child_id not in self.children or any(each.child not in (None, child_id) for each in plans[counts:]):
            return None
        return child_id

    def is_for(self, child_ids: Sequence[str]) -> str | None:
        """The child on whose account it is passed on for a meeting about these; None where a person has to say."""
        child_id = self.child_id
        return child_id if child_id in child_ids and (self.was_named or len(child_ids) == 1) else None


def recipients(
    child_id: str,
    sender: str,
    readers: Mapping[str, Sequence[Reader]],
    core_group: frozenset[str] | None,
    barred: Mapping[str, str],
) -> list[Recipient]:
    """Who gets a care plan about a child that an agency sent, each agency once. `readers` are those of the meeting that
    it came for and, after it, of the one that named the core group; without a core group it is for whoever was asked to
    the meeting. The first of them that asked an agency on account of the child decides, and whom a person keeps from
    one of them (`barred`, with the reason) gets nothing by the other, nor by another team.
    """
    found: dict[str, Recipient] = {}
    asked: set[str] = set()
    for meeting_id, some in readers.items():
        here = [each for each in some if each.agency_id is not None and child_id in each.child_ids]
        for reader in here:
            agency_id = reader.agency_id or ""
            if agency_id not in asked and may_have(child_id, sender, reader, core_group):
                why_not = barred.get(agency_id) or reader.why_not or (NO_ADDRESS if reader.address is None else None)
                before = found.get(agency_id)
                if before is None or (before.why_not is not None and why_not in (None, NO_ADDRESS)):
                    found[agency_id] = Recipient(reader, meeting_id, why_not)
        asked |= {each.agency_id or "" for each in here}
    return list(found.values())


def barred(some: Iterable[tuple[Meeting, Sequence[Reader]]]) -> dict[str, str]:
    """The agencies that a person keeps from one of these meetings, whoever reads for them there, with the reason."""
    found: dict[str, str] = {}
    for meeting, readers in some:
        found |= {each.agency_id: each.why_not for each in readers if each.agency_id and each.why_not in KEPT_OUT}
        found |= {each.agency_id: each.reason for each in meeting.do_not_invite if each.agency_id}
    return found


def is_asked_for(
    child_id: str, reader: Reader, asked: Iterable[Reader], core_group: frozenset[str] | None, *, unasked: bool
) -> bool:
    """Whether a reader may have it by what is said of their agency at the meeting that it came for, where that asked
    the agency on account of the child: by another meeting goes nothing that may not go by this one. `unasked` says
    whether they may where it did not.
    """
    own = [each for each in asked if each.agency_id == reader.agency_id and child_id in each.child_ids]
    return any(each.why_not is None and may_have(child_id, "", each, core_group) for each in own) if own else unasked


def may_have(child_id: str, sender: str, reader: Reader, core_group: frozenset[str] | None) -> bool:
    """Whether somebody may have a care plan at all: another agency than the one that sent it, of the core group where
    there is one, asked on account of the child. Not one that is there, or may be, for its service to a relative: the
    plan goes whole, and says what the child has told.
    """
    return (
        reader.agency_id is not None
        and not reader.is_family
        and reader.agency_id != sender
        and (core_group is None or reader.agency_id in core_group)
        and child_id in reader.child_ids
        and (not reader.serves_a_relative or child_id in reader.serves)
    )


def left_over(core_group: frozenset[str] | None, sender: str, some: Iterable[Recipient]) -> frozenset[str]:
    """The agencies of the core group to whom nothing can go, since they were not asked on account of the child."""
    return (core_group or frozenset()) - {sender} - {each.reader.agency_id or "" for each in some}
