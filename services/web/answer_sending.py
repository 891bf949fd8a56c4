"""Makes an event of what was sent from the answer page, once, and takes it in by the path of all events."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from schemas.envelope import encode
from services.intake.accept import Arrival
from services.participation.store import documents as store
from services.running.process import Process
from services.web.answer_link import Opened
from services.web.door import RETRY_AFTER, Problem

log = structlog.get_logger()

SOURCE = "/quorate/answer-page"
ANSWERED, RECEIVED = "quorate.invitation.answered.v1", "quorate.report.received.v1"
_NONCE = re.compile(r"[0-9a-f]{32}")


def sending_id(opened: Opened, nonce: str, said: Mapping[str, Any]) -> str:
    """The name of one thing sent: the same for the same words from the same page, as a second click sends them."""
    if not _NONCE.fullmatch(nonce):
        raise Problem(400, "Not a form", "Use the form on the page.")
    text = json.dumps([opened.invitation.invitation_id, nonce, said], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


async def send(process: Process, opened: Opened, kind: str, event_id: str, said: Mapping[str, Any]) -> bool:
    """Take an event in, unless it was before; returns whether it is a new one. What it says besides `said` follows from
    the link: whose it is, about which meeting, and when it was first sent.
    """
    house = process.house
    if process.stopping.is_set():
        again = {"Retry-After": RETRY_AFTER}
        raise Problem(503, "Not available now", "This is being restarted. Try again in a minute.", again)
    at = opened.now
    if opened.counts is not None:  # which the reader has before them: what is said now is the later word
        at = max(at, opened.counts.at + timedelta(microseconds=1))
    async with house.database.write() as db:
        at = await store.first_sent(db, event_id, at)
    raw = _event(opened, kind, event_id, at, said)
    [verdict] = await house.intake.accept([Arrival(raw, {"http": "answer page"})])
    process.metrics.events.labels(verdict.state).inc()
    process.wake()
    if verdict.state == "rejected":
        log.error("answer_page_wrote_no_event", paths=[error.path for error in verdict.errors])
        raise Problem(
            500, "Sorry, there is a problem", "What you sent could not be taken in. A person will look at it."
        )
    return verdict.state != "known"


def _event(opened: Opened, kind: str, event_id: str, at: datetime, said: Mapping[str, Any]) -> bytes:
    invitation = opened.invitation
    about = {
        "meeting_id": invitation.meeting_id,
        "agency_id": invitation.agency_id,
        "person_id": invitation.person_id,
        "team_id": invitation.team_id,
    }
    data = {name: value for name, value in about.items() if value is not None}
    return encode(
        source=SOURCE,
        id=event_id,
        type=kind,
        time=at,
        subject=str(said.get("document_id", invitation.meeting_id)),
        partition_key=opened.meeting.partition_key,
        data={**data, **said, "at": at.isoformat()},
    )
