"""The page of a copy that was sent: its reader opens it with a code that goes to the mailbox of the link.

Looking changes nothing, however often and by whatever machine: mail filters open every link, and some press buttons. A
button here sends a code to where the link went, and no more. Only the code, typed where it was asked for, shows
anything; and each time that the document is given out is an event.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.foundation.documents import Damaged, Documents
from services.meetings.rules import reference
from services.participation.uploads import EXTENSIONS, PDF
from services.records import codes
from services.records.document import file_name
from services.records.rules.codes import LIVES, typed
from services.records.store import codes as store
from services.records.store.codes import Code
from services.running.process import Process
from services.web.answer_body import TooLong, read_form
from services.web.door import AtDoor, Problem
from services.web.record_link import Opened, open_link
from services.web.record_pages import LOOK, from_here, go, show, told
from services.web.record_pass import give_pass, passed, take_pass
from services.web.record_sending import not_while_stopping, tell_opened

PREFIX = "/record/"
ONE_OPENING = timedelta(minutes=1)
"""Within this a document that is given out again was opened once: a second click, a page that is loaded again."""

log = structlog.get_logger()

router = APIRouter(default_response_class=HTMLResponse)

AS_A_FILE = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


@router.api_route(PREFIX + "{link}", methods=LOOK)
async def look(process: AtDoor, request: Request, link: str) -> Response:
    """What was sent, for a browser in which the code was typed; else the offer of a code."""
    opened = await open_link(process, link)
    code = await passed(process, request, opened)
    if code is None:
        return show(process, "start", opened)
    assert code.used_at is not None
    until = code.used_at + codes.PASS_LIVES
    is_pdf = opened.media_type in (None, PDF)
    return show(process, "open", opened, until=until, confirmed=_filed(opened), is_pdf=is_pdf, **told(process, opened))


def _filed(opened: Opened) -> datetime | None:
    return opened.dispatch.confirmed_at if opened.dispatch.confirmed == "filed" else None


@router.post(PREFIX + "{link}")
async def ask(process: AtDoor, request: Request, link: str) -> Response:
    """Send a code to where the link went."""
    opened = await open_link(process, link)
    from_here(process, request)
    not_while_stopping(process)
    house = process.house
    async with house.database.read() as db:  # whoever asks on and on holds up nobody who writes
        may, until = await codes.may_send(db, opened.dispatch.dispatch_id, opened.now)
    wait_until = until if until > opened.now else None
    if may:
        async with house.database.write() as db:
            work = house.intake.work(db)
            wait_until = await codes.send(work, opened.dispatch)
            await house.intake.finish(work)
        process.wake()
    return go(process, opened, "/code") if wait_until is None else _too_many(process, opened, wait_until)


def _too_many(process: Process, opened: Opened, wait_until: datetime) -> Response:
    page = show(process, "too_many", opened, status=429, wait_until=wait_until)
    page.headers["retry-after"] = str(max(1, round((wait_until - opened.now).total_seconds())))
    return page


async def _waits(process: Process, opened: Opened) -> Code | None:
    """The code that may be typed now."""
    async with process.house.database.read() as db:
        return await codes.newest(db, opened.dispatch.dispatch_id, opened.now)


def _form(process: Process, opened: Opened, code: Code, *, status: int = 200, **context: Any) -> Response:
    times = {"asked": code.made_at, "until": code.made_at + LIVES}
    return show(process, "code", opened, status=status, **times, **context)


@router.api_route(PREFIX + "{link}/code", methods=LOOK)
async def form(process: AtDoor, request: Request, link: str) -> Response:
    """Where the code is typed."""
    opened = await open_link(process, link)
    if await passed(process, request, opened) is not None:
        return go(process, opened)
    code = await _waits(process, opened)
    return show(process, "start", opened, over=True) if code is None else _form(process, opened, code)


@router.post(PREFIX + "{link}/code")
async def give(process: AtDoor, request: Request, link: str) -> Response:
    """Try a code."""
    opened = await open_link(process, link)
    from_here(process, request)
    not_while_stopping(process)
    try:
        fields = await read_form(request)
    except TooLong:
        raise Problem(413, "Too long", "What you sent is too long. Type the code alone.") from None
    if await passed(process, request, opened) is not None:
        return go(process, opened)
    waits = await _waits(process, opened)
    if waits is None:
        return show(process, "start", opened, status=422, over=True)
    code = typed(fields.get("code", ""))
    if code is None:
        words = "Enter the 6 digits in the message that we sent"
        return _form(process, opened, waits, status=422, wrong={"code": words})
    house = process.house
    async with house.database.write(alone=False) as db:
        right, left = await codes.give(db, house.settings.key, opened.dispatch.dispatch_id, code, opened.now)
    if right is not None:
        answer = go(process, opened)
        give_pass(house.settings, answer, opened, right)
        return answer
    if not left:
        return show(process, "start", opened, status=422, over=True)
    words = f"That is not the code. You can try {left} more time{'s' if left > 1 else ''}"
    return _form(process, opened, waits, status=422, wrong={"code": words})


@router.api_route(PREFIX + "{link}/document", methods=LOOK)
async def document(process: AtDoor, request: Request, link: str) -> Response:
    """The document, as a file to be saved. That it is given out is on record before it is."""
    opened = await open_link(process, link)
    code = await passed(process, request, opened)
    if code is None:
        return go(process, opened)
    content = await _content(process, opened)
    if request.method == "GET":
        not_while_stopping(process)
        async with process.house.database.write(alone=False) as db:
            at = await store.opened(db, code.nonce, opened.now, ONE_OPENING)
        await tell_opened(process, opened, code.nonce, at)
    disposition = f'attachment; filename="{_name(opened)}"'
    kind = "application/pdf" if opened.media_type is None else "application/octet-stream"
    return Response(content, headers={**AS_A_FILE, "content-type": kind, "content-disposition": disposition})


@router.post(PREFIX + "{link}/close")
async def close(process: AtDoor, request: Request, link: str) -> Response:
    """Whoever shares the phone or computer opens nothing afterwards."""
    opened = await open_link(process, link)
    from_here(process, request)
    answer = go(process, opened)
    take_pass(process.house.settings, answer, opened)
    return answer


async def _content(process: Process, opened: Opened) -> bytes:
    folder = Documents(process.house.settings.documents_folder)
    document_id = opened.dispatch.document_id
    try:
        if document_id is None:
            raise FileNotFoundError
        return await asyncio.to_thread(folder.read, document_id)
    except (FileNotFoundError, Damaged) as wrong:
        log.error("record_document_missing", failure=type(wrong).__name__)
        ring = "It cannot be opened just now. Reply to the message that the link was in: a person will look at it."
        raise Problem(500, "Sorry, there is a problem", ring) from None


def _name(opened: Opened) -> str:
    """What the file is called: it says nothing of anyone."""
    if opened.record is not None and opened.about is not None:
        return file_name(opened.record, opened.about)
    ending = "pdf" if opened.media_type is None else EXTENSIONS.get(opened.media_type, "bin")
    return f"care-plan-{reference(opened.about.meeting.meeting_id)}.{ending}" if opened.about else f"care-plan.{ending}"
