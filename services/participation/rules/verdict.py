"""The verdict on a held meeting: quorate or not, in a sentence, and what may not follow from it.

That a meeting was held is never thrown away. What may be refused is its effect: an inquorate meeting cannot end a plan,
and a second one running needs somebody's word.

Source: rules of the field, section 2.2 (Swindon: two inquorate conferences running; Highland: the end of a plan).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.policy import PolicyToday
from services.directory.rules import Cause
from services.meetings.rules import Meeting, say
from services.participation.rules.missing import Missing, Reviewed
from services.participation.rules.quoracy import Assessment, Met, Party
from services.participation.rules.register import APOLOGIES, NOT_ASKED, NOT_NOTED, PRESENT, Line

PLAN_ENDED, SECOND_INQUORATE = "plan_ended", "second_inquorate"
"""What may not follow from an inquorate meeting."""
NEEDS = {PLAN_ENDED: "plan_ended_inquorate", SECOND_INQUORATE: "inquorate_again"}
"""What a person has to allow so that it may."""
PROCEED = "proceed_inquorate"

INQUORATE, REQUIRED_MISSING = "inquorate", "attendance_required_missing"
KINDS = frozenset({INQUORATE, REQUIRED_MISSING})
"""The exceptions that follow from a verdict."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a person with the right to decide allowed, with the event in which it was said."""

    allows: str
    by: str
    reason: str
    at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class Refusal:
    """What may not follow. `attempted`: somebody has recorded that it did."""

    what: str
    text: str
    needs: str
    attempted: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a held meeting is judged. `found` of `needed` agencies counted beside those required; `went_on` says who let
    it go on although it was not quorate; `confirmed` whether somebody has confirmed the rule for the area.
    """

    meeting_id: str
    quorate: bool
    rule: str
    text: str
    confirmed: bool
    needed: int
    found: int
    missing: tuple[str, ...]
    parties: tuple[Party, ...]
    refused: tuple[Refusal, ...]
    went_on: Permission | None
    allowed: tuple[Permission, ...]
    inquorate_before: tuple[str, ...]
    child_ids: tuple[str, ...]
    starts_at: datetime


def may_follow(effect: str, verdict: Verdict | None) -> bool:
    """Whether something that a meeting decided may take effect: `plan_ended` may not where that is refused.

    Where there is no verdict (the meeting is not known to have been held, or no rule is set for its kind) nothing is
    known against it. What protects a child, such as the beginning of a plan, is never refused.
    """
    return verdict is None or all(each.what != effect for each in verdict.refused)


def judge(
    assessed: Assessment,
    before: Sequence[Assessment],
    permissions: Iterable[Permission],
    chairs: Permission | None,
    today: PolicyToday,
    *,
    plan_ended: bool,
) -> Verdict:
    """The verdict on a meeting. `before` are the meetings before it in its line, at most one for each child;
    `plan_ended`: somebody has recorded that the meeting ended a plan.
    """
    meeting, rule = assessed.held.meeting, assessed.rule
    allowed = tuple(sorted(permissions, key=lambda each: (each.at, each.cause.source, each.cause.id)))
    went_on = chairs or next((each for each in allowed if each.allows == PROCEED), None)
    missing = _missing(assessed)
    failed = tuple(each for each in before if not each.quorate)
    refused: tuple[Refusal, ...] = ()
    if not assessed.quorate:
        may = {each.allows for each in allowed}
        found = [_end_of_plan(plan_ended), *_second(assessed, failed, today)]
        refused = tuple(each for each in found if each.what in rule.refuses and each.needs not in may)
    return Verdict(
        meeting.meeting_id,
        assessed.quorate,
        rule.id,
        _text(assessed, missing, None if assessed.quorate else went_on),
        rule.confirmed,
        rule.others,
        len(assessed.others),
        missing,
        assessed.parties,
        refused,
        None if assessed.quorate else went_on,
        allowed,
        () if assessed.quorate else tuple(each.held.meeting.meeting_id for each in failed),
        meeting.child_ids,
        meeting.starts_at,
    )


def _end_of_plan(attempted: bool) -> Refusal:
    said = "It is recorded that the plan ended there: that takes no effect" if attempted else "It cannot end a plan"
    text = (
        f"{said} until somebody with the right to decide allows it, with a reason, or a quorate meeting ends the plan."
    )
    return Refusal(PLAN_ENDED, text, NEEDS[PLAN_ENDED], attempted)


def _second(assessed: Assessment, failed: Sequence[Assessment], today: PolicyToday) -> list[Refusal]:
    if not failed or _second_is_no_fault(assessed):
        return []
    last = failed[-1].held.meeting
    text = (
        f"The {today.kind(last.kind).name} on {say(last.day)} was not quorate either. Two running are not allowed: "
        "hold a quorate meeting, or have somebody with the right to decide allow it, with a reason."
    )
    return [Refusal(SECOND_INQUORATE, text, NEEDS[SECOND_INQUORATE], attempted=True)]


def _second_is_no_fault(assessed: Assessment) -> bool:
    so = {"before_birth": assessed.held.unborn, "too_few_agencies": assessed.too_few_agencies}
    return any(so[each] for each in assessed.rule.second_allowed)


def _missing(assessed: Assessment) -> tuple[str, ...]:
    missing = [each.required.name for each in assessed.met if not each.by]
    short = assessed.rule.others - len(assessed.others)
    if short > 0:
        missing.append(f"{short} more {'agency' if short == 1 else 'agencies'} in direct contact")
    return tuple(missing)


def _text(assessed: Assessment, missing: Sequence[str], went_on: Permission | None) -> str:
    """The verdict in a sentence that a chair would sign."""
    if not assessed.held.noted:
        text = "Not quorate as far as is known: the register notes no agency. Complete it."
    else:
        there = _there(assessed)
        if assessed.quorate:
            text = f"Quorate: {there}."
        else:
            text = f"Not quorate: {f'{there}; ' if there else ''}missing: {listed(missing)}."
    names = _names(assessed, assessed.unrecorded)
    if names:
        is_in = "is in direct contact: it is" if len(names) == 1 else "are in direct contact: they are"
        text += f" Nobody has recorded whether {listed(names)} {is_in} counted."
    if not assessed.quorate and assessed.too_few_agencies:
        text += (
            f" Records show no more than {assessed.in_contact} in direct contact, so a quorum cannot come together: "
            "the chair may go on, with a reason."
        )
    if went_on is not None:
        text += f" {went_on.by} let it go on: {went_on.reason.strip()}"
    return text


def _there(assessed: Assessment) -> str:
    required = [each.required.name for each in assessed.met if each.by]
    count, needed = len(assessed.others), assessed.rule.others
    if not needed:
        return listed(required) + (" were there" if len(required) > 1 else " was there" if required else "")
    more = f"{count} other {'agency' if count == 1 else 'agencies'}"
    more += f" ({needed} in direct contact {'is' if needed == 1 else 'are'} needed)"
    names = _names(assessed, [each for some in assessed.others for each in some])
    return listed([*required, more]) + (f": {listed(names)}" if names else "")


def _names(assessed: Assessment, agency_ids: Iterable[str]) -> list[str]:
    agencies = assessed.held.agencies
    return [agencies[each].name if each in agencies else each for each in agency_ids]


def listed(words: Sequence[str]) -> str:
    """Words as they stand in a sentence: "A, B and C"; where one has a comma of its own, "A, of X; B; and C"."""
    if len(words) < 2:
        return "".join(words)
    if any("," in each for each in words):
        return f"{'; '.join(words[:-1])}; and {words[-1]}"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def reviewed(assessed: Assessment, verdict: Verdict, lines: Sequence[Line], today: PolicyToday) -> Reviewed:
    """What a coordinator is told of: an inquorate meeting that nobody let go on, what may not follow from one, and a
    required party that was not there.
    """
    meeting = assessed.held.meeting
    missing = []
    if not verdict.quorate and verdict.went_on is None:
        text = f"{verdict.text} Record why the chair went on, if that is so, or hold the meeting again."
        missing.append(Missing(INQUORATE, "meeting", text))
    for each in verdict.refused:
        if each.attempted:
            missing.append(Missing(INQUORATE, f"meeting:{each.what}", f"{verdict.text} {each.text}"))
    if assessed.held.noted:
        missing += [_required(meeting, each, lines, assessed, verdict, today) for each in assessed.met if not each.by]
    return Reviewed(meeting, KINDS, tuple(missing))


def nothing_missing(meeting: Meeting) -> Reviewed:
    """For a meeting that is not judged."""
    return Reviewed(meeting, KINDS)


def _required(
    meeting: Meeting, met: Met, lines: Sequence[Line], assessed: Assessment, verdict: Verdict, today: PolicyToday
) -> Missing:
    of_kind = [line for line in lines if line.kind in met.required.any_of]
    why = " ".join(_why(line, assessed) for line in of_kind) or "Nobody of that kind was expected or came."
    called = f"the {today.kind(meeting.kind).name} on {say(meeting.day)}"
    name = met.required.name
    text = f"{name[:1].upper()}{name[1:]}: required at {called}, and not there. {why}"
    if verdict.went_on is not None:
        text += f" {verdict.went_on.by} let it go on: {verdict.went_on.reason.strip()}"
    only = [line.agency_id for line in of_kind if line.agency_id]
    return Missing(REQUIRED_MISSING, f"required:{name}", text, only[0] if len(only) == 1 else None)


def _why(line: Line, assessed: Assessment) -> str:
    agency = assessed.held.agencies.get(line.agency_id or "")
    name = agency.name if agency else line.agency_id or f"No {line.kind.replace('_', ' ')}"
    if line.agency_id is None:
        return f"{name} is recorded for it: nobody was asked."
    if line.status == PRESENT:
        party = next(each for each in assessed.parties if each.agency_id == line.agency_id)
        return f"{name}: {party.text[:1].lower()}{party.text[1:]}"
    said = {
        APOLOGIES: f"{name} sent apologies.",
        NOT_NOTED: f"{name} was asked, and its attendance is not noted.",
        NOT_ASKED: f"No invitation to {name} is on record.",
    }
    return said.get(line.status, f"{name} was asked, and was not there.")


def document(verdict: Verdict) -> dict[str, object]:
    """What is kept of a verdict beside its sentence."""
    return {
        "confirmed": verdict.confirmed,
        "needed": verdict.needed,
        "found": verdict.found,
        "missing": list(verdict.missing),
        "parties": [
            {
                "agency_id": each.agency_id,
                "kind": each.kind,
                "name": each.name,
                "counts": each.counts,
                "why": each.why,
                "text": each.text,
                "causes": [[cause.source, cause.id] for cause in each.causes],
            }
            for each in verdict.parties
        ],
        "went_on": verdict.went_on and _permission(verdict.went_on),
        "allowed": [_permission(each) for each in verdict.allowed],
        "inquorate_before": list(verdict.inquorate_before),
        "child_ids": list(verdict.child_ids),
        "starts_at": verdict.starts_at.isoformat(),
    }


def _permission(each: Permission) -> dict[str, object]:
    return {
        "allows": each.allows,
        "by": each.by,
        "reason": each.reason,
        "at": each.at.isoformat(),
        "cause": [each.cause.source, each.cause.id],
    }
