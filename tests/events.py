"""Invented events of every type that Quorate takes, as bytes.

Each builder fills in what a test does not care about and takes what it does as keyword arguments; a field given as
None is left out, a field that no builder knows goes into the data as it is. Every event has an id of its own, and a
time a millisecond after the one built before, so that what is built later counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from schemas.envelope import encode

SOURCE = "/tests/case-management"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""The time of the first event: a Monday."""
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A moment after every event that was not given a time of its own."""
MEETING_AT = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
"""When a meeting is that no test has said the time of: a Wednesday, ten o'clock in England."""

_numbers = count(1)
_MISSING: Any = object()


def nhs_number(number: int) -> str:
    """The `number`th valid NHS number of the test range, which begins with 999."""
    for serial in range(number * 2, 1_000_000):
        digits = f"999{serial:06d}"
        check = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return f"{digits}{check % 11}"
    raise ValueError(f"the test range has no {number}th number")


def secure(address: str, **more: Any) -> dict[str, Any]:
    """An e-mail channel that may receive anything."""
    return {"kind": "email", "address": address, "secure": True, **more}


def insecure(address: str, **more: Any) -> dict[str, Any]:
    """An e-mail channel that may receive nothing."""
    return {"kind": "email", "address": address, "secure": False, **more}


def team(team_id: str, *serves: str, name: str | None = None, channels: Sequence[Any] | None = None) -> dict[str, Any]:
    """A team of an agency, with a secure address of its own unless other channels are given."""
    return {
        "team_id": team_id,
        "name": name or f"{team_id.replace('-', ' ').capitalize()} team",
        "serves": list(serves),
        "channels": [secure(f"{team_id}@teams.nhs.example")] if channels is None else list(channels),
    }


def event(
    type_: str,
    subject: str,
    data: Mapping[str, Any],
    *,
    partition_key: str | None = None,
    time: datetime | None = None,
    id: str | None = None,
    source: str = SOURCE,
) -> bytes:
    """An event of any type; the builders below know each type's data."""
    number = next(_numbers)
    return encode(
        source=source,
        id=id or f"e{number}",
        type=type_,
        time=time or START + timedelta(milliseconds=number),
        subject=subject,
        partition_key=partition_key or subject,
        data={name: _json(value) for name, value in data.items() if value is not None},
    )


def _json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _json(each) for name, each in value.items() if each is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(each) for each in value]
    return value


def _envelope(more: dict[str, Any]) -> dict[str, Any]:
    """Take out of `more` what belongs to the envelope."""
    names = ("partition_key", "time", "id", "source")
    return {name: more.pop(name) for name in names if name in more}


def agency(
    agency_id: str = "camhs-1",
    kind: str | None = None,
    *,
    name: str | None = None,
    authority: str | None = "leicester",
    channels: Sequence[Any] | None = None,
    teams: Sequence[Any] = (),
    closed_on: date | None = None,
    **more: Any,
) -> bytes:
    """`quorate.agency.recorded.v1`: by default the kind is the id without its number ("camhs-1", "gp-2")."""
    envelope = _envelope(more)
    kind = kind or agency_id.rsplit("-", 1)[0].replace("-", "_")
    data = {
        "agency_id": agency_id,
        "kind": kind,
        "name": name or f"Example {agency_id.replace('-', ' ')}",
        "authority": authority,
        "channels": [secure(f"{agency_id}@agencies.gov.example")] if channels is None else channels,
        "teams": teams,
        "closed_on": closed_on,
        **more,
    }
    return event("quorate.agency.recorded.v1", agency_id, data, **envelope)


def child(
    child_id: str = "c1",
    *,
    family_id: str = "f1",
    authority: str = "leicester",
    initials: str = "AB",
    nhs: str | None = _MISSING,
    date_of_birth: date | None = _MISSING,
    expected_on: date | None = None,
    circumstances: Sequence[str] = (),
    placement: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
    **more: Any,
) -> bytes:
    """`quorate.child.recorded.v1`: by default eleven years old; with `expected_on` not born yet."""
    envelope = {"partition_key": family_id} | _envelope(more)
    born = None if expected_on else date(2014, 5, 5)
    digits = "".join(each for each in child_id if each.isdigit()) or "0"
    data = {
        "child_id": child_id,
        "family_id": family_id,
        "authority": authority,
        "initials": initials,
        "nhs_number": (None if expected_on else nhs_number(int(digits) % 1_000)) if nhs is _MISSING else nhs,
        "date_of_birth": born if date_of_birth is _MISSING else date_of_birth,
        "expected_on": expected_on,
        "circumstances": circumstances,
        "placement": placement,
        "flags": flags,
        **more,
    }
    return event("quorate.child.recorded.v1", child_id, data, **envelope)


