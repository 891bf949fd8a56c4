"""Makes events of what was done by a link, once each, and takes them in by the path of all events."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import structlog

from schemas.envelope import encode
from services.intake.accept import Arrival
from services.participation.store import documents
from services.running.process import Process
from services.web.door import RETRY_AFTER, Problem
from services.web.record_link import Opened

log = structlog.get_logger()

SOURCE = "/quorate/record-page"
OPENED, CONFIRMED = "quorate.dispatch.opened.v1", "quorate.dispatch.confirmed.v1"


def not_while_stopping(process: Process) -> None:
    """Raises `Problem` where this process takes nothing in any more."""
    if process.stopping.is_set():
        again = {"Retry-After": RETRY_AFTER}
        raise Problem(503, "Not available now", "This is being restarted. Try again in a minute.", again)


async def tell_opened(process: Process, opened: Opened, nonce: str, at: datetime) -> None:
    """Tell that a document was given out; `at` is the moment that this opening counts under."""
    await _send(process, opened, OPENED, _name(opened, "opened", nonce, at.isoformat()), at, {})


async def tell_confirmed(process: Process, opened: Opened, what: str, by: str | None) -> None:
    """Tell what the reader confirms, at the moment when it was first sent: a second click is the same event."""
    event_id = _name(opened, what, by or "")
    async with process.house.database.write() as db:
        at = await documents.first_sent(db, event_id, opened.now)
    said = {"what": what, "how": "page", **({"by": by} if by else {})}
    await _send(process, opened, CONFIRMED, event_id, at, said)


def _name(opened: Opened, *about: str) -> str:
    return hashlib.sha256(json.dumps([opened.dispatch.dispatch_id, *about]).encode()).hexdigest()[:40]


async def _send(process: Process, opened: Opened, kind: str, event_id: str, at: datetime, said: dict[str, Any]) -> None:
    dispatch = opened.dispatch
    about = {"meeting_id": dispatch.meeting_id, "child_id": dispatch.child_id}
    raw = encode(
        source=SOURCE,
        id=event_id,
        type=kind,
        time=at,
        subject=dispatch.dispatch_id,
        partition_key=dispatch.partition_key,
        data={
            "dispatch_id": dispatch.dispatch_id,
            **{name: value for name, value in about.items() if value is not None},
            **said,
            "at": at.isoformat(),
        },
    )
    [verdict] = await process.house.intake.accept([Arrival(raw, {"http": "record page"})])
    process.metrics.events.labels(verdict.state).inc()
    process.wake()
    if verdict.state == "rejected":
        log.error("record_page_wrote_no_event", paths=[error.path for error in verdict.errors])
        raise Problem(500, "Sorry, there is a problem", "This could not be noted. A person will look at it.")
