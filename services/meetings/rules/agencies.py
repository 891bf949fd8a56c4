"""Which agencies are asked because of what is known of the child: involvements, parents, placement, age, hospital.

Source: rules of the field, sections 0, 2 and 10.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.directory.rules import Child, Involvement, Relative
from services.meetings.rules.entry import INVOLVEMENT_ENDED, Reason
from services.meetings.rules.question import Ask, Question
from services.meetings.rules.words import age, earlier, involved, say

SOCIAL_CARE = "childrens_social_care"
CAMHS = "camhs"
HOSPITAL = "acute_hospital"
ADULT_MENTAL_HEALTH = "adult_mental_health"
PLACEMENT = "placement"

# The kinds that a rule below may look for in an authority, whatever the expectations say.
LOOKED_FOR = frozenset({SOCIAL_CARE, HOSPITAL, ADULT_MENTAL_HEALTH})


def by_involvement(q: Question, child: Child) -> None:
    """Every service that is involved with the child is asked, open or waiting: any status but closed."""
    for involvement in q.involvements(child.child_id):
        if involvement.status != "closed":
            _ask(q, child, involvement, child.initials, None)


def by_parents(q: Question, child: Child) -> None:
    """The services of parents and carers are asked: what happens to them happens to the child."""
    for relative, relation in q.parents(child):
        for involvement in q.involvements(relative.person_id):
            if involvement.status != "closed" and involvement.service in q.policy.groups.parents_services:
                _ask(q, child, involvement, f"{child.initials}'s {relation}", relative)


def _ask(q: Question, child: Child, involvement: Involvement, who: str, relative: Relative | None) -> None:
    agency = q.name(involvement.agency_id)
    causes = (involvement.cause,) if relative is None else (relative.cause, involvement.cause)
    rule = "parents_services" if relative else "waiting_list" if involvement.waits else "involved"
    text = involved(involvement, agency, who, q.meeting.day)
    why_not = None
    if involvement.until is not None:
        if involvement.ends_before(q.meeting.day):
            why_not = INVOLVEMENT_ENDED
            text = (
                f"The involvement of {agency} with {who} is recorded as ending on {say(involvement.until)}, "
                "before the meeting: name it if it is to be asked."
            )
        else:
            text += f" It is recorded as ending on {say(involvement.until)}."
    q.asks.append(
        Ask(
            involvement.service,
            involvement.agency_id,
            Reason(rule, text, causes, child.child_id),
            involvement,
            why_not=why_not,
            # Before birth the mother's own midwife is the child's; afterwards a parent's service is not the child's.
            settles="child" if relative is None or child.unborn_on(q.meeting.day) else None,
        )
    )


def by_placement(q: Question, child: Child) -> None:
    """Who looks after the child is asked; and where home, placement and meeting are in different areas, the services
    of each.
    """
    place = child.placement
    if place is not None and place.agency_id is not None:
        lives = "has lived" if place.since <= q.meeting.day else "will live"
        since = "since" if place.since <= q.meeting.day else "from"
        text = f"{child.initials} {lives} with {q.name(place.agency_id)} {since} {say(place.since)}."
        reason = Reason("placement", text, (child.cause,), child.child_id)
        q.asks.append(Ask(PLACEMENT, place.agency_id, reason, settles="child"))
    if child.authority != q.meeting.authority and "transferring_authority" not in q.kind.rules:
        _home_social_care(q, child)
    if place is not None and place.authority != child.authority:
        for kind in q.policy.groups.placement_area:
            _home_and_placement_area(q, child, kind, place.authority)


def _home_social_care(q: Question, child: Child) -> None:
    mine = [each for each in q.counting(child.child_id) if each.service == SOCIAL_CARE]
    if child.authority in _areas(q, mine, ""):
        return
    text = (
        f"{child.initials} is the responsibility of {child.authority}, so its children's social care is asked as well "
        f"as that of {q.meeting.authority}."
    )
    reason = Reason("home_area", text, (child.cause, q.meeting.cause), child.child_id)
    q.ask_local(Ask(SOCIAL_CARE, None, reason), child.authority)


def _home_and_placement_area(q: Question, child: Child, kind: str, away: str) -> None:
    """A child who is known to a service and lives elsewhere is its concern in both areas."""
    mine = [each for each in q.counting(child.child_id) if each.service == kind]
    if not mine:
        return
    # An agency without an authority is taken to be the one at home.
    covered = _areas(q, mine, child.authority)
    called = q.policy.agency_name(kind)
    causes = (child.cause, mine[0].cause)
    for authority, text in (
        (away, f"{child.initials} is placed in {away}, so {called} there is asked as well as {called} at home."),
        (
            child.authority,
            f"{child.initials} is placed in {away}, so {called} at home in {child.authority} is asked too.",
        ),
    ):
        if authority not in covered:
            reason = Reason("placement_area", text, causes, child.child_id)
            q.ask_local(Ask(kind, None, reason, status=mine[0].status, counts=False), authority)


def _areas(q: Question, some: Sequence[Involvement], otherwise: str) -> set[str]:
    """The authorities of the agencies of involvements."""
    agencies = [q.facts.agencies.get(each.agency_id) for each in some]
    return {agency.authority or otherwise for agency in agencies if agency is not None}


def by_age(q: Question, child: Child) -> None:
    """From the configured age the transition team or adult mental health is asked, beside CAMHS.

    Source: rules of the field, seeds 18 and 21.
    """
    months = child.months_old_on(q.meeting.day)
    from_age = q.today.number("transition_from_age")
    known = [each for each in q.counting(child.child_id) if each.service == CAMHS]
    if months is None or from_age is None or months < from_age.months or not known:
        return
    because = f"{child.initials} will be {age(months)} old, so adult services are asked as well as CAMHS."
    reason = Reason("transition", because, (child.cause, known[0].cause), child.child_id)
    with_team = {
        each.agency_id
        for each in known
        if (agency := q.facts.agencies.get(each.agency_id)) and any("transition" in t.serves for t in agency.teams)
    }
    for agency_id in sorted(with_team):
        q.asks.append(Ask(CAMHS, agency_id, reason, transition=True, counts=False))
    if not with_team and all(each.service != ADULT_MENTAL_HEALTH for each in q.counting(child.child_id)):
        q.ask_local(Ask(ADULT_MENTAL_HEALTH, None, reason, counts=False), q.meeting.authority)


def by_hospital(q: Question, child: Child) -> None:
    """The ward is asked while the child is in hospital."""
    if child.in_hospital is None or any(each.service == HOSPITAL for each in q.counting(child.child_id)):
        return
    because = f"{child.initials} is in hospital, so the clinician on the ward is asked."
    q.ask_local(
        Ask(HOSPITAL, None, Reason("in_hospital", because, (child.in_hospital,), child.child_id)), q.meeting.authority
    )


def by_transfer(q: Question, child: Child) -> None:
    """On a transfer both areas are asked: the social worker who hands over, and the services that the child leaves
    behind, since registrations lag behind a move.
    """
    if child.authority != q.meeting.authority:
        because = f"{child.initials} comes from {child.authority}, whose children's social care hands over."
        reason = Reason("transferring_authority", because, (child.cause, q.meeting.cause), child.child_id)
        q.ask_local(Ask(SOCIAL_CARE, None, reason), child.authority)
    look_back = q.today.number("transfer_in_look_back")
    if look_back is None:
        return
    first = earlier(q.meeting.day, look_back)
    for involvement in q.involvements(child.child_id):
        ended = involvement.until or involvement.since
        agency = q.facts.agencies.get(involvement.agency_id)
        if (
            involvement.status == "closed"
            and involvement.service in q.policy.groups.transferring
            and ended >= first
            and agency is not None
            and agency.authority != q.meeting.authority
        ):
            text = f"{agency.name} was involved with {child.initials} until {say(ended)}, before the move."
            reason = Reason("transferring_authority", text, (involvement.cause,), child.child_id)
            q.asks.append(Ask(involvement.service, agency.agency_id, reason, counts=False))


def by_coordinator(q: Question) -> None:
    """Whom the coordinator asks for by name."""
    for also in q.meeting.also_invite:
        text = f"The coordinator asks for {q.name(also.agency_id)}: {also.reason.strip()}"
        reason = Reason("also_invite", text, (q.meeting.cause,))
        q.asks.append(Ask(q.kind_of(also.agency_id), also.agency_id, reason, settles="meeting"))
