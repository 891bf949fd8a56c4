"""Who counts for quoracy, and whether that is enough.

Who counts is read from what was so when the meeting began, by the events' own time: see ADR 0031. What is needed is the
policy's.

Source: rules of the field, sections 2.1 to 2.4 and 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.policy import PolicyToday
from schemas.quoracy import Quoracy, Required
from services.directory.rules import Agency, Cause, Involvement
from services.meetings.rules import Meeting
from services.participation.rules.register import APOLOGIES, PRESENT, Noted

ADJOURNED = "adjourned"
HOSPITAL = "acute_hospital"

# Why an agency counts, or does not.
REQUIRED = "required"
IN_CONTACT, CONTACT_NOT_RECORDED = "in_contact", "contact_not_recorded"
NOT_THERE, MODE_DOES_NOT_COUNT, NOT_NEEDED = "not_there", "mode_does_not_count", "not_needed"
OF_ANOTHER_AREA = "of_another_area"
WAITING, NO_DIRECT_CONTACT, INVOLVEMENT_OVER, NOT_YET = "waiting", "no_direct_contact", "involvement_over", "not_yet"
ADVISES, NOTHING_ON_RECORD, NOT_RECORDED = "advises", "nothing_on_record", "not_recorded"


@dataclass(frozen=True, slots=True)
class Held:
    """A held meeting, and what was so when it began.

    `noted` and `involvements` are by agency; the involvements are those with the children and their family, the
    `agencies` all that either names. `core_group` holds the members that the last meeting to do so named.
    """

    meeting: Meeting
    noted: Mapping[str, Noted]
    agencies: Mapping[str, Agency]
    involvements: Mapping[str, Sequence[Involvement]]
    cause: Cause
    held_at: datetime
    outcome: tuple[str, ...] = ()
    placed_with: Mapping[str, Cause] | None = None
    in_hospital: Cause | None = None
    core_group: Mapping[str, Cause] | None = None
    areas: frozenset[str] = frozenset()
    unborn: bool = False
    reports: Mapping[str, Cause] | None = None

    @property
    def day_counts(self) -> bool:
        """Whether it was a meeting at all: one that was adjourned comes to its end another day."""
        return ADJOURNED not in self.outcome


@dataclass(frozen=True, slots=True)
class Contact:
    """What an agency has to do with the child and family: `counts` where that is direct contact, or taken as such."""

    why: str
    text: str
    causes: tuple[Cause, ...] = ()
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """One agency of the register: whether it counts, why, and the events behind that."""

    agency_id: str
    kind: str
    name: str
    counts: bool
    why: str
    text: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Met:
    """A party that is required, and the agencies that stood for it (none: it was missing)."""

    required: Required
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a held meeting was quorate. `others` are the further agencies that count, those that count as one
    together; `unrecorded` those of them that count although nobody recorded their contact.
    """

    held: Held
    rule: Quoracy
    quorate: bool
    parties: tuple[Party, ...]
    met: tuple[Met, ...]
    others: tuple[tuple[str, ...], ...]
    unrecorded: tuple[str, ...]
    in_contact: int

    @property
    def too_few_agencies(self) -> bool:
        """Whether fewer agencies are on record as in contact than are needed. Where none is, the record is empty, and
        says nothing.
        """
        return 0 < self.in_contact < self.rule.others


def rule_of(today: PolicyToday, kind: str) -> Quoracy | None:
    """The rule by which a kind of meeting is quorate on one day; None where none is set."""
    named = today.kind(kind).quoracy
    return today.quoracy.get(named) if named is not None else None


