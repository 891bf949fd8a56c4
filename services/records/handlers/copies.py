"""What an approved record does: it is decided for each reader what they get, and what they get is printed and queued.

A handler decides and stores. The press (`services.records.press`) makes the documents of what is to go, and puts the
letters that carry them into the outbox; the mailer takes them from there. What an approved version means for those who
have an earlier one is for `services.records.rules.versions` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, NamedTuple

from schemas.envelope import Event
from schemas.outcomes import RecordDistributed
from schemas.persons import same_person
from schemas.record import RecordApproved
from services.foundation import outbox
from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED, Attempt
from services.foundation.work import Derived, Work
from services.meetings.rules.words import earlier
from services.records.by_mesh import copies_by_mesh, queue_parcels, told_by_mail
from services.records.handlers.readdress import readdress
from services.records.handlers.review import look
from services.records.letters.queueing import queue, queue_recalls
from services.records.readers import Around, around
from services.records.rules.copies import Copy, content_name, copies
from services.records.rules.dispatch import (
    ATTACHMENT,
    EMAIL,
    IN_DOUBT,
    KEPT,
    LINK,
    MESH,
    NO_LINK,
    NOT_PERMITTED,
    OVERTAKEN,
    PRINTING,
    QUEUED,
    RECALLED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    dispatch_id,
    line_of,
    opens_until,
)
from services.records.rules.record import Reader, Record
from services.records.rules.versions import Step, decide, silent
from services.records.store import dispatches, records
from services.records.theirs import is_shut_to

PRINT = "record"  # the name of the row that asks the press for the copies of one version
DECIDED = "records.decided"  # it was decided, or decided anew, who gets which part of a version
REFUSED = "address_refused"

_CHANGES = (
    *("dispatch_id", "address", "how", "state", "why", "decided", "content", "document_id", "written_at"),
    *("sent_at", "delivered_at", "ended_at", "expires_at"),
)


async def approved(work: Work, events: Sequence[Event]) -> None:
    """Keep each version, and decide who gets which part of it.

    Of one number the first text counts. The same text again, and now checked by a second person, lets the family have
    theirs, and so does a reason why somebody stood in for the chair. Another text under the number goes to nobody, and
    a person is told; so is one under the id of a record of another meeting or kind. A version that is older than one
    that is known is kept, and goes to nobody.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, RecordApproved)]
    known = await records.of_records(work.db, {each.record_id for _, each in told})
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    again: list[Event] = []
    belongs = {
        record_id: (one.meeting_id, one.kind) for record_id, versions in known.items() for one in versions.values()
    }
    for event, each in told:
        name = (each.record_id, each.version)
        of = belongs.setdefault(each.record_id, (each.meeting_id, each.kind))
        if each.version in known.get(each.record_id, {}) or name in rows or of != (each.meeting_id, each.kind):
            again.append(event)
            continue
        payload = each.model_dump(mode="json")
        rows[name] = records.row_of(payload, event.time, event.source, event.id, work.now)
    await records.put(work.db, list(rows.values()))
    changed = {record_id for record_id, _ in rows} | await _said_again(work, again)
    await distribute(work, changed)


async def _said_again(work: Work, events: Sequence[Event]) -> set[str]:
    """Versions whose number is taken, or whose record is another one; returns the records about which that changes
    anything.
    """
    told = [(event, event.data) for event in events if isinstance(event.data, RecordApproved)]
    known = await records.of_records(work.db, {said.record_id for _, said in told})
    other: dict[tuple[str, int], dict[str, Any]] = {}
    checked: dict[tuple[str, int], dict[str, Any]] = {}
    stood_in: dict[tuple[str, int], dict[str, Any]] = {}
    earlier: dict[tuple[str, int], dict[str, Any]] = {}
    unlike: set[str] = set()
    for event, said in told:  # one after the other, since each may be about the same version as the one before
        versions = known[said.record_id]
        record = versions.get(said.version) or versions[max(versions)]
        key, name = (record.record_id, record.version), {"record_id": record.record_id, "version": record.version}
        if not _is_the_same(record, said):
            other[key] = name | {"other_text_at": event.time, "other_text_event_source": event.source}
            other[key]["other_text_event_id"] = event.id
            unlike.add(record.meeting_id)
            continue
        if said.checked_by is not None and _checks_more(record, said.checked_by):
            checked[key] = name | {"checked_by": said.checked_by, "checked_at": event.time}
            checked[key] |= {"checked_event_source": event.source, "checked_event_id": event.id}
            record = replace(record, checked_by=said.checked_by)
        if said.in_place_of_chair is not None and record.in_place_of_chair is None:
            stood_in[key] = name | {"in_place_of_chair": said.in_place_of_chair}
            record = replace(record, in_place_of_chair=said.in_place_of_chair)
        if event.time < record.approved_at:
            earlier[key] = name | {"approved_at": event.time}
            record = replace(record, approved_at=event.time)
        versions[record.version] = record
    for rows in (other, checked, stood_in, earlier):
        await records.set_columns(work.db, list(rows.values()))
    if unlike:
        await look(work, unlike)
    return {record_id for record_id, _ in checked.keys() | stood_in.keys() | earlier.keys()}


