"""Gathers what decides about notices, for a batch of children in one go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Child, Relationship, Relative, latest_bounces, secure_addresses
from services.foundation.clock import london_date
from services.foundation.work import Work
from services.meetings import store as meetings
from services.meetings.rules import Meeting
from services.participation.rules.quoracy import ADJOURNED, rule_of
from services.participation.rules.verdict import NEEDS, PLAN_ENDED
from services.participation.store import quoracy
from services.records.family import given_by
from services.records.rules.dispatch import NOTICE, Dispatch, may_have_been_read
from services.records.rules.notices import About, Notice, on_record
from services.records.rules.on_record import agencies_of, once_involved, placed_before
from services.records.rules.plans import MeetingOfAnEnd, Plan, plans, why_it_does_not_count
from services.records.store import dispatches
from services.records.store import plans as store


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand about the plans of some children. `plans` holds those of their brothers and sisters too, and of
    the children elsewhere; `not_ended` says of the plans whose end has been told and does not count why that is.
    """

    plans: Mapping[str, list[Plan]]
    not_ended: Mapping[tuple[str, str], str]
    notices: Mapping[str, list[Notice]]
    dispatches: Mapping[str, list[Dispatch]]
    about: Mapping[str, About]

    def has_ended(self, plan: Plan) -> bool:
        """Whether a plan has ended, as far as that counts."""
        return plan.ended is not None and plan.name not in self.not_ended

    def standing(self, child_id: str) -> list[Plan]:
        """The plans of a child that stand now, with those of which an end alone was told that does not count."""
        return [each for each in self.plans.get(child_id, ()) if not self.has_ended(each)]

    def family_plan(self, child_id: str) -> bool:
        """Whether a plan of a brother or sister stands, or of a child whom somebody of the household has elsewhere, so
        that the flags of the household stay as they are.
        """
        about = self.about[child_id]
        others = (*about.family, *about.elsewhere)
        return any(each.child_id != child_id and self.standing(each.child_id) for each in others)

    def told(self, plan: Plan) -> list[Dispatch]:
        """What readers may have of what was told of a plan."""
        ids = {each.notice_id for each in self.notices.get(plan.child_id, ()) if each.plan_id == plan.plan_id}
        some = self.dispatches.get(plan.child_id, ())
        return [each for each in some if each.about in ids and may_have_been_read(each)]


async def gather(work: Work, child_ids: Iterable[str]) -> Standing:
    """How things stand about the plans of these children."""
    db, ids = work.db, set(child_ids)
    children = await directory.children_by_id(db, ids)
    family = await directory.children_of_families(db, {each.family_id for each in children.values()})
    kin = {**children, **{each.child_id: each for each in family}}
    told = plans(await store.told_of(db, kin))
    households = {each: {person for plan in told.get(each, ()) for person in plan.household} for each in children}
    relatives = {each.person_id: each for each in await directory.relatives_of_children(db, kin)}
    relatives |= await directory.relatives_by_id(db, {person for some in households.values() for person in some})
    near = {each: _near(each, households[each], relatives.values(), work.policy) for each in children}
    others = await directory.children_by_id(db, set().union(*near.values()) - {*kin} - {*relatives})
    kin |= others
    told |= {each: some for each, some in plans(await store.told_of(db, others)).items() if each in others}
    meetings_about = await store.meetings_about(db, ids)
    ends = {each.ended.meeting_id for some in told.values() for each in some if each.ended and each.ended.meeting_id}
    every = {each for some in meetings_about.values() for each in some}
    found = await meetings.meetings_by_id(db, every | ends)
    not_ended = await ends_that_do_not_count(db, work.policy, [each for some in told.values() for each in some], found)
    written = {
        child_id: [each for each in some if each.kind == NOTICE]
        for child_id, some in (await dispatches.of_children(db, ids)).items()
    }
    some = {each: found[each] for each in every if each in found}
    around = await _around(work, children, family, households, relatives, some, meetings_about, written)
    around = {
        child_id: replace(each, elsewhere=_elsewhere(each, near[child_id], kin)) for child_id, each in around.items()
    }
    return Standing(told, not_ended, await store.notices_of(db, ids), written, around)


def _near(child_id: str, household: Collection[str], relatives: Iterable[Relative], policy: Policy) -> set[str]:
    """Who may be a child whom somebody of the household of a child has, or who belongs to it. Where nobody was named
    as the household, that is whoever its parents and carers have.
    """
    if household:
        some = [tie.child_id for each in relatives if each.person_id in household for tie in each.relationships]
        return {*some, *household}
    raised = [{tie.child_id for tie in each.relationships if _raises(tie, policy)} for each in relatives]
    return {each for some in raised if child_id in some for each in some}


def _raises(tie: Relationship, policy: Policy) -> bool:
    return tie.parental_responsibility or tie.kind in policy.groups.parents


def _elsewhere(about: About, near: Iterable[str], known: Mapping[str, Child]) -> tuple[Child, ...]:
    family = {about.child.child_id, *(each.child_id for each in about.family)}
    return tuple(known[each] for each in sorted({*near} - family) if each in known)


