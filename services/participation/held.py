"""Gathers what the rules of quoracy ask about, for a batch of held meetings in one go, and asks them.

What was so when a meeting began is read by the events' own time, whenever it was learnt; what was done (who was asked)
is read as it stands. See ADR 0031.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import ever
from services.directory import store as directory
from services.directory.rules import Agency, Cause, Child, Involvement, Relative
from services.foundation.history import Order, first_known, true_at
from services.invitations import store as invitations
from services.invitations.rules import DELIVERED, QUEUED, SENT
from services.meetings import store as meetings
from services.meetings.rules import Meeting
from services.meetings.rules.words import earlier
from services.participation.rules.quoracy import Assessment, Held, assess, rule_of
from services.participation.rules.register import Attended, Line, noted, register
from services.participation.rules.verdict import PLAN_ENDED, PROCEED, Permission, Verdict, judge
from services.participation.store import answers, reports
from services.participation.store import quoracy as store

Histories: TypeAlias = Mapping[str, Sequence[tuple[Order, Any]]]
Facts: TypeAlias = Mapping[str, Mapping[Any, Any]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A held meeting with its register. Without an assessment and a verdict where it is not judged: it was adjourned,
    or no rule is set for its kind.
    """

    held: Held
    lines: tuple[Line, ...]
    assessment: Assessment | None = None
    verdict: Verdict | None = None


async def judged(
    db: AsyncConnection, policy: Policy, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Judged]:
    """The register of each of these meetings that was held, and the verdict on it; with `as_of` as it was known
    then.
    """
    said = await meetings.facts_of(db, meeting_ids, as_of)
    wanted = _held(said)
    if not wanted:
        return {}
    said |= await meetings.facts_of(db, await _near(db, wanted.values()) - said.keys(), as_of)
    some = _held(said)
    facts = {each: said[each][meetings.HELD] for each in some}
    held = await _gathered(db, some, facts, policy, as_of)
    assessed = {each: one for each, some in held.items() if (one := _assessed(some, policy)) is not None}
    permissions = await store.permissions_of(db, wanted, as_of)
    ended = await store.meetings_that_ended_plans(db, wanted, as_of)
    lines = await _registers(db, {each: held[each] for each in wanted}, facts, as_of)
    about: dict[str, dict[str, Assessment]] = {}
    for each, one in assessed.items():
        for child_id in one.held.meeting.child_ids:
            about.setdefault(child_id, {})[each] = one
    result = {}
    for meeting_id in wanted:
        one = assessed.get(meeting_id)
        if one is None:
            result[meeting_id] = Judged(held[meeting_id], lines[meeting_id])
            continue
        follows = one.held.meeting.follows
        near = {follows: assessed[follows]} if follows in assessed else {}
        near |= {each: other for child_id in one.held.meeting.child_ids for each, other in about[child_id].items()}
        verdict = judge(
            one,
            _before(one, near.values(), policy),
            permissions.get(meeting_id, ()),
            _chairs(facts[meeting_id]),
            policy.on(one.held.meeting.day),
            plan_ended=meeting_id in ended or PLAN_ENDED in one.held.outcome,
        )
        result[meeting_id] = Judged(one.held, lines[meeting_id], one, verdict)
    return result


def _held(said: meetings.Facts) -> dict[str, Meeting]:
    return {each: meeting for each, meeting in meetings.told_by(said).items() if meeting.state == meetings.HELD}


async def _near(db: AsyncConnection, some: Collection[Meeting]) -> set[str]:
    """The held meetings about the same children, and those that these follow, whether held or not."""
    about = {child_id for meeting in some for child_id in meeting.child_ids}
    ids = {meeting_id for meeting_id, _, _ in await store.held_about(db, about)}
    return ids | {meeting.follows for meeting in some if meeting.follows}


def _assessed(held: Held, policy: Policy) -> Assessment | None:
    today = policy.on(held.meeting.day)
    rule = rule_of(today, held.meeting.kind)
    return assess(held, rule, today) if rule is not None and held.day_counts else None


def _before(one: Assessment, others: Iterable[Assessment], policy: Policy) -> list[Assessment]:
    """The meetings before this one in its line: the last about each of its children, and where that is later the one
    that it says it follows. Those that were adjourned are none.
    """
    meeting = one.held.meeting
    line = one.rule.line or one.rule.id
    look_back = policy.on(meeting.day).number("earlier_meeting_look_back")
    first = earlier(meeting.day, look_back) if look_back is not None else None
    past = sorted(
        (
            each
            for each in others
            if (each.rule.line or each.rule.id) == line
            and (each.held.meeting.starts_at, each.held.meeting.meeting_id) < (meeting.starts_at, meeting.meeting_id)
            and (first is None or each.held.meeting.day >= first or each.held.meeting.meeting_id == meeting.follows)
        ),
        key=lambda each: (each.held.meeting.starts_at, each.held.meeting.meeting_id),
    )
    found: dict[str, Assessment] = {}
    for child_id in meeting.child_ids:
        about = [
            each
            for each in past
            if child_id in each.held.meeting.child_ids or each.held.meeting.meeting_id == meeting.follows
        ]
        if about:
            found[about[-1].held.meeting.meeting_id] = about[-1]
    return [each for each in past if each.held.meeting.meeting_id in found]