def _checks_more(record: Record, checked_by: str) -> bool:
    """Whether that somebody checked it says more than is known: nobody was named, or who may be whoever approved it."""
    return record.checked_by is None or (not record.is_checked and replace(record, checked_by=checked_by).is_checked)


def _is_the_same(record: Record, said: RecordApproved) -> bool:
    """Whether a version says what it said before, by the same chair; and is not checked by whoever approved it."""
    payload = said.model_dump(mode="json")
    return (
        (record.meeting_id, record.kind) == (said.meeting_id, said.kind)
        and same_person(record.approved_by, said.approved_by)
        and record.sections == records.sections_of(payload["sections"])
        and (said.checked_by is None or not same_person(record.approved_by, said.checked_by))
    )


def everyone(_: Step) -> bool:
    """It is decided for everyone."""
    return True


def only_new_readers(step: Step) -> bool:
    """It is decided for nobody of whom it was decided before."""
    return step.dispatch is None


async def distribute(work: Work, record_ids: Iterable[str], whose: Callable[[Step], bool] = everyone) -> None:
    """Decide for every reader of the newest versions of these records what they get, and have it printed. What was
    decided of them before, and has left, stays as it is. Where it is not a person's approval that leads here, `whose`
    says about whom it does: what was kept from others goes to them by a person's doing, and not on that occasion.
    """
    known = await records.of_records(work.db, record_ids)
    newest = {record_id: versions[max(versions)] for record_id, versions in known.items()}
    about = await around(work.db, work.policy, {each.meeting_id for each in newest.values()})
    standing = await dispatches.about(work.db, known)
    recalls = await records.recalls_of(work.db, known)
    older = [each for of in standing.values() for each in of if each.version < newest[each.about].version]
    unsure = set(await stop(work, older))
    decided: list[Decided] = []
    for record_id, record in newest.items():
        where, before = about[record.meeting_id], standing.get(record_id, [])
        ways = {
            EMAIL: (copies(record, where.readers, where.matter), [each for each in before if each.channel != MESH]),
            MESH: copies_by_mesh(work, record, where, [each for each in before if each.channel == MESH]),
        }
        taken, is_silent = recalls.get(record_id, ()), silent(where.matter, where.readers)
        shut = is_shut_to(where, known[record_id], record)
        by_mail, by_mesh = (
            [*filter(whose, decide(known[record_id], *ways[way], taken, is_silent, unsure, shut, lacks))]
            for way, lacks in ((EMAIL, partial(lacks_link, work)), (MESH, lambda _: False))
        )
        decided.append(Decided(record, where, by_mail))
        decided.append(Decided(record, where, told_by_mail(by_mesh, by_mail), MESH))
        work.emit(Derived(DECIDED, record.record_id, where.meeting.partition_key, record))
    fresh = await apply(work, decided)
    ask_for_print(work, [newest[each.about] for each in fresh if each.state == PRINTING])
    there = {each.dispatch_id for of in standing.values() for each in of}
    await dispatches.put(work.db, [each for each in fresh if each.dispatch_id not in there])