def tie(child_id: str = "c1", kind: str = "mother", parental_responsibility: bool = True) -> dict[str, Any]:
    """What a relative is to one child."""
    return {"child_id": child_id, "kind": kind, "parental_responsibility": parental_responsibility}


def relative(
    person_id: str = "p1",
    *,
    family_id: str = "f1",
    relationship: Sequence[Any] | None = None,
    name: str | None = None,
    email: str | None = _MISSING,
    needs: Sequence[str] = (),
    not_with: Sequence[str] = (),
    **more: Any,
) -> bytes:
    """`quorate.relative.recorded.v1`: by default the mother of the child c1, with an address."""
    envelope = {"partition_key": family_id} | _envelope(more)
    data = {
        "person_id": person_id,
        "family_id": family_id,
        "relationship": [tie()] if relationship is None else relationship,
        "name": name or f"Relative {person_id}",
        "email": f"{person_id}@family.example" if email is _MISSING else email,
        "needs": needs,
        "not_with": not_with,
        **more,
    }
    return event("quorate.relative.recorded.v1", person_id, data, **envelope)


def involvement(
    involvement_id: str | None = None,
    *,
    person_id: str = "c1",
    agency_id: str = "camhs-1",
    service: str | None = None,
    status: str = "open",
    since: date = date(2025, 9, 1),
    until: date | None = None,
    team_id: str | None = None,
    key_worker: Mapping[str, str] | None = None,
    direct_contact: bool | None = None,
    **more: Any,
) -> bytes:
    """`quorate.involvement.recorded.v1`: by default open, one for each person and agency, of the agency's kind."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    involvement_id = involvement_id or f"i-{person_id}-{agency_id}"
    data = {
        "involvement_id": involvement_id,
        "person_id": person_id,
        "agency_id": agency_id,
        "service": service or agency_id.rsplit("-", 1)[0].replace("-", "_"),
        "status": status,
        "since": since,
        "until": until,
        "team_id": team_id,
        "key_worker": key_worker,
        "direct_contact": direct_contact,
        **more,
    }
    return event("quorate.involvement.recorded.v1", involvement_id, data, **envelope)


def meeting(
    meeting_id: str = "m1",
    kind: str = "initial_conference",
    *,
    authority: str = "leicester",
    children: Sequence[str] = ("c1",),
    starts_at: datetime = MEETING_AT,
    ends_at: datetime | None = None,
    place: str | None = "Room 1, Council House",
    joining_url: str | None = None,
    chair: Mapping[str, str] | None = None,
    organiser: Mapping[str, str] | None = None,
    follows: str | None = None,
    also_invite: Sequence[Any] = (),
    do_not_invite: Sequence[Any] = (),
    **more: Any,
) -> bytes:
    """`quorate.meeting.scheduled.v1`: by default an initial conference of two hours about the child c1."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "meeting_id": meeting_id,
        "kind": kind,
        "authority": authority,
        "children": children,
        "starts_at": starts_at,
        "ends_at": ends_at or starts_at + timedelta(hours=2),
        "place": place,
        "joining_url": joining_url,
        "chair": chair,
        "organiser": organiser or {"name": "Pat Coordinator", "email": "pat@council.gov.example"},
        "follows": follows,
        "also_invite": also_invite,
        "do_not_invite": do_not_invite,
        **more,
    }
    return event("quorate.meeting.scheduled.v1", meeting_id, data, **envelope)


