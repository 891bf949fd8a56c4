"""Gathers who reads the records of meetings, and what decides what they may have, for a batch of meetings in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import (
    Agency,
    Bounce,
    Bounces,
    Child,
    Involvement,
    Relationship,
    Relative,
    bounce_of,
    latest_bounces,
    returned,
    route,
    secure_addresses,
)
from services.meetings import store as meetings
from services.meetings.rules import CHILD, DECIDED_BY_A_PERSON, INVITED, RELATIVE, Entry, Meeting, Reason
from services.meetings.rules.entry import (
    AGENCY_CLOSED,
    ASKED_BEFORE,
    EXCLUDED_BEFORE,
    FAMILY_NOT_ASKED,
    HELD_FOR_A_PERSON,
    NO_LONGER_PART,
    NO_USABLE_ADDRESS,
    NOT_WITH,
)
from services.participation.rules.register import PRESENT, Attended, Noted, noted
from services.participation.store.quoracy import held_facts
from services.records.matter import matter_of
from services.records.rules.record import Matter, Newcomer, Reader
from services.records.rules.serving import may_be_for_a_relative, served_children, serves_a_relative
from services.records.rules.versions import NO_READER
from services.records.store import newcomers

# Why somebody was not asked that a person has to know of who looks at who gets the record. The first stand whatever
# the register says; of the others whoever was there after all gets the record.
_STANDS = DECIDED_BY_A_PERSON | {HELD_FOR_A_PERSON, EXCLUDED_BEFORE, FAMILY_NOT_ASKED}
_SERVES_THE_CHILD = frozenset({"involved", "waiting_list"})
_UNLESS_THERE = frozenset({NOT_WITH, NO_LONGER_PART, AGENCY_CLOSED})


@dataclass(frozen=True, slots=True)
class Around:
    """A meeting with everyone who reads its records, and what decides what they may have."""

    meeting: Meeting
    matter: Matter
    readers: tuple[Reader, ...]
    agencies: Mapping[str, Agency]
    children: Mapping[str, Child]

    def reader(self, party: str) -> Reader | None:
        """The reader who is this party; None where it is none any more."""
        return next((each for each in self.readers if each.party == party), None)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of those whom records are about, and of those who read them."""

    children: Mapping[str, Child]
    relatives: Mapping[str, Relative]
    agencies: Mapping[str, Agency]
    bounces: tuple[Bounce, ...]
    of_family: frozenset[str]
    involvements: tuple[Involvement, ...] = ()

    def bounced(self, meeting_id: str) -> Bounces:
        """What came back from the addresses of anyone, as far as it counts for this meeting."""
        return latest_bounces(each for each in self.bounces if each.meeting_id in (None, meeting_id))


async def around(
    db: AsyncConnection, policy: Policy, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Around]:
    """Meetings with their readers, as things stand or as they were known at `as_of`."""
    some = await meetings.meetings_by_id(db, meeting_ids, as_of)
    entries = await meetings.entries_of(db, some, as_of)
    held = await held_facts(db, some, as_of)
    register = {each: _register(row["document"]) for each, row in held.items()}
    ids = {entry.agency_id for of in entries.values() for entry in of.values() if entry.agency_id}
    ids |= {each.agency_id for lines in register.values() for each in lines.values() if each.agency_id}
    later = await newcomers.of_meetings(db, some, as_of)
    ids |= {each.agency_id for of in later.values() for each in of}
    known = await _known(db, some.values(), ids, as_of)
    return {
        each: of_meeting(
            meeting,
            tuple(entries.get(each, {}).values()),
            register.get(each, {}),
            known,
            policy,
            later.get(each, ()),
        )
        for each, meeting in some.items()
    }


