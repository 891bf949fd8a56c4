"""Which kinds of agency policy expects for a child, whatever the record of involvements says."""

from __future__ import annotations

from datetime import date

from schemas.policy import Expectation
from services.directory.rules import Child
from services.meetings.rules.agencies import PLACEMENT, SOCIAL_CARE
from services.meetings.rules.entry import NO_AGENCY_KNOWN, Reason
from services.meetings.rules.question import Ask, Question
from services.meetings.rules.words import capital


def expected(q: Question, child: Child, expectation: Expectation) -> None:
    """Ask an agency kind that policy expects for this child, where nothing has brought it in already; a gap where
    none is found.
    """
    if not applies(expectation, child, q.meeting.day) or _settled(q, child, expectation):
        return
    because = f"{capital(expectation.because)}."
    rule = f"expected.{expectation.id}"
    if expectation.find == "involvement_or_authority":
        reason = Reason(rule, because, (q.meeting.cause, child.cause), child.child_id)
        q.ask_local(Ask(expectation.agency_kind, None, reason), _authority(q, child, expectation))
        return
    text = f"{because} No {q.policy.agency_name(expectation.agency_kind)} is recorded for {child.initials}."
    reason = Reason(rule, text, (child.cause, q.meeting.cause), child.child_id)
    q.asks.append(Ask(expectation.agency_kind, None, reason, why_not=NO_AGENCY_KNOWN))


def applies(expectation: Expectation, child: Child, day: date) -> bool:
    """Whether an expectation is about this child. Without a known age it is: better one question too many."""
    unborn = child.unborn_on(day)
    if expectation.unborn is not None and expectation.unborn != unborn:
        return False
    months = 0 if unborn else child.months_old_on(day)
    if months is not None:
        if expectation.from_age is not None and months < expectation.from_age * 12:
            return False
        if expectation.below_age is not None and months >= expectation.below_age * 12:
            return False
    circumstances = set(child.circumstances)
    if expectation.any_circumstance and circumstances.isdisjoint(expectation.any_circumstance):
        return False
    return circumstances.isdisjoint(expectation.unless_circumstance)


def _authority(q: Question, child: Child, expectation: Expectation) -> str:
    """Where to look for the agency. A child who is not placed elsewhere lives where the meeting is held."""
    if expectation.where == "child":
        return child.authority
    if expectation.where == "residence" and child.placement is not None:
        return child.placement.authority
    return q.meeting.authority


def _settled(q: Question, child: Child, expectation: Expectation) -> bool:
    """Whether somebody of the expected kind is asked for this child already.

    Another kind that would do has to be open to the child: to be on a waiting list is not to have anyone who comes.
    Whom the coordinator or a conference has named is not of one child, and settles what is looked for in a child's own
    record only where there is one child.
    """
    kind = expectation.agency_kind
    if kind == PLACEMENT and child.placement is not None and child.placement.agency_id is None:
        return True  # placed with a person, who is asked as family
    named_settles = expectation.find == "involvement_or_authority" or len(q.meeting.child_ids) == 1
    for ask in q.asks:
        if ask.settles == "child":
            settles = ask.reason.child_id == child.child_id
        else:
            settles = ask.settles == "meeting" and named_settles
        waits = ask.involvement is not None and ask.involvement.waits
        right_kind = ask.kind == kind or (ask.kind in expectation.satisfied_by and not waits)
        if settles and right_kind and ask.why_not is None and _is_right_agency(q, ask, expectation):
            return True
    return False


def _is_right_agency(q: Question, ask: Ask, expectation: Expectation) -> bool:
    """Whether the agency can come at all. Social care of another area does not stand in for that of the area which
    holds the meeting.
    """
    agency = q.facts.agencies.get(ask.agency_id or "")
    if agency is None or q.is_closed(agency):
        return False
    return expectation.agency_kind != SOCIAL_CARE or agency.authority in {None, q.meeting.authority}