def rescheduled(
    meeting_id: str = "m1",
    *,
    starts_at: datetime = MEETING_AT + timedelta(days=1),
    ends_at: datetime | None = None,
    place: str | None = None,
    joining_url: str | None = None,
    reason: str | None = None,
    **more: Any,
) -> bytes:
    """`quorate.meeting.rescheduled.v1`: by default to the day after."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "meeting_id": meeting_id,
        "starts_at": starts_at,
        "ends_at": ends_at or starts_at + timedelta(hours=2),
        "place": place,
        "joining_url": joining_url,
        "reason": reason,
        **more,
    }
    return event("quorate.meeting.rescheduled.v1", meeting_id, data, **envelope)


def cancelled(meeting_id: str = "m1", *, reason: str = "The chair is ill.", **more: Any) -> bytes:
    """`quorate.meeting.cancelled.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {"meeting_id": meeting_id, "reason": reason, **more}
    return event("quorate.meeting.cancelled.v1", meeting_id, data, **envelope)


def attended(agency_id: str, status: str = "present", **more: Any) -> dict[str, Any]:
    """One agency's attendance."""
    return {"agency_id": agency_id, "status": status, **more}


def held(
    meeting_id: str = "m1",
    *,
    held_at: datetime = MEETING_AT,
    attendance: Sequence[Any] = (),
    outcome: Sequence[str] = (),
    core_group: Sequence[str] = (),
    **more: Any,
) -> bytes:
    """`quorate.meeting.held.v1`: by default nobody's attendance is noted."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "meeting_id": meeting_id,
        "held_at": held_at,
        "attendance": attendance,
        "outcome": outcome,
        "core_group": core_group,
        **more,
    }
    return event("quorate.meeting.held.v1", meeting_id, data, **envelope)


def answered(
    meeting_id: str = "m1",
    *,
    agency_id: str | None = "camhs-1",
    answer: str = "accepted",
    at: datetime = NOW,
    **more: Any,
) -> bytes:
    """`quorate.invitation.answered.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {"meeting_id": meeting_id, "agency_id": agency_id, "answer": answer, "at": at, **more}
    return event("quorate.invitation.answered.v1", meeting_id, data, **envelope)


def _of_invitation(name: str, meeting_id: str, data: dict[str, Any], more: dict[str, Any]) -> bytes:
    """An event about the invitation of CAMHS, unless `more` names another party."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    party = {} if "person_id" in more else {"agency_id": "camhs-1"}
    return event(name, meeting_id, {"meeting_id": meeting_id, **party, "at": NOW, **data, **more}, **envelope)


def countered(meeting_id: str = "m1", *, starts_at: datetime, ends_at: datetime, **more: Any) -> bytes:
    """`quorate.invitation.countered.v1`."""
    times = {"starts_at": starts_at, "ends_at": ends_at}
    return _of_invitation("quorate.invitation.countered.v1", meeting_id, times, more)


def requested(meeting_id: str = "m1", **more: Any) -> bytes:
    """`quorate.invitation.requested.v1`."""
    return _of_invitation("quorate.invitation.requested.v1", meeting_id, {}, more)


def bounced(meeting_id: str = "m1", *, address: str, status: str = "5.1.1", **more: Any) -> bytes:
    """`quorate.invitation.bounced.v1`: for good, unless said otherwise."""
    data = {"address": address, "status": status, "permanent": True}
    return _of_invitation("quorate.invitation.bounced.v1", meeting_id, data, more)


def received(meeting_id: str = "m1", *, address: str, **more: Any) -> bytes:
    """`quorate.invitation.received.v1`."""
    return _of_invitation("quorate.invitation.received.v1", meeting_id, {"address": address}, more)


def excepted(meeting_id: str = "m1", allows: str = "inquorate_again", **more: Any) -> bytes:
    """`quorate.quoracy.excepted.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    said = {"by": "Head of safeguarding", "reason": "Delay would do harm.", "at": NOW}
    data = {"meeting_id": meeting_id, "allows": allows, **said, **more}
    return event("quorate.quoracy.excepted.v1", meeting_id, data, **envelope)


def observed(
    meeting_id: str = "m1",
    *,
    agency_id: str = "camhs-1",
    address: str = "camhs-1@agencies.gov.example",
    at: datetime = NOW,
    evidence: str | None = None,
    **more: Any,
) -> bytes:
    """`quorate.invitation.observed.v1`: an invitation that another system sent."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "meeting_id": meeting_id,
        "agency_id": agency_id,
        "address": address,
        "at": at,
        "evidence": evidence,
        **more,
    }
    return event("quorate.invitation.observed.v1", meeting_id, data, **envelope)


def report(
    meeting_id: str = "m1",
    *,
    agency_id: str = "camhs-1",
    document_id: str = "d1",
    kind: str = "report",
    at: datetime = NOW,
    **more: Any,
) -> bytes:
    """`quorate.report.received.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "meeting_id": meeting_id,
        "agency_id": agency_id,
        "document_id": document_id,
        "kind": kind,
        "at": at,
        **more,
    }
    return event("quorate.report.received.v1", document_id, data, **envelope)


