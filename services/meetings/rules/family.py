"""Which members of the family are asked, and what a person has to decide before anything goes to one.

Source: rules of the field, sections 2.1 (a strategy discussion makes nothing that family can see) and 2.5 (exclusion;
fabricated or induced illness).
"""

from __future__ import annotations

from dataclasses import replace

from services.directory.rules import Child, Relative, returned
from services.meetings.rules.entry import (
    CHILD,
    HELD_FOR_A_PERSON,
    INVITED,
    NO_USABLE_ADDRESS,
    NOT_INVITED,
    NOT_WITH,
    RELATIVE,
    Entry,
    Reason,
    left_out,
)
from services.meetings.rules.question import Question
from services.meetings.rules.words import age

ILLNESS_FLAG = "fabricated_or_induced_illness"


def family(q: Question) -> list[Entry]:
    """Parents, carers and the child in person, where this kind of meeting asks family at all."""
    if q.kind.family == "never":
        return []
    found: dict[str, Entry] = {}
    for child in q.children:
        for relative, relation in q.parents(child):
            _join(found, _parent(relative, relation, child))
        entry = _in_person(q, child)
        if entry is not None:
            _join(found, entry)
    coming = {person for person, entry in found.items() if q.decision(entry) is None}
    children = flagged(q)
    if children:
        return [hold_for_illness(entry, children) for entry in found.values()]
    return [_reached(q, _kept_apart(q, entry, coming)) for entry in found.values()]


def _parent(relative: Relative, relation: str, child: Child) -> Entry:
    rights = any(tie.child_id == child.child_id and tie.parental_responsibility for tie in relative.relationships)
    who = f"{child.initials}'s {relation}" + (", who has parental responsibility" if rights else "")
    text = f"Parents and carers belong in a meeting of this kind: this is {who}."
    reason = Reason("family", text, (relative.cause,), child.child_id)
    return _person(relative.person_id, RELATIVE, relative, reason)


def _in_person(q: Question, child: Child) -> Entry | None:
    """The child's own entry, from the age that the area has set. Without a known age a child who has given an address
    is asked.
    """
    person_id = q.selves.get(child.child_id)
    oneself = next((relative for relative in q.relatives if relative.person_id == person_id), None)
    months = child.months_old_on(q.meeting.day)
    from_age = q.today.number("child_invited_from_age")
    if from_age is None or child.unborn_on(q.meeting.day):
        return None
    if months is None:
        if oneself is None:
            return None
        text = f"The meeting is about {child.initials}, whose age is not recorded: an address of their own is."
    elif months >= from_age.months:
        text = (
            f"The meeting is about {child.initials}, who will be {months // 12} years old: from "
            f"{age(from_age.months)} on a child belongs in the room."
        )
    else:
        return None
    causes = (child.cause, oneself.cause) if oneself else (child.cause,)
    reason = Reason("child_in_person", text, causes, child.child_id)
    return _person(person_id or child.child_id, CHILD, oneself, reason)


def _person(person_id: str, kind: str, relative: Relative | None, reason: Reason) -> Entry:
    child_ids = (reason.child_id,) if reason.child_id else ()
    email = relative.email if relative else None
    if email:
        return Entry(kind, None, person_id, None, INVITED, None, (reason,), child_ids, email, None, False)
    who = "The child" if kind == CHILD else "This member of the family"
    text = f"{who} has given no e-mail address for this: write another way."
    missing = Reason("no_usable_address", text, reason.causes[-1:])
    reasons = (reason, missing)
    return Entry(kind, None, person_id, None, NOT_INVITED, NO_USABLE_ADDRESS, reasons, child_ids, None, None, False)


def _join(found: dict[str, Entry], entry: Entry) -> None:
    """Put what one person is asked for together: who is both a child of the meeting and a parent is the child."""
    assert entry.person_id is not None
    first = found.get(entry.person_id)
    if first is not None:
        entry = replace(
            first,
            kind=CHILD if CHILD in {first.kind, entry.kind} else RELATIVE,
            reasons=tuple(dict.fromkeys((*first.reasons, *entry.reasons))),
            child_ids=tuple(dict.fromkeys((*first.child_ids, *entry.child_ids))),
        )
    found[entry.person_id or ""] = entry


def _reached(q: Question, entry: Entry) -> Entry:
    """The entry, where the one address that a member of the family gave has given mail back: there is no other."""
    bounce = q.facts.bounced.get(entry.address.lower()) if entry.address else None
    if bounce is None or entry.address is None:
        return entry
    who = "the child" if entry.kind == CHILD else "this member of the family"
    text = (
        f"What was sent to {who} came back ({returned(bounce.status).words}): record another address that they gave, "
        "or write another way."
    )
    return q.came_back(entry, [entry.address], text, (bounce.cause,))


def flagged(q: Question) -> tuple[Child, ...]:
    """The children of the meeting and of their households with a flag of fabricated or induced illness."""
    household = {child.child_id: child for child in q.children}
    for child in q.children:
        household |= {each.child_id: each for each in q.facts.families.get(child.family_id, ())}
    return tuple(child for _, child in sorted(household.items()) if ILLNESS_FLAG in child.flags)


def _kept_apart(q: Question, entry: Entry, coming: set[str]) -> Entry:
    """The entry, not asked where two people would both be asked who are not to be in one room."""
    own = entry.person_id or ""
    for other in sorted(coming - {own}):
        sides = ((own, other), (other, own))
        pair = [one for person, against in sides for one in q.relatives if _avoids(q, one, person, against)]
        if pair:
            text = "Two people who are not to be in one room would both be asked: the chair decides how."
            reason = Reason("not_with", text, tuple(one.cause for one in pair))
            return left_out(entry, NOT_WITH, reason)
    return entry


def _avoids(q: Question, relative: Relative, person_id: str, other: str) -> bool:
    """Whether the relative is this person, and is not to be with the other, by whichever id that one is named."""
    return (
        relative.person_id == person_id
        and bool(relative.not_with)
        and any(each == other or q.selves.get(each) == other for each in relative.not_with)
    )


def hold_for_illness(entry: Entry, children: tuple[Child, ...]) -> Entry:
    """The entry, held until a person has decided what the family is told."""
    text = "Nothing goes to the family by itself: the strategy discussion decides what they are told, by whom and when."
    return left_out(entry, HELD_FOR_A_PERSON, Reason("illness_flag", text, tuple(child.cause for child in children)))
