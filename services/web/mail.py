"""Mail that waits for a person: a list, and one message as plain text. What came with it can only be saved as a file.

Nothing that somebody sent is shown as HTML: its words stand on the page as text, its files are not opened here.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from services.foundation.documents import Damaged, Documents
from services.meetings.rules import reference
from services.meetings.store import meetings_by_id
from services.participation.scanning import scan
from services.participation.store.documents import MAY_BE_READ
from services.participation.uploads import WORDS as REFUSALS
from services.post.inbox import store
from services.post.inbox.show import Shown, show
from services.post.inbox.words import KINDS, WHY
from services.running.process import Process
from services.web import pages
from services.web.door import AtDoor, Problem
from services.web.views import kind_name

router = APIRouter(default_response_class=HTMLResponse)

AT_MOST = 200  # messages in the list
SAVED = {
    "content-type": "application/octet-stream",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


@router.get("/mail")
async def waiting(process: AtDoor) -> Response:
    """The messages that wait for a person."""
    async with process.house.database.read() as db:
        rows = await store.listed(db, {store.FOR_A_PERSON}, AT_MOST)
        total = await store.how_many(db, store.FOR_A_PERSON)
        found = await meetings_by_id(db, {row["meeting_id"] for row in rows if row["meeting_id"]})
    shown = [{**row, **_in_words(row), "meeting": _meeting(process, found.get(row["meeting_id"]))} for row in rows]
    return pages.render("mail.html", here="mail", found=shown, total=total, now=process.house.clock.now())


@router.get("/mail/{mail_id}")
async def message(process: AtDoor, mail_id: str) -> Response:
    """One message as plain text, and what is known of it."""
    row = await _row(process, mail_id)
    shown = await _shown(process, row)
    async with process.house.database.read() as db:
        found = await meetings_by_id(db, {row["meeting_id"]} if row["meeting_id"] else set())
    return pages.render(
        "mail_message.html",
        here="mail",
        row={**row, **_in_words(row)},
        shown=shown,
        meeting=_meeting(process, found.get(row["meeting_id"])),
        now=process.house.clock.now(),
    )


@router.get("/mail/{mail_id}/files/{number}")
async def file(process: AtDoor, mail_id: str, number: int) -> Response:
    """A file that came with a message, to be saved."""
    shown = await _shown(process, await _row(process, mail_id))
    if not 1 <= number <= len(shown.attachments):
        raise Problem(404, "Page not found", "This message has no such file.")
    wanted = shown.attachments[number - 1]
    if process.house.settings.scan is not None:
        # Where there is room for it: the folder for what is passing may be a small one in memory.
        folder = Documents(process.house.settings.documents_folder).made()
        with tempfile.NamedTemporaryFile(dir=folder) as held:
            await asyncio.to_thread(_write, held.name, wanted.content)
            await _passes(process, Path(held.name))
    return Response(wanted.content, headers=_saved_as(wanted.name))


@router.get("/mail/{mail_id}/message")
async def whole(process: AtDoor, mail_id: str) -> Response:
    """A message as it came, to be saved."""
    row = await _row(process, mail_id)
    documents = Documents(process.house.settings.documents_folder)
    path = documents.path(row["mail_id"])
    if not await asyncio.to_thread(path.is_file):
        raise _gone()
    await _passes(process, path)
    pieces: Iterable[bytes] = documents.pieces(row["mail_id"])
    return StreamingResponse(pieces, headers=_saved_as(f"message-{row['mail_id'][:12]}.eml"))


async def _row(process: Process, mail_id: str) -> Mapping[Any, Any]:
    async with process.house.database.read() as db:
        rows = await store.by_beginning(db, mail_id) if len(mail_id) == 64 else []
    if not rows:
        raise Problem(404, "Page not found", "No such message has come in.")
    return rows[0]


async def _shown(process: Process, row: Mapping[Any, Any]) -> Shown:
    try:
        return await asyncio.to_thread(show, Documents(process.house.settings.documents_folder), row)
    except (FileNotFoundError, Damaged):
        raise _gone() from None


def _gone() -> Problem:
    return Problem(500, "The message is missing", "Its file is gone or damaged: bring it back from the backup.")


async def _passes(process: Process, path: Path) -> None:
    """Have the scanner look, where one is set. Raises `Problem` where it does not pass the file."""
    if await scan(process.house.settings.scan, path) not in MAY_BE_READ:
        detail = "The scanner found something harmful in it, or did not decide. It is kept, and not given out."
        raise Problem(409, "This file is not given out", detail)


def _write(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)


def _saved_as(name: str) -> dict[str, str]:
    plain = "".join(each if each.isascii() and (each.isalnum() or each in " -_.()") else "_" for each in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {**SAVED, "content-disposition": disposition}


def _in_words(row: Mapping[Any, Any]) -> dict[str, str]:
    refused = {
        REFUSALS[each].partition(". ")[0] + "." for each in row["document"].get("refused", ()) if each in REFUSALS
    }
    why = " ".join([WHY.get(row["why"] or "", ""), *sorted(refused)])
    return {"kind_words": KINDS.get(row["kind"] or "", ""), "why_words": why}


def _meeting(process: Process, meeting: Any) -> dict[str, Any] | None:
    if meeting is None:
        return None
    kind = kind_name(process.house.intake.policy, meeting.kind, meeting.starts_at)
    return {"meeting_id": meeting.meeting_id, "kind_name": kind, "reference": reference(meeting.meeting_id)} | {
        "starts_at": meeting.starts_at
    }