def of_meeting(
    meeting: Meeting,
    entries: Iterable[Entry],
    register: Mapping[str, Noted],
    known: Known,
    policy: Policy,
    later: Iterable[Newcomer] = (),
) -> Around:
    """A meeting with everyone who reads its records: whom an entry stands for, who was there besides, and who came
    later. An agency that reads them on account of one child, and came later to another, is a reader of its own there.
    """
    near = _near(meeting, known, policy)
    people = {each: relative for each, relative in known.relatives.items() if _of(relative, near)}
    bounced = known.bounced(meeting.meeting_id)
    attended = {each.agency_id or each.person_id or "": each.status for each in register.values()}
    readers: list[Reader | None] = []
    asked: set[str | None] = set()
    for entry in entries:
        asked |= {entry.agency_id, entry.person_id}
        if entry.agency_id is not None:
            reader = _agency(entry, meeting, attended, known, bounced)
            readers.append(reader and _serving(reader, meeting, near, people, known, policy, entry.reasons))
        else:
            readers.append(_person(entry, meeting, attended, people, bounced))
    readers += [
        reader and (reader if reader.is_family else _serving(reader, meeting, near, people, known, policy))
        for line in register.values()
        if line.status == PRESENT and (line.agency_id or line.person_id) not in asked
        for reader in [_came_unasked(line, meeting, known, people, bounced)]
    ]
    named: dict[str | None, list[Reader]] = {}
    for each in readers:
        if each is not None:
            named.setdefault(each.agency_id, []).append(each)
    for agency_id, some in _by_agency(later).items():
        theirs = named.get(agency_id, [])
        new = [each for each in some if not any(each.child_id in reader.child_ids for reader in theirs)]
        if new and agency_id in known.agencies:
            readers.append(_came_later(agency_id, new, theirs, meeting, known, bounced))
    known_there = {each.agency_id for each in register.values()} | {each.agency_id for each in later} | asked
    return Around(
        meeting,
        matter_of(meeting, near, people, known, policy, frozenset(each for each in known_there if each)),
        tuple(each for each in readers if each is not None),
        known.agencies,
        {each: known.children[each] for each in near},
    )


def _register(document: Mapping[str, Any]) -> dict[str, Noted]:
    """What the register of a held meeting says of each party, however many lines it has there."""
    lines = document["attendance"]
    return noted(Attended(line["agency_id"], line["person_id"], line["status"]) for line in lines)


async def _known(
    db: AsyncConnection, some: Iterable[Meeting], agency_ids: Iterable[str], as_of: datetime | None
) -> Known:
    """Everyone whom these meetings are about, whoever belongs to them, and their other children with their families."""
    own = await directory.children_by_id(db, {each for m in some for each in m.child_ids}, as_of)
    households = await directory.children_of_families(db, {child.family_id for child in own.values()}, as_of)
    household = {child.child_id: child for child in households} | own
    relatives = {each.person_id: each for each in await directory.relatives_of_children(db, household, as_of)}
    others = {tie.child_id for each in relatives.values() for tie in each.relationships} - set(household)
    half = await directory.children_by_id(db, others, as_of)
    beyond = await directory.children_of_families(db, {child.family_id for child in half.values()}, as_of)
    children = household | half | {child.child_id: child for child in beyond}
    relatives |= {
        each.person_id: each for each in await directory.relatives_of_children(db, {*children} - {*household}, as_of)
    }
    placed_with = {child.placement.agency_id for child in children.values() if child.placement} - {None}
    agencies = await directory.agencies_by_id(db, {*agency_ids, *(each for each in placed_with if each)}, as_of)
    given = {each.email for each in relatives.values() if each.email}
    addresses = {address for agency in agencies.values() for address in secure_addresses(agency)} | given
    bounces = await directory.bounces_of(db, addresses, as_of)
    served = tuple(await directory.involvements_of(db, {*children, *relatives}, as_of))
    agencies |= await directory.agencies_by_id(db, {each.agency_id for each in served} - set(agencies), as_of)
    of_family = frozenset(each.lower() for each in given)
    return Known(children, relatives, agencies, tuple(bounces), of_family, served)


def _near(meeting: Meeting, known: Known, policy: Policy) -> frozenset[str]:
    """The children of a meeting, those of their households, and their half-brothers and half-sisters with theirs: the
    children whom a parent or carer of one of these has elsewhere.
    """
    own = {each for each in meeting.child_ids if each in known.children}
    families = {known.children[each].family_id for each in own}
    near = own | {each for each, child in known.children.items() if child.family_id in families}
    for relative in known.relatives.values():
        theirs = {tie.child_id for tie in relative.relationships if _raises(tie, policy)}
        if theirs & near:
            families |= {known.children[each].family_id for each in theirs if each in known.children}
    return frozenset(near | {each for each, child in known.children.items() if child.family_id in families})