def ask_for_print(work: Work, some: Iterable[Record]) -> None:
    """Ask the press for the copies of these versions, once for each."""
    for record in {(each.record_id, each.version): each for each in some}.values():
        params = {"record_id": record.record_id, "version": record.version, "meeting_id": record.meeting_id}
        work.print(PRINT, f"{record.record_id}:{record.version}", params)


class Decided(NamedTuple):
    """What was decided about the dispatches of one record that go by one channel."""

    record: Record
    where: Around
    steps: Sequence[Step]
    channel: str = EMAIL


async def apply(work: Work, decided: Sequence[Decided]) -> list[Dispatch]:
    """Do what was decided about the dispatches of some records; returns those that were decided now, for whoever adds
    the new ones among them.
    """
    mine = [(each, step.dispatch) for each in decided for step in each.steps if step.dispatch is not None]
    in_hand = await stop(work, [dispatch for each, dispatch in mine if dispatch.version == each.record.version])
    fresh: list[Dispatch] = []
    ended: list[dict[str, Any]] = []
    told: list[Dispatch] = []
    for of in decided:
        for step in of.steps:
            each = step.dispatch
            if each is not None and step.what in ("overtake", "withdraw"):
                state = OVERTAKEN if step.what == "overtake" else RECALLED
                ended.append({"dispatch_id": each.dispatch_id, "state": state, "why": step.why, "ended_at": work.now})
                if step.told:
                    told.append(each)
            elif each is not None and in_hand.get(each.dispatch_id):
                continue  # it is on its way as it was decided; how that ends is noted, and decided upon then
            elif step.copy is None and each is not None:
                withheld = {"state": WITHHELD, "why": step.why, "ended_at": work.now}
                ended.append({"dispatch_id": each.dispatch_id, **withheld})
            elif step.copy is not None:
                fresh.append(_dispatch(work, of, step, step.copy))
    await dispatches.set_columns(work.db, ended)
    renewed = {dispatch.dispatch_id for _, dispatch in mine}
    await dispatches.set_columns(
        work.db, [{name: getattr(e, name) for name in _CHANGES} for e in fresh if e.dispatch_id in renewed]
    )
    await queue_recalls(work, told)
    return fresh


async def stop(work: Work, some: Sequence[Dispatch]) -> dict[str, bool]:
    """Keep the letters of these from leaving; returns the dispatches of which one may have left all the same, and
    whether it may leave yet, since a mailer has it in hand.
    """
    queued = {each.dispatch_id: each for each in some if each.state == QUEUED}
    lines = {line_of(each.kind, each.about, each.party, each.channel) for each in queued.values()}
    waiting = [each for each in await outbox.waiting_under(work.db, lines) if each.params.get("dispatch_id") in queued]
    taken = await outbox.take_back_rows(work.db, [each.outbox_id for each in waiting], work.now)
    return {
        each.params["dispatch_id"]: each.outbox_id not in taken for each in waiting if taken.get(each.outbox_id, True)
    }


def _dispatch(work: Work, of: Decided, step: Step, copy: Copy) -> Dispatch:
    record, channel, reader = of.record, of.channel, copy.reader
    way = ATTACHMENT if channel == MESH else how(work, reader)
    state, why = {
        "write": (PRINTING, None),
        "keep": (KEPT, None),
        "recall": (RECALLED, step.why),
        "withhold": (WITHHELD, step.why),
    }[step.what]
    opens_for = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    if state == PRINTING and channel == EMAIL and lacks_link(work, reader):
        state, why = WITHHELD, NO_LINK
    goes = state == PRINTING
    return Dispatch(
        dispatch_id=dispatch_id(RECORD, record.record_id, record.version, reader.party, channel),
        kind=RECORD,
        about=record.record_id,
        version=record.version,
        meeting_id=record.meeting_id,
        child_id=None,
        partition_key=of.where.meeting.partition_key,
        party=reader.party,
        agency_id=reader.agency_id,
        person_id=reader.person_id,
        team_id=reader.team_id,
        channel=channel,
        address=reader.address if goes else None,
        how=way,
        state=state,
        why=why,
        decided=[asdict(each) for each in copy.sections],
        content=content_name(record, copy) if goes else None,
        document_id=None,
        written_at=work.now,
        ended_at=None if goes else work.now,
        expires_at=opens_until(work.now, opens_for) if goes and opens_for is not None else None,
    )