def _chairs(fact: Mapping[Any, Any]) -> Permission | None:
    """The chair's own exception, which comes with how the meeting was held."""
    said = fact["document"].get("chairs_exception")
    if said is None:
        return None
    cause = Cause(fact["event_source"], fact["event_id"])
    return Permission(PROCEED, said["by"], said["reason"], fact["event_time"], cause)


async def _gathered(
    db: AsyncConnection,
    some: Mapping[str, Meeting],
    facts: Facts,
    policy: Policy,
    as_of: datetime | None,
) -> dict[str, Held]:
    child_ids = {child_id for meeting in some.values() for child_id in meeting.child_ids}
    children = await directory.histories(db, directory.children, "child_id", child_ids, as_of)
    stays = await directory.histories(db, directory.hospital_stays, "child_id", child_ids, as_of)
    tied = await ever.relatives_of(db, child_ids)
    relatives = await directory.histories(db, directory.relatives, "person_id", tied, as_of)
    of_child = _by(relatives, lambda each: {tie.child_id for tie in each.relationships})
    ids = await ever.involvements_of(db, child_ids | tied)
    involvements = await directory.histories(db, directory.involvements, "involvement_id", ids, as_of)
    with_person = _by(involvements, lambda each: {each.person_id})
    registers = {each: _attended(row) for each, row in facts.items()}
    named = {line.agency_id for lines in registers.values() for line in lines if line.agency_id}
    named |= {each.agency_id for versions in involvements.values() for _, each in versions}
    agencies = await directory.histories(db, directory.agencies, "agency_id", named, as_of)
    counting = {each: rule_of(policy.on(m.day), m.kind) for each, m in some.items()}
    reported = [each for each, rule in counting.items() if rule is not None and rule.report_counts]
    reports_of = await _reports_in_time(db, {each: some[each] for each in reported}, as_of)
    naming: dict[str, list[Meeting]] = {}
    for meeting in some.values():
        for child_id in meeting.child_ids if meeting.core_group else ():
            naming.setdefault(child_id, []).append(meeting)
    found = {}
    for meeting_id, meeting in some.items():
        row = facts[meeting_id]
        at = meeting.starts_at
        about = [_then(children[each], at) for each in meeting.child_ids if each in children]
        people = set(meeting.child_ids) | _family(_some(of_child, meeting.child_ids), meeting, policy, at)
        found[meeting_id] = Held(
            meeting,
            {each.agency_id: each for each in noted(registers[meeting_id]).values() if each.agency_id is not None},
            _AsTheyWere(agencies, at),
            _by_agency(_some(with_person, people), people, at),
            Cause(row["event_source"], row["event_id"]),
            datetime.fromisoformat(row["document"]["held_at"]),
            tuple(row["document"]["outcome"]),
            {c.placement.agency_id: c.cause for c in about if c.placement and c.placement.agency_id},
            _in_hospital(stays, meeting),
            _core_group(meeting, naming),
            _areas(meeting, about),
            any(child.unborn_on(meeting.day) for child in about),
            reports_of.get(meeting_id, {}),
        )
    return found


def _then(versions: Sequence[tuple[Order, Any]], moment: datetime) -> Any:
    """What was so at a moment; of what was first told of later, the first that was told."""
    return true_at(versions, moment) or first_known(versions)


class _AsTheyWere(Mapping[str, Agency]):
    """What agencies were at a moment. Of the many that a batch of meetings names each asks about a few: what one was is
    worked out when it is asked.
    """

    def __init__(self, versions: Histories, moment: datetime) -> None:
        self._versions, self._moment = versions, moment
        self._asked: dict[str, Agency] = {}

    def __getitem__(self, agency_id: str) -> Agency:
        if agency_id not in self._asked:
            self._asked[agency_id] = _then(self._versions[agency_id], self._moment)
        return self._asked[agency_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)


def _by(histories: Histories, whom: Callable[[Any], set[str]]) -> dict[str, Histories]:
    """Histories by everyone whom any of their versions is about."""
    found: dict[str, dict[str, Sequence[tuple[Order, Any]]]] = {}
    for each, versions in histories.items():
        for person_id in set().union(*(whom(version) for _, version in versions)):
            found.setdefault(person_id, {})[each] = versions
    return dict(found)