def assess(held: Held, rule: Quoracy, today: PolicyToday) -> Assessment:
    """Who counted at a held meeting, and whether it was quorate. Order and repetition in the register do not matter."""
    contacts = {each: contact(held, rule, today, each) for each in sorted({*held.noted, *held.involvements})}
    there = {each for each in held.noted if _is_there(held, rule, each)}
    able = {each for each in held.noted if each in there or (rule.report_counts and each in (held.reports or {}))}
    met = tuple(
        Met(required, tuple(sorted(each for each in there if _meets(held, required, contacts[each], each))))
        for required in rule.required
    )
    counting = _units(held, rule, (each for each in sorted(able) if contacts[each].counts))
    used = _used(held, rule, met, counting)
    others = {key: some for key, some in counting.items() if key not in used} if rule.others else {}
    known = _units(held, rule, (each for each, found in contacts.items() if found.counts))
    required_kinds = {kind for required in rule.required for kind in required.any_of}
    in_contact = sum(any(_kind(held, each) not in required_kinds for each in some) for some in known.values())
    return Assessment(
        held,
        rule,
        all(each.by for each in met) and len(others) >= rule.others,
        tuple(_party(held, rule, met, contacts[each], each, there=each in there) for each in sorted(held.noted)),
        met,
        tuple(others.values()),
        tuple(each for some in others.values() for each in some if contacts[each].why == CONTACT_NOT_RECORDED),
        in_contact,
    )


def _kind(held: Held, agency_id: str) -> str:
    agency = held.agencies.get(agency_id)
    return agency.kind if agency else "other"


def _is_there(held: Held, rule: Quoracy, agency_id: str) -> bool:
    noted = held.noted[agency_id]
    return noted.status == PRESENT and bool({*(noted.modes or ("not_noted",))} & set(rule.modes))


def _meets(held: Held, required: Required, found: Contact, agency_id: str) -> bool:
    if _kind(held, agency_id) not in required.any_of or found.why == OF_ANOTHER_AREA:
        return False
    return required.waiting_counts or found.why != WAITING


