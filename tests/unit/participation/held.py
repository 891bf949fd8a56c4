"""A held meeting, for the rules of quoracy: what a test does not say is there and unremarkable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from schemas.quoracy import Quoracy
from services.directory.rules import Agency, Cause, Involvement
from services.meetings.rules import Meeting
from services.participation.rules.quoracy import Assessment, Held, assess
from services.participation.rules.register import Attended, noted
from services.participation.rules.verdict import Permission, Verdict, judge
from tests.unit.meetings.partnership import DAY, HERE, POLICY, agency, cause, involvement, meeting

TODAY = POLICY.on(DAY)
CONFERENCE = TODAY.quoracy["conference"]
STRATEGY = TODAY.quoracy["strategy_discussion"]
CORE_GROUP = TODAY.quoracy["core_group"]
DISCHARGE = TODAY.quoracy["discharge_planning"]

SOCIAL_CARE, POLICE, SCHOOL, GP, CAMHS, NURSE = (
    "childrens_social_care-1",
    "police-1",
    "school-1",
    "gp-1",
    "camhs-1",
    "school_nursing-1",
)


def rule(**more: Any) -> Quoracy:
    """A rule of an area's own: social care and one other, unless told otherwise."""
    plain: dict[str, Any] = {
        "id": "own",
        "from": date(2018, 4, 1),
        "source": "the board",
        "confirmed": True,
        "required": [{"name": "children's social care", "any_of": ["childrens_social_care"]}],
        "others": 1,
    }
    return Quoracy.model_validate(plain | more)


def there(agency_id: str, mode: str | None = "in_person", **more: Any) -> Attended:
    return Attended(agency_id, None, "present", mode, **more)


def not_there(agency_id: str, status: str = "apologies") -> Attended:
    return Attended(agency_id, None, status)


def works(agency_id: str, direct_contact: bool | None = True, **more: Any) -> Involvement:
    return involvement(agency_id, direct_contact=direct_contact, **more)


def held(
    attendance: Iterable[Attended],
    involvements: Iterable[Involvement] = (),
    *,
    of: Meeting | None = None,
    agencies: Mapping[str, Agency] | None = None,
    **more: Any,
) -> Held:
    """A held initial conference. Each agency that is named is recorded, its kind being its id without a number."""
    lines = list(attendance)
    by_agency: dict[str, list[Involvement]] = {}
    for each in involvements:
        by_agency.setdefault(each.agency_id, []).append(each)
    names = {line.agency_id for line in lines if line.agency_id} | set(by_agency)
    plain: dict[str, Any] = {"areas": frozenset((HERE,))} | more
    return Held(
        of or meeting(state="held"),
        {each.agency_id: each for each in noted(lines).values() if each.agency_id},
        {each: agency(each) for each in names} | dict(agencies or {}),
        by_agency,
        cause("held"),
        datetime(2026, 4, 1, 10, tzinfo=UTC),
        **plain,
    )


def assessed(one: Held, by: Quoracy = CONFERENCE) -> Assessment:
    return assess(one, by, TODAY)


def permission(allows: str, by: str = "Head of safeguarding", reason: str = "Delay would do harm.") -> Permission:
    return Permission(allows, by, reason, datetime(2026, 4, 2, tzinfo=UTC), Cause("/tests", f"allows-{allows}"))


def verdict(
    one: Held,
    by: Quoracy = CONFERENCE,
    *,
    before: Iterable[Assessment] = (),
    allowed: Iterable[Permission] = (),
    chairs: Permission | None = None,
    plan_ended: bool = False,
) -> Verdict:
    return judge(assessed(one, by), list(before), allowed, chairs, TODAY, plan_ended=plan_ended)
