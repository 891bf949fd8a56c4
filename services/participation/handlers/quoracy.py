"""What a held meeting does, and what changes the verdict on one: each is judged anew, whatever order events come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Table

from schemas.agency import AgencyRecorded
from schemas.child import ChildRecorded
from schemas.circumstance import CircumstanceChanged
from schemas.envelope import Event
from schemas.involvement import InvolvementRecorded
from schemas.meeting import QuoracyExcepted
from schemas.plan import PlanEnded
from schemas.relative import RelativeRecorded
from schemas.vocabulary import FIRST_YEAR
from services.directory import ever
from services.directory import store as directory
from services.foundation.history import remember
from services.foundation.work import Derived, Work
from services.meetings import store as meetings
from services.participation.handlers.answers import REVIEWED
from services.participation.held import Judged, judged
from services.participation.rules.verdict import nothing_missing, reviewed
from services.participation.store import quoracy as store

CONCERNED = "participation.concerned"  # the verdict on a meeting may be another one now
JUDGED = "participation.judged"  # the verdict on a meeting is another one now: `services.participation.rules.verdict`

EVER = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


def _concern(work: Work, meeting_ids: Iterable[str]) -> None:
    for meeting_id in sorted(meeting_ids):
        work.emit(Derived(CONCERNED, meeting_id, meeting_id, meeting_id))


async def told_of_meetings(work: Work, events: Sequence[Event | Derived]) -> None:
    """Something was told of meetings that may have been held: how, or when, or who was asked to them."""
    ids = {event.data.meeting_id for event in events}  # type: ignore[union-attr]  # all have one
    _concern(work, await meetings.held_among(work.db, ids))


async def excepted(work: Work, events: Sequence[Event]) -> None:
    """A person with the right to decide allows what an inquorate meeting may not do."""
    rows = []
    for event in events:
        said = event.data
        assert isinstance(said, QuoracyExcepted)
        rows.append(
            {
                **said.model_dump(include={"meeting_id", "allows", "by", "reason", "at"}),
                "event_source": event.source,
                "event_id": event.id,
                "known_at": work.now,
            }
        )
    await store.put_permissions(work.db, rows)
    await told_of_meetings(work, events)


async def plans_ended(work: Work, events: Sequence[Event]) -> None:
    """A plan ended, and a meeting is named as having decided it: whether it may is part of the verdict on that."""
    rows = []
    for event in events:
        ended = event.data
        assert isinstance(ended, PlanEnded)
        said = ended.model_dump(include={"plan_id", "child_id", "meeting_id", "on"})
        rows.append(said | {"event_time": event.time, "event_source": event.source, "event_id": event.id})
    plans = {row["plan_id"] for row in rows}
    concerned = await store.meetings_of_plan_ends(work.db, plans)
    await remember(work.db, store.plan_ends, "plan_id", rows, work.now)
    concerned |= await store.meetings_of_plan_ends(work.db, plans)
    _concern(work, await meetings.held_among(work.db, concerned))


async def children_told(work: Work, events: Sequence[Event]) -> None:
    """Something became known of children that was so at a meeting before."""
    since = _since((event.data.child_id, event.time) for event in events if isinstance(event.data, ChildRecorded))
    await _look_back(work, since, {each: {each} for each in since}, directory.children)


async def circumstances_told(work: Work, events: Sequence[Event]) -> None:
    """It became known that a child was in hospital before a meeting, or came home."""
    told = (event.data for event in events if isinstance(event.data, CircumstanceChanged))
    since = _since((change.child_id, change.at) for change in told)
    await _look_back(work, since, {each: {each} for each in since}, None)


async def relatives_told(work: Work, events: Sequence[Event]) -> None:
    """Something became known of a family that was so at a meeting before."""
    since = _since((event.data.person_id, event.time) for event in events if isinstance(event.data, RelativeRecorded))
    await _look_back(work, since, await _children_of(work, since), directory.relatives)


async def involvements_told(work: Work, events: Sequence[Event]) -> None:
    """It became known that an agency worked with a child or a family before a meeting, or how."""
    told = [event for event in events if isinstance(event.data, InvolvementRecorded)]
    since = _since((event.data.involvement_id, event.time) for event in told)  # type: ignore[attr-defined]
    people = await ever.people_of(work.db, since)
    children = await _children_of(work, {person for _, person in people})
    about: dict[str, set[str]] = {}
    for each, person in people:
        about.setdefault(each, set()).update(children[person])
    await _look_back(work, since, about, directory.involvements)


async def agencies_told(work: Work, events: Sequence[Event]) -> None:
    """It became known what an agency was that stands in the register of a meeting before."""
    since = _since((event.data.agency_id, event.time) for event in events if isinstance(event.data, AgencyRecorded))
    begins = _from(since, await ever.first_told(work.db, directory.agencies, since))
    concerned = set()
    for some in ([each for each in begins if begins[each] == EVER], [each for each in begins if begins[each] != EVER]):
        if some:
            found = await store.attended(work.db, some, min(begins[each] for each in some))
            concerned |= {meeting_id for meeting_id, agency_id, at in found if at >= begins[agency_id]}
    _concern(work, concerned)


def _since(told: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """The earliest moment of which something was told, by id."""
    since: dict[str, datetime] = {}
    for each, at in told:
        since[each] = min(since.get(each, at), at)
    return since


def _from(since: Mapping[str, datetime], first: Mapping[str, datetime]) -> dict[str, datetime]:
    """From when on what was told matters: what is the first to be known of something stands for the time before too."""
    return {each: EVER if first.get(each, at) >= at else at for each, at in since.items()}


async def _children_of(work: Work, people: Iterable[str]) -> dict[str, set[str]]:
    """The children to whom each of these people, children or relatives, is or once was recorded as tied."""
    found = {person: {person} for person in people}
    for person, child_id in await ever.children_of(work.db, found):
        found[person].add(child_id)
    return found


async def _look_back(
    work: Work, since: Mapping[str, datetime], children: Mapping[str, set[str]], table: Table | None
) -> None:
    """Concern the held meetings about these children that began at such a moment or later; of what is the first to be
    known of something in `table` those before it too.
    """
    by_child: dict[str, list[tuple[str, datetime]]] = {}
    about = {each for some in children.values() for each in some}
    for meeting_id, child_id, at in await store.held_about(work.db, about):
        by_child.setdefault(child_id, []).append((meeting_id, at))
    if not by_child:
        return
    begins = since if table is None else _from(since, await ever.first_told(work.db, table, since))
    _concern(
        work,
        {
            meeting_id
            for each, begin in begins.items()
            for child_id in children.get(each, ())
            for meeting_id, at in by_child.get(child_id, ())
            if at >= begin
        },
    )


async def judge_again(work: Work, events: Sequence[Derived]) -> None:
    """Judge held meetings as things stand, and those after them in their lines; keep what changed, and tell."""
    ids = {event.data for event in events}
    known = await store.verdicts_of(work.db, ids)
    found = await judged(work.db, work.policy, ids)
    later = await _after(work, ids, [*found.values()], [(each.child_ids, each.starts_at) for each in known.values()])
    if later:
        known |= await store.verdicts_of(work.db, later)
        found |= await judged(work.db, work.policy, later)
    await store.note_attendances(
        work.db, {each: (one.held.meeting.starts_at, one.held.noted) for each, one in found.items()}
    )
    now = {each: one.verdict for each, one in found.items() if one.verdict is not None}
    changed = [verdict for each, verdict in now.items() if known.get(each) != verdict]
    await store.put_verdicts(work.db, changed, known.keys() - now.keys(), work.now)
    for meeting_id, one in found.items():
        meeting = one.held.meeting
        verdict = one.verdict
        if verdict is not None and known.get(meeting_id) != verdict:
            work.emit(Derived(JUDGED, meeting_id, meeting.partition_key, verdict))
        if one.assessment is None or verdict is None:
            told = nothing_missing(meeting)
        else:
            told = reviewed(one.assessment, verdict, one.lines, work.policy.on(meeting.day))
        work.emit(Derived(REVIEWED, meeting_id, meeting.partition_key, told))


async def _after(
    work: Work,
    ids: set[str],
    found: Sequence[Judged],
    before: Iterable[tuple[Sequence[str], datetime]],
) -> set[str]:
    """The held meetings that come after these in a line, or came after them as they were known before."""
    since: dict[str, datetime] = {}
    spans = [(one.held.meeting.child_ids, one.held.meeting.starts_at) for one in found]
    for child_ids, at in [*spans, *before]:
        for child_id in child_ids:
            since[child_id] = min(since.get(child_id, at), at)
    about = await store.held_about(work.db, since)
    later = {meeting_id for meeting_id, child_id, at in about if at >= since[child_id]}
    return (later | await store.held_followers(work.db, ids)) - ids
