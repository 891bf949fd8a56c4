"""What an event about agencies, children, relatives and involvements does: one more version, and word of the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from schemas.agency import AgencyRecorded
from schemas.child import ChildRecorded
from schemas.circumstance import CircumstanceChanged
from schemas.envelope import Event
from schemas.invitation import InvitationBounced
from schemas.involvement import InvolvementRecorded
from schemas.relative import RelativeRecorded
from services.directory import store
from services.directory.rules import returned
from services.foundation.history import remember
from services.foundation.work import Derived, Work

CHANGED = "directory.changed"


@dataclass(frozen=True, slots=True)
class Changed:
    """Whose record changed, so that meetings still to come are looked at again; those that are named first of all."""

    agency_ids: frozenset[str] = frozenset()
    agency_kinds: frozenset[str] = frozenset()
    family_ids: frozenset[str] = frozenset()
    person_ids: frozenset[str] = frozenset()
    meeting_ids: frozenset[str] = frozenset()


def _version(event: Event, **columns: Any) -> dict[str, Any]:
    return {**columns, "event_time": event.time, "event_source": event.source, "event_id": event.id}


async def _remember(work: Work, table: Table, key: str, rows: list[dict[str, Any]]) -> set[str]:
    return await remember(work.db, table, key, rows, work.now)


def _tell(work: Work, changed: Changed) -> None:
    if changed != Changed():
        work.emit(Derived(CHANGED, "directory", "directory", changed))


async def agencies_recorded(work: Work, events: Sequence[Event]) -> None:
    """Keep what is said of agencies, their teams and channels."""
    rows = []
    kinds: dict[str, str] = {}
    for event in events:
        agency = event.data
        assert isinstance(agency, AgencyRecorded)
        document = agency.model_dump(mode="json", include={"name", "channels", "teams", "closed_on", "ods_code", "urn"})
        kinds[agency.agency_id] = agency.kind
        rows.append(
            _version(event, agency_id=agency.agency_id, kind=agency.kind, authority=agency.authority, document=document)
        )
    changed = await _remember(work, store.agencies, "agency_id", rows)
    _tell(work, Changed(agency_ids=frozenset(changed), agency_kinds=frozenset(kinds[each] for each in changed)))


async def children_recorded(work: Work, events: Sequence[Event]) -> None:
    """Keep what is said of children."""
    rows = []
    families: set[str] = set()
    for event in events:
        child = event.data
        assert isinstance(child, ChildRecorded)
        document = child.model_dump(mode="json", exclude={"child_id", "family_id"})
        rows.append(_version(event, child_id=child.child_id, family_id=child.family_id, document=document))
        families.add(child.family_id)
    before = await store.families_of_children(work.db, {row["child_id"] for row in rows})
    changed = await _remember(work, store.children, "child_id", rows)
    families |= {before[each] for each in changed if each in before}
    if changed:
        _tell(work, Changed(family_ids=frozenset(families), person_ids=frozenset(changed)))


async def relatives_recorded(work: Work, events: Sequence[Event]) -> None:
    """Keep what is said of relatives."""
    rows = []
    ties: set[tuple[str, str]] = set()
    for event in events:
        relative = event.data
        assert isinstance(relative, RelativeRecorded)
        document = relative.model_dump(mode="json", exclude={"person_id", "family_id"})
        rows.append(_version(event, person_id=relative.person_id, family_id=relative.family_id, document=document))
        ties |= {(tie.child_id, relative.person_id) for tie in relative.relationship}
    await store.note_ties(work.db, ties)
    _tell(work, Changed(person_ids=frozenset(await _remember(work, store.relatives, "person_id", rows))))


async def involvements_recorded(work: Work, events: Sequence[Event]) -> None:
    """Keep what is said of involvements: `waiting` and `referred` as much as `open`."""
    rows = []
    people: dict[str, str] = {}
    for event in events:
        involvement = event.data
        assert isinstance(involvement, InvolvementRecorded)
        people[involvement.involvement_id] = involvement.person_id
        rows.append(
            _version(
                event,
                involvement_id=involvement.involvement_id,
                person_id=involvement.person_id,
                agency_id=involvement.agency_id,
                service=involvement.service,
                status=involvement.status,
                since=involvement.since,
                until=involvement.until,
                document={
                    "team_id": involvement.team_id,
                    "key_worker": involvement.key_worker.name if involvement.key_worker else None,
                    "direct_contact": involvement.direct_contact,
                },
            )
        )
    before = await store.people_of_involvements(work.db, people)
    changed = await _remember(work, store.involvements, "involvement_id", rows)
    # One that was filed under the wrong person concerns both.
    concerned = {people[each] for each in changed} | {before[each] for each in changed if each in before}
    _tell(work, Changed(person_ids=frozenset(concerned)))


async def circumstances_changed(work: Work, events: Sequence[Event]) -> None:
    """Keep whether a child is in hospital. The other circumstances stand in the journal for the rooms they concern."""
    rows = []
    for event in events:
        change = event.data
        assert isinstance(change, CircumstanceChanged)
        if change.what in {"hospital_admission", "hospital_discharge"}:
            stay = _version(event, child_id=change.child_id, what=change.what)
            rows.append(stay | {"event_time": change.at})
    changed = await _remember(work, store.hospital_stays, "child_id", rows)
    _tell(work, Changed(person_ids=frozenset(changed)))


@dataclass(frozen=True, slots=True)
class GivenBack:
    """That an address gave a message back for good, as an event tells it. `meeting_id` is what the message was about,
    None where it was about none. `surely_ours`: it is known that the report is of a message of ours.
    """

    address: str
    status: str
    at: datetime
    source: str
    id: str
    meeting_id: str | None
    agency_id: str | None = None
    person_id: str | None = None
    surely_ours: bool = True


async def addresses_bounced(work: Work, events: Sequence[Event]) -> None:
    """Invitations came back. What is only delayed is not kept: the mail server goes on trying, and says how that
    ends.
    """
    some = []
    for event in events:
        said = event.data
        assert isinstance(said, InvitationBounced)
        if said.permanent:
            ours = said.for_other_meetings is not False
            about = (said.meeting_id, said.agency_id, said.person_id)
            some.append(GivenBack(said.address, said.status, said.at, event.source, event.id, *about, ours))
    await note_given_back(work, some)


async def note_given_back(work: Work, some: Sequence[GivenBack]) -> None:
    """Keep which addresses gave mail back for good, whatever message it was: for every meeting where nothing can reach
    the address any more, else for the meeting alone; and for that alone where the report is not sure to be of a message
    of ours. Of a message that was about no meeting the latter is kept nowhere.
    """
    rows: list[dict[str, Any]] = []
    agencies: set[str] = set()
    people: set[str] = set()
    meetings: set[str] = set()
    for each in some:
        gives_up = returned(each.status).gives_up and each.surely_ours
        meeting_id = None if gives_up else each.meeting_id
        if each.meeting_id is not None:
            meetings.add(each.meeting_id)
        elif not gives_up:
            continue
        address = each.address.lower()
        rows.append(
            {
                "bounce": f"{meeting_id or ''}|{address}",
                "address": address,
                "meeting_id": meeting_id,
                "status": each.status,
                "event_time": each.at,
                "event_source": each.source,
                "event_id": each.id,
            }
        )
        if gives_up and each.agency_id is not None:
            agencies.add(each.agency_id)
        if gives_up and each.person_id is not None:
            people.add(each.person_id)
    await _remember(work, store.bounced_addresses, "bounce", rows)
    # Where it is no news, another agency's message had come back from the same address: this meeting is concerned.
    _tell(work, Changed(frozenset(agencies), person_ids=frozenset(people), meeting_ids=frozenset(meetings)))
