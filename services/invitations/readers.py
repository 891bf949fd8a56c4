"""What a message tells its reader: of the meeting, the same to all; and to each no more than that one may know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Number, Policy
from services.directory import store as directory
from services.directory.rules import Agency, Child, Relative
from services.foundation.clock import london_date
from services.foundation.work import Work
from services.foundation.working_days import add_working_days, working_days_between
from services.invitations.rules import Invitation
from services.meetings.rules import ILLNESS_FLAG, Entry, Meeting, reference, say
from services.meetings.rules.words import earlier

RELATIVE, CHILD = "relative", "child"


class Names:
    """What the messages of one batch say of agencies, children and people."""

    def __init__(
        self, agencies: Mapping[str, Agency], children: Mapping[str, Child], relatives: Mapping[str, Relative]
    ) -> None:
        self.agencies, self.children, self.relatives = agencies, children, relatives

    @classmethod
    async def load(
        cls, db: AsyncConnection, some: Iterable[Invitation], entries: Mapping[str, Mapping[str, Entry]]
    ) -> Names:
        """What is to be known for messages to these invitations; those that go to no address need nothing."""
        asked = [invitation for invitation in some if invitation.address is not None]
        found = (entries.get(each.meeting_id, {}).get(each.party) for each in asked)
        child_ids = {child_id for entry in found if entry is not None for child_id in entry.child_ids}
        return cls(
            await directory.agencies_by_id(db, {each.agency_id for each in asked if each.agency_id}),
            await directory.children_by_id(db, child_ids),
            await directory.relatives_by_id(db, {each.person_id for each in asked if each.person_id}),
        )


def for_all_readers(work: Work, meeting: Meeting, entries: Mapping[str, Entry], names: Names) -> dict[str, Any]:
    """What is the same for every reader of one meeting."""
    today = work.policy.on(meeting.day)
    kind = today.kind(meeting.kind)
    report = today.number(kind.report_before)
    report_by = days_before(meeting.day, report) if report else None
    written_on = london_date(work.now)
    return {
        "meeting_id": meeting.meeting_id,
        "partition_key": meeting.partition_key,
        "reference": reference(meeting.meeting_id),
        "kind_name": kind.name,
        "authority": meeting.authority,
        "organiser": meeting.organiser,
        "chair": meeting.chair,
        "venue_is_known": meeting.place in work.policy.venues,
        "report_by": report_by.isoformat() if report_by and report_by >= written_on else None,
        "notice": working_days_between(written_on, meeting.day),
        "family_told": kind.family == "invited" and not _family_is_held(meeting, entries, names),
    }


def _family_is_held(meeting: Meeting, entries: Mapping[str, Entry], names: Names) -> bool:
    """Whether a person decides first what the family is told."""
    return any(entry.why_not == "held_for_a_person" for entry in entries.values()) or any(
        ILLNESS_FLAG in names.children[each].flags for each in meeting.child_ids if each in names.children
    )


def days_before(day: date, number: Number) -> date:
    """The date that is so long before another."""
    if number.unit == "working_days":
        return add_working_days(day, -int(number.value))
    return earlier(day, number)


def for_reader(
    policy: Policy, meeting: Meeting, invitation: Invitation, entry: Entry | None, names: Names
) -> dict[str, Any]:
    """What one reader may know: the children the entry is about, and the reasons for asking this reader.

    A child is not called by a name: the recorded one may not be the one that the child goes by, and the one that the
    child goes by may not be known to whoever else reads here.
    """
    if invitation.person_id is not None:
        relative = names.relatives.get(invitation.person_id)
        in_person = entry is not None and entry.kind == CHILD
        return {
            "audience": CHILD if in_person else RELATIVE,
            "reader": relative.name if relative and not in_person else "",
            "children": [],
            "reasons": [],
            "attention": None,
        }
    agency = names.agencies.get(invitation.agency_id or "")
    team = next((team for team in agency.teams if team.team_id == invitation.team_id), None) if agency else None
    called = (f"{agency.name}, {team.name}" if team else agency.name) if agency else ""
    known = {each: names.children[each] for each in entry.child_ids if each in names.children} if entry else {}
    waited_for = {reason.child_id for reason in entry.reasons if reason.rule == "waiting_list"} if entry else set()
    return {
        "audience": "professional" if entry and entry.attention else "team",
        "reader": called,
        "agency_kind": entry.kind if entry else None,
        "children": [told_of_child(policy, child, meeting, entry.kind) for child in known.values()] if entry else [],
        "waiting": ", ".join(child.initials for each, child in known.items() if each in waited_for),
        "reasons": [" ".join(reason.text.split()) for reason in entry.told] if entry else [],
        "attention": entry.attention if entry else None,
    }


def told_of_child(policy: Policy, child: Child, meeting: Meeting, kind: str) -> dict[str, Any]:
    """What an agency of this kind is told of a child: initials and age, and what else the policy gives it."""
    born = f"born {say(child.date_of_birth)}" if child.date_of_birth else None
    expected = f"expected {say(child.expected_on)}" if child.expected_on and child.unborn_on(meeting.day) else None
    told_name = kind in policy.groups.told_preferred_name
    return {
        "initials": child.initials,
        "age": born or expected,
        "nhs_number": _spaced(child.nhs_number) if kind in policy.groups.told_nhs_number else None,
        "preferred_name": child.preferred_name if told_name else None,
        "pronouns": child.pronouns if told_name else None,
    }


def _spaced(nhs_number: str | None) -> str | None:
    """An NHS number as the health service prints it: 999 000 0018."""
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}" if nhs_number else None
