"""Reports as the coordinator gets them: a file to be saved, never opened in the browser; a form as a page.

These pages open on this machine alone, like all pages about children.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.directory import store as directory
from services.foundation.documents import Damaged, Documents
from services.meetings.rules import reference
from services.meetings.store import meetings_by_id
from services.participation.forms import MEDIA_TYPE, read_document
from services.participation.scanning import scan
from services.participation.store import documents as store
from services.participation.store.documents import MAY_BE_READ, WAITING, Document
from services.records.handlers import care_plans
from services.running.process import Process
from services.web import pages
from services.web.door import AtDoor, Problem
from services.web.views import kind_name

router = APIRouter(default_response_class=HTMLResponse)

HEADERS = {
    "content-type": "application/octet-stream",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


def _not_here() -> Problem:
    return Problem(404, "Page not found", "Quorate holds no such document.")


async def _held(process: Process, document_id: str) -> Document:
    """A document that Quorate holds. Raises `Problem` where it holds none of that name."""
    async with process.house.database.read() as db:
        document = await store.one(db, document_id)
    if document is None:
        raise _not_here()
    return document


async def _content(process: Process, document: Document) -> bytes:
    """A document whole, as it was kept."""
    folder = Documents(process.house.settings.documents_folder)
    try:
        return await asyncio.to_thread(folder.read, document.document_id)
    except FileNotFoundError:
        gone = "It is not in the folder of documents any more: bring it back from the backup."
        raise Problem(500, "The document is missing", gone) from None
    except Damaged:
        changed = "What stands on the disk is not what came in: bring it back from the backup."
        raise Problem(500, "The document is damaged", changed) from None


async def _seen(process: Process, document: Document) -> dict[str, Any]:
    """What the page of a document says of where it belongs."""
    async with process.house.database.read() as db:
        sent = await store.sent_for(db, document.document_id)
        found = await meetings_by_id(db, {each["meeting_id"] for each in sent})
        agencies = await directory.agencies_by_id(db, {each["agency_id"] for each in sent})
    policy = process.house.intake.policy
    return {
        "here": "meetings",
        "document": document,
        "sent": [
            {
                **each,
                "agency": agencies[each["agency_id"]].name if each["agency_id"] in agencies else each["agency_id"],
                "reference": reference(each["meeting_id"]),
                "meeting": found.get(each["meeting_id"]),
                "kind_name": kind_name(policy, found[each["meeting_id"]].kind, found[each["meeting_id"]].starts_at)
                if each["meeting_id"] in found
                else None,
            }
            for each in sent
        ],
    }


@router.get("/documents/{document_id}")
async def download(process: AtDoor, document_id: str) -> Response:
    """A document as a file to be saved; one that no scanner has passed is not given out."""
    document = await _held(process, document_id)
    if document.media_type == MEDIA_TYPE:
        return RedirectResponse(f"/reports/{document_id}", 303)
    if document.scan not in MAY_BE_READ:
        refused = 409 if document.scan == WAITING else 410
        return pages.render("not_scanned.html", status=refused, **await _seen(process, document))
    content = await _content(process, document)
    plain = document.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(document.name, safe='')}"
    return Response(content, headers={**HEADERS, "content-disposition": disposition})


@router.post("/documents/{document_id}/scan")
async def scan_again(process: AtDoor, document_id: str) -> Response:
    """Have the scanner look once more at a document that it has not decided on."""
    document = await _held(process, document_id)
    settings = process.house.settings
    if document.scan == WAITING and settings.scan is not None:
        found = await scan(settings.scan, Documents(settings.documents_folder).path(document_id))
        async with process.house.database.write() as db:
            await store.note_scan(db, document_id, found)
            work = process.house.intake.work(db)
            await care_plans.scanned(work, [document_id])
            await process.house.intake.finish(work)
    return RedirectResponse(f"/documents/{document_id}", 303)


@router.get("/reports/{document_id}")
async def report(process: AtDoor, document_id: str) -> Response:
    """A report that was written in a form."""
    document = await _held(process, document_id)
    if document.media_type != MEDIA_TYPE:
        raise _not_here()
    said = read_document(await _content(process, document))
    return pages.render("report.html", said=said, **await _seen(process, document))