def _raises(tie: Relationship, policy: Policy) -> bool:
    return tie.parental_responsibility or tie.kind in policy.groups.parents


def _of(relative: Relative, children: frozenset[str]) -> bool:
    return any(each.child_id in children for each in relative.relationships)


def _why_not(entry: Entry, status: str | None) -> str | None:
    """Why nothing goes to somebody who was not asked, or is not asked any more."""
    if entry.decision == INVITED or not (
        entry.why_not in _STANDS or (entry.why_not in _UNLESS_THERE and status != PRESENT)
    ):
        return None
    return entry.why_not


def _decided(meeting: Meeting, ids: AbstractSet[str]) -> str | None:
    """A person's decision not to ask whoever goes by one of these ids, also one made after the meeting."""
    return next((e.reason for e in meeting.do_not_invite if (e.agency_id or e.person_id) in ids), None)


def _reads(entry: Entry, status: str | None) -> bool:
    """Whether the record is for whom an entry stands for, or a person is to know why it is not: not whom nobody
    asked, for a reason that lies in what is recorded of them.
    """
    asked = entry.decision == INVITED or any(reason.rule == ASKED_BEFORE for reason in entry.reasons)
    return asked or status == PRESENT or entry.why_not in {NO_USABLE_ADDRESS, NOT_WITH, NO_LONGER_PART, *_STANDS}


def _agency(
    entry: Entry, meeting: Meeting, attended: Mapping[str, str], known: Known, bounced: Bounces
) -> Reader | None:
    """The agency or team that an entry stands for, as a reader; None where it is none."""
    agency = known.agencies.get(entry.agency_id or "")
    status = attended.get(entry.agency_id or "")
    if agency is None or not _reads(entry, status):
        return None
    address, verified_on = _way(agency, entry.team_id, entry.address, bounced, known.of_family)
    return Reader(
        entry.party,
        agency.kind,
        agency.agency_id,
        None,
        entry.team_id,
        agency.name,
        frozenset(entry.child_ids),
        entry.decision == INVITED,
        status,
        address,
        verified_on,
        _decided(meeting, {agency.agency_id}) or _why_not(entry, status),
    )


def _serving(
    reader: Reader,
    meeting: Meeting,
    near: frozenset[str],
    people: Mapping[str, Relative],
    known: Known,
    policy: Policy,
    reasons: Iterable[Reason] = (),
) -> Reader:
    """An agency with whom it serves: which children itself, and whether a relative is, or may be, why it is there."""
    agency_id = reader.agency_id or ""
    told = [each for each in reasons if each.child_id]
    asked_for = frozenset(each.child_id or "" for each in told if each.rule in _SERVES_THE_CHILD)
    serves = served_children(agency_id, known.involvements, near, people, meeting.day, asked_for)
    relatives = serves_a_relative(agency_id, known.involvements, people)
    may_be = may_be_for_a_relative({each.rule for each in told}, reader.kind in policy.groups.parents_services)
    return replace(reader, serves=serves, serves_a_relative=relatives or may_be)


def _way(
    agency: Agency, team_id: str | None, asked: str | None, bounced: Bounces, of_family: frozenset[str]
) -> tuple[str | None, date | None]:
    """Where a copy for an agency goes, and when that address was last verified: to the one that was asked as long as it
    may be used and has given nothing back, else to where the agency would be asked now; never to one that somebody of
    the family gave, nor to an agency that is closing: who reads its mail then is not known.
    """
    if agency.closed_on is not None:
        return None, None
    usable = [
        channel
        for channel in agency.every_channel
        if channel.kind == "email"
        and channel.secure
        and bounce_of(agency, channel, bounced) is None
        and channel.address.lower() not in of_family
    ]
    addresses = {channel.address for channel in usable}
    way = asked if asked in addresses else route(agency, team_id, (), None, bounced).address
    if way not in addresses:
        return None, None
    return way, max((each.verified_on for each in usable if each.address == way and each.verified_on), default=None)


