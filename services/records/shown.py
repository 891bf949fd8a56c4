"""One record, and what was told of one child's plans, as a coordinator looks at them: who has what, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Cause
from services.meetings.rules import CHILD, RELATIVE
from services.records.due import filing
from services.records.readers import around
from services.records.rules.dispatch import DELIVERED, IN_DOUBT, RECORD, SENT, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.own_copies import Today, copies_of, had_since, why_it_ended
from services.records.rules.receipts import OPENED, state
from services.records.rules.record import Record
from services.records.rules.why import RIGHTLY_WITHHELD, why_in_words_today
from services.records.store import dispatches, receipts
from services.records.store.receipts import Receipt
from services.records.store.records import of_records as versions_of
from services.records.store.records import recalls, recalls_of, records
from services.records.today import today

STATES = {
    "withheld": "nothing sent",
    "queued": "to be sent",
    "sent": "sent",
    "delivered": "delivered",
    "opened": "opened",
    "filed": "filed",
    "acknowledged": "acknowledged",
    "undelivered": "not delivered",
    "overtaken": "overtaken",
    "recalled": "taken back",
    "kept": "same as before",
}
UNKNOWN = "not known to have arrived"


async def shown_record(db: AsyncConnection, policy: Policy, record_id: str) -> dict[str, Any] | None:
    """A record with its versions and every copy; None where there is no such record.

    `{record_id, meeting_id, kind, versions, copies, recalls}`. A version: `{version, approved_by, approved_at,
    in_place_of_chair?, checked_by?, checked_at?, event, sections: [{number, heading, children, audience}]}`. A copy,
    the newest version first: `{dispatch_id, version, agency_id or person_id, team_id?, name, kind, state, text, at,
    how, address?, written_at, sent_at?, delivered_at?, opened_at?, confirmed_at?, file_by?, openings, heard, sections,
    document_id?}`.
    """
    known = (await versions_of(db, [record_id])).get(record_id)
    if not known:
        return None
    rows = (await db.execute(select(records).where(records.c.record_id == record_id))).mappings()
    about = {row["version"]: row for row in rows}
    taken = (
        await db.execute(select(recalls).where(recalls.c.record_id == record_id).order_by(recalls.c.at))
    ).mappings()
    some = [e for e in (await dispatches.about(db, [record_id])).get(record_id, ()) if e.kind == RECORD]
    heard = await receipts.of_dispatches(db, [each.dispatch_id for each in some])
    names = await names_of(db, policy, some)
    # What did not come stands first, then the family.
    some.sort(key=lambda e: (-e.version, e.state != UNDELIVERED, e.person_id is None, names[e.party]["name"]))
    first = known[min(known)]
    kept = await _today(db, policy, record_id, known, some)
    return {
        "record_id": record_id,
        "meeting_id": first.meeting_id,
        "kind": first.kind,
        "versions": [_version(known[number], about[number]) for number in sorted(known, reverse=True)],
        "copies": [
            _copy(
                policy,
                each,
                names[each.party],
                known.get(each.version),
                heard.get(each.dispatch_id, ()),
                kept.get(each.dispatch_id),
            )
            for each in some
        ],
        "recalls": [_recall(row) for row in taken],
    }


async def _today(
    db: AsyncConnection, policy: Policy, record_id: str, known: Mapping[int, Record], some: Sequence[Dispatch]
) -> dict[str, Today]:
    """What holds today of what did not reach its reader, by dispatch: nobody is told to reach them with what they may
    not have.
    """
    if not any(each.state in {UNDELIVERED, WITHHELD} for each in some):
        return {}
    meeting_id = known[min(known)].meeting_id
    about = (await around(db, policy, [meeting_id])).get(meeting_id)
    if about is None:
        return {}
    taken_back = (await recalls_of(db, [record_id])).get(record_id, ())
    found: dict[str, Today] = {}
    for copies in copies_of(known.values(), some, ()):
        now = today(copies, known, about, taken_back)
        if now is not None:
            found |= {each.dispatch_id: now for each in copies.some if each.state in {UNDELIVERED, WITHHELD}}
    return found


async def names_of(db: AsyncConnection, policy: Policy, some: Iterable[Dispatch]) -> dict[str, dict[str, str]]:
    """The name and the kind, in words, of whoever things were sent to, by party; the team is part of the name."""
    sent = list(some)
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in sent if each.agency_id})
    ids = {each.person_id for each in sent if each.person_id}
    people, children = await directory.relatives_by_id(db, ids), await directory.children_by_id(db, ids)
    found = {}
    for each in sent:
        agency, person = agencies.get(each.agency_id or ""), people.get(each.person_id or "")
        if agency is not None:
            team = next((team.name for team in agency.teams if team.team_id == each.team_id), None)
            name = f"{agency.name}, {team}" if team else agency.name
            found[each.party] = {"name": name, "kind": policy.agency_name(agency.kind)}
        else:
            child = children.get(each.person_id or "")
            is_child = child is not None or any(tie.kind == "self" for tie in (person.relationships if person else ()))
            name = person.name if person else child.initials if child else each.agency_id or each.person_id or ""
            found[each.party] = {"name": name, "kind": CHILD if is_child else RELATIVE if each.person_id else ""}
    return found


def _version(record: Record, row: Mapping[Any, Any]) -> dict[str, Any]:
    checked = {"checked_by": row["checked_by"], "checked_at": row["checked_at"]}
    return {
        "version": record.version,
        "approved_by": record.approved_by,
        "approved_at": record.approved_at.isoformat(),
        **({"in_place_of_chair": record.in_place_of_chair} if record.in_place_of_chair else {}),
        "event": _event(record.cause),
        **{name: _text(value) for name, value in checked.items() if value is not None},
        **({"another_text_at": row["other_text_at"].isoformat()} if row["other_text_at"] else {}),
        "sections": [
            {
                "number": number,
                "heading": section["heading"],
                "children": section["children"],
                "audience": section["audience"],
            }
            for number, section in enumerate(row["sections"], 1)
        ],
    }


def _recall(row: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("version", "agency_id", "person_id", "reason", "by", "at")
    event = {"event": {"source": row["event_source"], "id": row["event_id"]}}
    return {name: _text(row[name]) for name in names if row[name] is not None} | event


def _copy(
    policy: Policy,
    each: Dispatch,
    name: Mapping[str, str],
    record: Record | None,
    heard: Sequence[Receipt],
    today: Today | None,
) -> dict[str, Any]:
    stands, at = state(each)
    ids = ("agency_id", "person_id", "team_id")
    moments = ("written_at", "sent_at", "delivered_at", "opened_at", "confirmed_at")
    why_not = why_it_ended(each) or (today.why_not if today is not None and today.why_not in RIGHTLY_WITHHELD else None)
    why = f": {why_in_words_today(why_not, each.person_id is not None, today)}" if why_not else ""
    since = had_since(each) if each.agency_id is not None and stands in (SENT, DELIVERED, OPENED) else None
    due = filing(policy, since) if since is not None else None
    return {
        "dispatch_id": each.dispatch_id,
        "version": each.version,
        **{key: value for key in ids if (value := getattr(each, key)) is not None},
        **name,
        "state": stands,
        "text": f"{STATES[stands] if why_not != IN_DOUBT else UNKNOWN}{why}",
        "at": at.isoformat(),
        "how": each.how,
        "channel": each.channel,
        **({"address": each.address} if each.address else {}),
        **{key: value.isoformat() for key in moments if (value := getattr(each, key)) is not None},
        **({"file_by": due.last_day.isoformat()} if due is not None and due.last_day is not None else {}),
        "openings": [{"at": one.at.isoformat(), "event": _event(one.cause)} for one in heard if one.what == "opened"],
        "heard": [
            {
                "what": one.what,
                "at": one.at.isoformat(),
                **({"detail": one.detail} if one.detail else {}),
                "event": _event(one.cause),
            }
            for one in heard
            if one.what != "opened"
        ],
        "sections": [_decided(each, decided, record) for decided in each.decided or ()],
        **({"document_id": each.document_id} if each.document_id else {}),
    }


def _decided(each: Dispatch, decided: Mapping[str, Any], record: Record | None) -> dict[str, Any]:
    """What was decided of one section for one reader, as the rule of copies wrote it."""
    return {
        "number": decided["number"] + 1,
        "heading": record.sections[decided["number"]].heading if record is not None else "",
        "whole": decided["why_not"] is None and each.document_id is not None,
        **({"why_not": decided["why_not"], "text": decided["text"]} if decided["why_not"] else {}),
    }


def _event(cause: Cause) -> dict[str, str]:
    return {"source": cause.source, "id": cause.id}


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