def how(work: Work, reader: Reader) -> str:
    """Whether a reader gets the copy itself or a link to it: itself only an agency at an address that was verified,
    not too long ago, and that the policy does not give links to.
    """
    groups, today = work.policy.groups, london_date(work.now)
    if reader.is_family or reader.kind in groups.record_by_link or reader.agency_id in groups.record_by_link_to:
        return LINK
    least = work.policy.on(today).number("address_verified_for")
    if reader.verified_on is None or least is None or reader.verified_on < earlier(today, least):
        return LINK
    return ATTACHMENT


def lacks_link(work: Work, reader: Reader) -> bool:
    """Whether a reader would get a link, and none can be made."""
    opens_for = work.policy.on(london_date(work.now)).number("record_link_opens_for")
    return how(work, reader) == LINK and (opens_for is None or not work.settings.links_can_be_opened)


async def printed(work: Work, made: Mapping[str, str], shown: Mapping[str, dict[str, Any]]) -> None:
    """Copies were printed: `made` names the document of each dispatch, `shown` says what its front page shows. They are
    queued, unless something has taken their place meanwhile.
    """
    some = await dispatches.by_ids(work.db, made)
    going = [
        replace(each, document_id=made[each.dispatch_id], state=QUEUED, shown=shown[each.dispatch_id])
        for each in some.values()
        if each.state == PRINTING
    ]
    await dispatches.set_columns(
        work.db,
        [{name: getattr(e, name) for name in ("dispatch_id", "state", "document_id", "shown")} for e in going],
    )
    await queue(work, going)
    await queue_parcels(work, going)


async def settled(work: Work, attempts: Sequence[Attempt]) -> None:
    """Note how attempts at sending copies ended, and tell. What a mailer had in hand when it was overtaken or taken
    back is noted as sent, and stays what it is: its reader hears of that in a letter that goes after it.
    """
    some = await dispatches.by_ids(work.db, {attempt.row.params["dispatch_id"] for attempt in attempts})
    sent: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    failed: dict[str, Dispatch] = {}
    for attempt in attempts:
        each = some.get(attempt.row.params["dispatch_id"])
        if each is None or attempt.state == "pending" or attempt.row.params["to"] != each.address:
            continue
        if attempt.state == "sent":
            if each.state == QUEUED:
                sent.append({"dispatch_id": each.dispatch_id, "state": SENT, "sent_at": attempt.at})
            elif each.state in (OVERTAKEN, RECALLED):
                late.append({"dispatch_id": each.dispatch_id, "sent_at": attempt.at})
            else:
                continue
            _tell_distributed(work, each, attempt)
        elif each.state == QUEUED and attempt.reason != NOT_WANTED:
            kept_back = attempt.reason == NOT_PERMITTED
            state, why = (WITHHELD if kept_back else UNDELIVERED), attempt.reason
            if kept_back and attempt.row.may_have_left:
                state, why = UNDELIVERED, IN_DOUBT
            failed[each.dispatch_id] = replace(each, state=state, why=why, ended_at=attempt.at)
    await dispatches.set_columns(work.db, sent)
    await dispatches.note_first(work.db, "sent_at", late)
    names = ("dispatch_id", "state", "why", "ended_at")
    await dispatches.set_columns(work.db, [{name: getattr(e, name) for name in names} for e in failed.values()])
    await readdress(work, [each for each in failed.values() if each.why == REFUSED], how)
    if failed:
        await look(work, _meetings(failed.values()))


def _tell_distributed(work: Work, each: Dispatch, attempt: Attempt) -> None:
    if each.kind != RECORD or each.meeting_id is None:
        return
    told = RecordDistributed(
        record_id=each.about,
        meeting_id=each.meeting_id,
        version=each.version,
        agency_id=each.agency_id,
        person_id=each.person_id,
        at=attempt.at,
    )
    work.emit(Derived("quorate.record.distributed.v1", each.meeting_id, each.partition_key, told))


def _meetings(some: Collection[Dispatch]) -> set[str]:
    return {each.meeting_id for each in some if each.meeting_id is not None}