def _some(by_person: Mapping[str, Histories], people: Iterable[str]) -> Histories:
    return {each: versions for person in people for each, versions in by_person.get(person, {}).items()}


def _attended(row: Mapping[Any, Any]) -> list[Attended]:
    names = ("agency_id", "person_id", "status", "mode", "name")
    return [Attended(*(line.get(name) for name in names)) for line in row["document"]["attendance"]]


def _family(relatives: Histories, meeting: Meeting, policy: Policy, moment: datetime) -> set[str]:
    """The children's parents and carers."""
    found = set()
    for versions in relatives.values():
        relative: Relative = _then(versions, moment)
        if any(
            tie.child_id in meeting.child_ids and (tie.parental_responsibility or tie.kind in policy.groups.parents)
            for tie in relative.relationships
        ):
            found.add(relative.person_id)
    return found


def _by_agency(involvements: Histories, people: set[str], moment: datetime) -> dict[str, list[Involvement]]:
    found: dict[str, list[Involvement]] = {}
    for _, versions in sorted(involvements.items()):
        each: Involvement = _then(versions, moment)
        if each.person_id in people:
            found.setdefault(each.agency_id, []).append(each)
    return found


def _in_hospital(stays: Histories, meeting: Meeting) -> Cause | None:
    for child_id in sorted(meeting.child_ids):
        stay = true_at(stays.get(child_id, ()), meeting.starts_at)
        if stay is not None and stay[0] == "hospital_admission":
            cause: Cause = stay[1]
            return cause
    return None


def _core_group(meeting: Meeting, naming: Mapping[str, Sequence[Meeting]]) -> dict[str, Cause]:
    """The members that the last meeting to name any named, for each of the children; `naming` are those, by child."""
    found: dict[str, Cause] = {}
    for child_id in meeting.child_ids:
        named = [each for each in naming.get(child_id, ()) if each.starts_at < meeting.starts_at]
        if named:
            last = max(named, key=lambda each: (each.starts_at, each.meeting_id))
            assert last.held_by is not None
            found |= dict.fromkeys(last.core_group, last.held_by)
    return found


def _areas(meeting: Meeting, about: Iterable[Child]) -> frozenset[str]:
    areas = {meeting.authority}
    for child in about:
        areas.add(child.authority)
        if child.placement is not None:
            areas.add(child.placement.authority)
    return frozenset(areas)


async def _reports_in_time(
    db: AsyncConnection, some: Mapping[str, Meeting], as_of: datetime | None
) -> dict[str, dict[str, Cause]]:
    """The agencies whose report was here when the meeting began, by meeting."""
    found: dict[str, dict[str, Cause]] = {}
    for meeting_id, known in (await reports.of_meetings(db, some)).items() if some else ():
        for each in known:
            in_time = each.at <= some[meeting_id].starts_at and (as_of is None or each.known_at <= as_of)
            if each.kind == "report" and in_time:
                found.setdefault(meeting_id, {})[each.agency_id] = Cause(each.event_source, each.event_id)
    return found


async def _registers(
    db: AsyncConnection, held: Mapping[str, Held], facts: Facts, as_of: datetime | None
) -> dict[str, tuple[Line, ...]]:
    entries = await meetings.entries_of(db, held, as_of)
    asked = await parties_asked(db, held, as_of)
    return {
        meeting_id: register(
            entries.get(meeting_id, {}).values(),
            noted(_attended(facts[meeting_id])),
            asked.get(meeting_id, set()),
            {agency_id: each.agencies[agency_id].kind for agency_id in each.noted if agency_id in each.agencies},
        )
        for meeting_id, each in held.items()
    }


async def parties_asked(db: AsyncConnection, ids: Iterable[str], as_of: datetime | None = None) -> dict[str, set[str]]:
    """Whom something shows to have been asked, by meeting: a message that went and did not come back, or an answer."""
    found: dict[str, set[str]] = {}
    for row in await invitations.rows_of_meetings(db, ids):
        went = row["asked_at"] is not None and (as_of is None or row["asked_at"] <= as_of)
        # What is under way tells of another time, which nobody knows yet, or of a room at the same.
        details = row["state"] == QUEUED and row["revision"] > 0
        if went and (row["state"] in {SENT, DELIVERED} or details):
            found.setdefault(row["meeting_id"], set()).add(_party(row["agency_id"], row["person_id"]))
    for meeting_id, said in (await answers.of_meetings(db, ids)).items():
        for each in said:
            if as_of is None or each.known_at <= as_of:
                found.setdefault(meeting_id, set()).add(_party(each.agency_id, each.person_id))
    return found


def _party(agency_id: str | None, person_id: str | None) -> str:
    return f"agency:{agency_id}" if person_id is None else f"person:{person_id}"
