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

from services.records.rules.copies import NO_ADDRESS
from services.records.rules.record import Reader

NOT_FORWARDED = "care_plan_not_forwarded"

# Why a care plan does not go, or not yet.
NOT_SCANNED, INFECTED, NOT_HELD = "not_scanned", "infected", "not_held"
FOR_NOW = frozenset({NOT_SCANNED, NOT_HELD, NO_ADDRESS, "no_link"})
"""Reasons that may pass: it goes once they have."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An agency that gets a care plan, by the meeting in which it was asked; `why_not` is why nothing goes to it."""

    reader: Reader
    meeting_id: str
    why_not: str | None = None


def about_child(child_ids: Sequence[str], told: str | None) -> str | None:
    """The child whom a care plan for a meeting is about: the one that was named, or the only one; None where nobody
    can tell.
    """
    if told is not None:
        return told if told in child_ids else None
    return child_ids[0] if len(child_ids) == 1 else None


def recipients(
    child_id: str, sender: str, readers: Mapping[str, Sequence[Reader]], core_group: frozenset[str] | None
) -> list[Recipient]:
    """Who gets a care plan about a child that an agency sent. `readers` are those of the meeting that it came for and,
    after it, of the one that named the core group; without a core group it is for whoever was asked to the meeting.
    """
    found: dict[str, Recipient] = {}
    for meeting_id, some in readers.items():
        for reader in some:
            if may_have(child_id, sender, reader, core_group):
                why_not = reader.why_not or (NO_ADDRESS if reader.address is None else None)
                found.setdefault(reader.party, Recipient(reader, meeting_id, why_not))
    return list(found.values())


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