def _units(held: Held, rule: Quoracy, agency_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Agencies by what they count as: each for itself, but those of kinds that count as one together."""
    found: dict[str, list[str]] = {}
    for each in agency_ids:
        found.setdefault(_unit(held, rule, each), []).append(each)
    return {key: tuple(some) for key, some in sorted(found.items())}


def _unit(held: Held, rule: Quoracy, agency_id: str) -> str:
    kind = _kind(held, agency_id)
    for number, group in enumerate(rule.count_as_one):
        if kind in group:
            return f"group {number}"
    return f"agency {agency_id}"


def _used(held: Held, rule: Quoracy, met: Sequence[Met], counting: Mapping[str, object]) -> set[str]:
    """Who stands for each party that is required, and so is not one of the others: where several can, one that would
    not count among those.
    """
    used = set()
    for each in met:
        able = {_unit(held, rule, agency_id) for agency_id in each.by}
        if able:
            used.add(min(able, key=lambda unit: (unit in counting, unit)))
    return used


def contact(held: Held, rule: Quoracy, today: PolicyToday, agency_id: str) -> Contact:
    """What an agency had to do with the child and family when the meeting began."""
    agency = held.agencies.get(agency_id)
    if agency is None:
        return Contact(NOT_RECORDED, f"No agency with the id {agency_id} is recorded.")
    here = agency.authority in {None, held.meeting.authority}
    if not here and any(each.of_the_area and agency.kind in each.any_of for each in rule.required):
        said = f"It is of {agency.authority}, and does not stand for that of {held.meeting.authority}."
        return Contact(OF_ANOTHER_AREA, said, (agency.cause,))
    if agency.kind in rule.not_counted:
        return Contact(ADVISES, "It advises, and is none of those in direct contact.", (agency.cause,))
    own = sorted(held.involvements.get(agency_id, ()), key=lambda each: (each.since, each.involvement_id))
    day = held.meeting.day
    going = [each for each in own if each.counts_on(day) and each.since <= day]
    found = _by_contact(held, agency, going) or _by_involvement(rule, going)
    if found is not None:
        return found
    if cause := (held.core_group or {}).get(agency_id):
        return _not_recorded(rule, "It was named as a member of the core group", cause)
    if own:
        return _not_going(own[-1], own[-1].status != "closed" and own[-1].since > day)
    return _without_involvement(held, rule, today, agency)


def _by_contact(held: Held, agency: Agency, going: Sequence[Involvement]) -> Contact | None:
    """Direct contact that is on record; None where none is."""
    for each in going:
        if each.status == "open" and each.direct_contact:
            return Contact(IN_CONTACT, "It is in direct contact with child or family.", (each.cause,), counts=True)
    if cause := (held.placed_with or {}).get(agency.agency_id):
        return Contact(IN_CONTACT, "The child lives there.", (cause,), counts=True)
    if held.in_hospital is not None and agency.kind == HOSPITAL:
        return Contact(IN_CONTACT, "The child was in hospital.", (held.in_hospital,), counts=True)
    return None


def _by_involvement(rule: Quoracy, going: Sequence[Involvement]) -> Contact | None:
    """What an involvement says that does not say that there is direct contact; None where there is no involvement."""
    open_ones = [each for each in going if each.status == "open"]
    unknown = [each.cause for each in open_ones if each.direct_contact is None]
    if unknown:
        return _not_recorded(rule, "It works with child or family", unknown[0])
    if open_ones:
        said = "It is involved without direct contact."
        return Contact(NO_DIRECT_CONTACT, said, (open_ones[0].cause,))
    if going:
        said = "It has the child on its waiting list, or a referral."
        return Contact(WAITING, said, (going[0].cause,))
    return None


def _not_going(own: Involvement, to_come: bool) -> Contact:
    if to_come:
        return Contact(NOT_YET, "Its involvement had not begun.", (own.cause,))
    return Contact(INVOLVEMENT_OVER, "Its involvement was over.", (own.cause,))


def _without_involvement(held: Held, rule: Quoracy, today: PolicyToday, agency: Agency) -> Contact:
    """Nothing says that it works with the child: what counts is whether it was to be asked for another reason."""
    meeting = held.meeting
    if any(also.agency_id == agency.agency_id for also in meeting.also_invite):
        return _not_recorded(rule, "The coordinator asked for it by name", meeting.cause)
    kind = today.kind(meeting.kind)
    expected = {
        name
        for each in (today.expectations.get(name) for name in kind.expects)
        if each is not None and each.find == "involvement_or_authority"
        for name in (each.agency_kind, *each.satisfied_by)
    }
    if agency.kind in expected and (agency.authority is None or agency.authority in held.areas):
        return _not_recorded(rule, "It is expected at every meeting of this kind", agency.cause)
    said = "Nothing on record says that it works with child or family."
    return Contact(NOTHING_ON_RECORD, said, (agency.cause,))


def _not_recorded(rule: Quoracy, said: str, cause: Cause) -> Contact:
    counts = rule.unrecorded_contact == "counts"
    text = f"{said}. Nobody has recorded whether it is in direct contact{': it is counted' if counts else ''}."
    return Contact(CONTACT_NOT_RECORDED, text, (cause,), counts)


def _party(held: Held, rule: Quoracy, met: Sequence[Met], found: Contact, agency_id: str, *, there: bool) -> Party:
    agency = held.agencies.get(agency_id)
    name = agency.name if agency else agency_id

    def say(counts: bool, why: str, text: str) -> Party:
        causes = tuple(dict.fromkeys((held.cause, *found.causes)))
        return Party(agency_id, _kind(held, agency_id), name, counts, why, text, causes)

    noted = held.noted[agency_id]
    if not there:
        if rule.report_counts and agency_id in (held.reports or {}) and found.counts and rule.others:
            return say(True, found.why, f"Its report was here in time. {found.text}")
        if noted.status == PRESENT:
            how = noted.how or "in a way that is not noted"
            return say(False, MODE_DOES_NOT_COUNT, f"It was there {how}, which does not count here.")
        return say(False, NOT_THERE, "It sent apologies." if noted.status == APOLOGIES else "It was not there.")
    for each in met:
        if agency_id in each.by:
            return say(True, REQUIRED, f"It stands for {each.required.name}, required here.")
    if not rule.others and not any(_kind(held, agency_id) in each.required.any_of for each in met):
        return say(False, NOT_NEEDED, "Nobody but those required counts here.")
    return say(found.counts, found.why, found.text)