def section(
    text: str = "Nothing of note.",
    *,
    heading: str = "Summary",
    audience: Any = "everyone",
    children: Sequence[str] = (),
) -> dict[str, Any]:
    """One section of a record."""
    return {"heading": heading, "audience": audience, "children": children, "text": text}


def record(
    record_id: str = "r1",
    *,
    meeting_id: str = "m1",
    kind: str = "minutes",
    version: int = 1,
    approved_by: str = "Pat Coordinator",
    sections: Sequence[Any] | None = None,
    **more: Any,
) -> bytes:
    """`quorate.record.approved.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {
        "record_id": record_id,
        "meeting_id": meeting_id,
        "kind": kind,
        "version": version,
        "approved_by": approved_by,
        "sections": [section()] if sections is None else sections,
        **more,
    }
    return event("quorate.record.approved.v1", record_id, data, **envelope)


def recalled(
    record_id: str = "r1",
    *,
    meeting_id: str = "m1",
    reason: str = "It went to the wrong people.",
    by: str = "Pat Coordinator",
    **more: Any,
) -> bytes:
    """`quorate.record.recalled.v1`: by default every version, from everyone."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {"record_id": record_id, "meeting_id": meeting_id, "reason": reason, "by": by, **more}
    return event("quorate.record.recalled.v1", record_id, data, **envelope)


def dispatch_opened(dispatch_id: str, *, at: datetime = START, **more: Any) -> bytes:
    """`quorate.dispatch.opened.v1`."""
    return _of_a_dispatch("opened", dispatch_id, at, more)


def dispatch_confirmed(
    dispatch_id: str, what: str = "filed", *, at: datetime = START, how: str = "page", **more: Any
) -> bytes:
    """`quorate.dispatch.confirmed.v1`."""
    return _of_a_dispatch("confirmed", dispatch_id, at, {"what": what, "how": how, **more})


def dispatch_bounced(
    dispatch_id: str,
    *,
    address: str,
    status: str = "5.1.1",
    permanent: bool = True,
    at: datetime = START,
    **more: Any,
) -> bytes:
    """`quorate.dispatch.bounced.v1`."""
    more = {"address": address, "status": status, "permanent": permanent, **more}
    return _of_a_dispatch("bounced", dispatch_id, at, more)


def dispatch_received(dispatch_id: str, *, address: str, at: datetime = START, **more: Any) -> bytes:
    """`quorate.dispatch.received.v1`."""
    return _of_a_dispatch("received", dispatch_id, at, {"address": address, **more})


def _of_a_dispatch(what: str, dispatch_id: str, at: datetime, more: dict[str, Any]) -> bytes:
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {"dispatch_id": dispatch_id, "at": at, **more}
    return event(f"quorate.dispatch.{what}.v1", dispatch_id, data, **envelope)


def plan_started(plan_id: str = "plan-1", *, child_id: str = "c1", on: date = date(2026, 4, 1), **more: Any) -> bytes:
    """`quorate.plan.started.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    return event(
        "quorate.plan.started.v1", plan_id, {"plan_id": plan_id, "child_id": child_id, "on": on, **more}, **envelope
    )


def plan_ended(plan_id: str = "plan-1", *, child_id: str = "c1", on: date = date(2026, 10, 1), **more: Any) -> bytes:
    """`quorate.plan.ended.v1`."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    return event(
        "quorate.plan.ended.v1", plan_id, {"plan_id": plan_id, "child_id": child_id, "on": on, **more}, **envelope
    )


def circumstance(
    child_id: str = "c1",
    what: str = "hospital_admission",
    *,
    at: datetime = START,
    detail: str | None = None,
    **more: Any,
) -> bytes:
    """`quorate.circumstance.changed.v1`: by default the child is admitted to hospital."""
    envelope = {"partition_key": "f1"} | _envelope(more)
    data = {"child_id": child_id, "what": what, "at": at, "detail": detail, **more}
    return event("quorate.circumstance.changed.v1", child_id, data, **envelope)