def _person(
    entry: Entry, meeting: Meeting, attended: Mapping[str, str], people: Mapping[str, Relative], bounced: Bounces
) -> Reader | None:
    """The member of the family whom an entry stands for, as a reader; None where they are none."""
    person_id = entry.person_id or ""
    status = attended.get(person_id)
    if entry.person_id is None or not _reads(entry, status):
        return None
    oneself = {each for each in entry.child_ids if entry.kind == CHILD and each == person_id}
    reader = _relative(person_id, people.get(person_id), frozenset(oneself), meeting, bounced)
    why_not = _decided(meeting, reader.ids) or _why_not(entry, status)
    return replace(reader, invited=entry.decision == INVITED, attended=status, why_not=why_not)


def _relative(
    person_id: str, relative: Relative | None, oneself: frozenset[str], meeting: Meeting, bounced: Bounces
) -> Reader:
    """A member of the family as a reader. Somebody who is not on record holds no responsibility and has no address."""
    ties = relative.relationships if relative is not None else ()
    selves = {each.child_id for each in ties if each.kind == "self"} | oneself
    raises = {each.child_id for each in ties if each.parental_responsibility and each.kind != "self"}
    email = relative.email if relative is not None else None
    bounce = bounced.get(email.lower()) if email else None
    if bounce is not None and (bounce.meeting_id is not None or returned(bounce.status).gives_up):
        email = None
    return Reader(
        party=f"person:{person_id}",
        kind=CHILD if selves else RELATIVE,
        agency_id=None,
        person_id=person_id,
        team_id=None,
        name=relative.name if relative is not None else "",
        child_ids=frozenset((raises | selves) & set(meeting.child_ids)),
        invited=False,
        attended=None,
        address=email,
        verified_on=None,
        oneself=frozenset(selves),
    )


def _came_unasked(
    line: Noted, meeting: Meeting, known: Known, people: Mapping[str, Relative], bounced: Bounces
) -> Reader | None:
    """Who was there without having been asked: an agency on account of no child in particular, so of all; a member of
    the family as they would have been asked.
    """
    if line.person_id is not None:
        party = line.person_id
        own = frozenset({party} & set(meeting.child_ids))
        reader = _relative(party, people.get(party), own, meeting, bounced)
        return replace(reader, attended=PRESENT, why_not=_decided(meeting, reader.ids))
    agency = known.agencies.get(line.agency_id or "")
    if agency is None:
        return None
    address, verified_on = _way(agency, None, None, bounced, known.of_family)
    return Reader(
        f"agency:{agency.agency_id}:",
        agency.kind,
        agency.agency_id,
        None,
        None,
        agency.name,
        frozenset(meeting.child_ids),
        False,
        PRESENT,
        address,
        verified_on,
        _decided(meeting, {agency.agency_id}),
    )


def _by_agency(later: Iterable[Newcomer]) -> dict[str, list[Newcomer]]:
    found: dict[str, list[Newcomer]] = {}
    for each in later:
        found.setdefault(each.agency_id, []).append(each)
    return found


def _came_later(
    agency_id: str,
    some: Sequence[Newcomer],
    theirs: Sequence[Reader],
    meeting: Meeting,
    known: Known,
    bounced: Bounces,
) -> Reader:
    """An agency that took no part, on account of the children with whom it has to do by now; where it has to do with
    none of them any more, nothing goes there. `theirs` are its readers on account of other children.
    """
    agency = known.agencies[agency_id]
    still = [each for each in some if each.why_not is None]
    decided = [each for each in some if each.why_not not in (None, NO_READER)]  # weighs more than an end
    team_id = next((each.team_id for each in some if each.team_id is not None), None)
    address, verified_on = _way(agency, team_id, None, bounced, known.of_family)
    kept_out = next((each.why_not for each in theirs if each.why_not in _STANDS), None)
    party = f"agency:{agency_id}:{team_id or ''}"
    return Reader(
        f"{party}:later" if any(each.party == party for each in theirs) else party,
        agency.kind,
        agency_id,
        None,
        team_id,
        agency.name,
        frozenset(each.child_id for each in still or some) & frozenset(meeting.child_ids),
        False,
        None,
        address,
        verified_on,
        _decided(meeting, {agency_id}) or kept_out or (None if still else (decided or some)[0].why_not),
        came_later=True,
    )