async def ends_that_do_not_count(
    db: AsyncConnection, policy: Policy, some: Iterable[Plan], found: Mapping[str, Meeting] | None = None
) -> dict[tuple[str, str], str]:
    """Why the ends of plans that do not count do not, by the plan's name. `found` holds the meetings that they name,
    where they are at hand.
    """
    ended = [each for each in some if each.ended is not None]
    ids = {each.ended.meeting_id for each in ended if each.ended and each.ended.meeting_id}
    if not ids:
        return {}
    if found is None:
        found = await meetings.meetings_by_id(db, ids)
    verdicts = await quoracy.verdicts_of(db, ids)
    permissions = await quoracy.permissions_of(db, ids)
    held = await quoracy.held_facts(db, ids)
    known = {}
    for each in ids:
        meeting = found.get(each)
        kind = policy.on(meeting.day).kind(meeting.kind) if meeting is not None else None
        ruled = meeting is not None and rule_of(policy.on(meeting.day), meeting.kind) is not None
        adjourned = each in held and ADJOURNED in held[each]["document"]["outcome"]
        known[each] = MeetingOfAnEnd(
            meeting,
            verdicts.get(each),
            each in held and (each in verdicts or not ruled or adjourned),
            adjourned,
            any(one.allows == NEEDS[PLAN_ENDED] for one in permissions.get(each, ())),
            kind.name if kind is not None else "",
            kind is not None and kind.ends_plan,
        )
    return {each.name: why for each in ended if (why := why_it_does_not_count(each, known)) is not None}


async def standing_plans(db: AsyncConnection, policy: Policy, child_ids: Iterable[str]) -> dict[str, set[str]]:
    """The plans that stand, be it that their end has been told and does not count, by child."""
    ids = set(child_ids)
    told = plans(await store.told_of(db, ids)) if ids else {}
    some = [each for child_id in ids for each in told.get(child_id, ())]
    not_ended = await ends_that_do_not_count(db, policy, some)
    found: dict[str, set[str]] = {}
    for each in some:
        if each.ended is None or each.name in not_ended:
            found.setdefault(each.child_id, set()).add(each.plan_id)
    return found


async def _around(
    work: Work,
    children: Mapping[str, Child],
    family: Iterable[Child],
    households: Mapping[str, set[str]],
    relatives: Mapping[str, Relative],
    found: Mapping[str, Meeting],
    meetings_about: Mapping[str, set[str]],
    written: Mapping[str, list[Dispatch]],
) -> dict[str, About]:
    db = work.db
    asked = await store.asked_to(db, found)
    present = await store.present_at(db, found)
    versions = await directory.involvements_told(db, children)
    involvements = [each for some in versions.values() for of in some.values() for each, stands in of if stands]
    once = {each: once_involved(versions.get(each, {})) for each in children}
    placed = {each.placement.authority for each in children.values() if each.placement}
    kinds = work.policy.groups.placement_area
    near = await directory.agencies_of_authority(db, placed, kinds) if placed and kinds else []
    ids = {each.agency_id for some in asked.values() for each in some}
    ids |= {each for some in present.values() for each in some} | {each.agency_id for each in involvements}
    ids |= {each.placement.agency_id for each in children.values() if each.placement and each.placement.agency_id}
    # Whom something was written to may have had to do with the child by what was said then alone.
    ids |= {each.agency_id for some in written.values() for each in some if each.agency_id}
    agencies = await directory.agencies_by_id(db, ids) | {each.agency_id: each for each in near}
    addresses = {address for each in agencies.values() for address in secure_addresses(each)}
    bounces = [each for each in await directory.bounces_of(db, addresses) if each.meeting_id is None]
    today = london_date(work.now)
    result = {}
    for child_id, child in children.items():
        of_placement = [
            each.agency_id
            for each in near
            if child.placement
            and each.authority == child.placement.authority != child.authority
            and (each.closed_on is None or each.closed_on > today)
        ]
        result[child_id] = About(
            child,
            tuple(each for each in family if each.family_id == child.family_id),
            tuple(
                each
                for each in relatives.values()
                if each.person_id in households[child_id] or any(tie.child_id == child_id for tie in each.relationships)
            ),
            tuple(found[each] for each in sorted(meetings_about.get(child_id, ())) if each in found),
            asked,
            present,
            tuple(each for each in involvements if each.person_id == child_id),
            agencies,
            tuple(of_placement) if len(of_placement) == 1 else (),
            given_by(
                relatives.values(),
                child.family_id,
                {child_id, *(each.child_id for each in family if each.family_id == child.family_id)},
                households[child_id],
            ),
            latest_bounces(bounces),
            once[child_id],
        )
    return await _with_placements_before(work, result, written)


async def _with_placements_before(
    work: Work, about: dict[str, About], written: Mapping[str, list[Dispatch]]
) -> dict[str, About]:
    """The same with the agencies of placements that are over, asked for where somebody was told who is not known to
    have had to do with the child otherwise.
    """
    told = {each: {one.agency_id or "" for one in written.get(each, ()) if may_have_been_read(one)} for each in about}
    unknown = {each: {one for one in told[each] if not on_record(about[each], one)} for each in about}
    if not any(unknown.values()):
        return about
    placements = await directory.placements_told(work.db, [each for each in about if unknown[each]])
    kinds = work.policy.groups.placement_area
    result = dict(about)
    for child_id, some in placements.items():
        each, before = about[child_id], placed_before(some)
        areas = {one.authority for one in before} - {each.child.authority}
        near = {one for one in unknown[child_id] if (of := each.agencies[one]).kind in kinds and of.authority in areas}
        result[child_id] = replace(each, placed_before=frozenset(agencies_of(before) | near))
    return result
