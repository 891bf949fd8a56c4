"""Sending a report by the link of an invitation: as a file, or written in a form that can be left and gone on with.

What comes is kept before anything speaks of it, looked at by the area's scanner if there is one, and never shown here
again: whoever has the link learns that something came and when, not what it says.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.foundation.documents import PIECE, Documents, Kept
from services.participation import forms
from services.participation.handlers import refusals
from services.participation.scanning import scan
from services.participation.store import documents as store
from services.participation.store.documents import INFECTED, NOT_SCANNED, Document, Refusal
from services.participation.uploads import Accepted, Refused, check
from services.post.inbox import store as inbox
from services.running.process import Process
from services.web.answer import LOOK, PREFIX, go, show
from services.web.answer_body import TooLong, Upload, read_form, read_upload
from services.web.answer_choices import LONGEST_LINE
from services.web.answer_link import NotOpened, Opened, open_link, open_until
from services.web.answer_sending import RECEIVED, send, sending_id
from services.web.door import AtDoor, Problem

router = APIRouter(default_response_class=HTMLResponse)

REPORT, CARE_PLAN = "report", "care_plan"
FULL = "You have sent {most} documents, and no more are taken here. Reply to your invitation with it."
HARMFUL = "The scanner found something harmful in this file, so it was not taken. Ask your IT department to look at it."
CHOOSE = "Choose a file"


async def open_for_report(process: Process, link: str) -> Opened:
    """Open the link of an agency: of family no report is asked."""
    opened = await open_link(process, link)
    if opened.of_family:
        raise NotOpened("unknown")
    return opened


def _forms_for(opened: Opened) -> tuple[forms.Form, ...]:
    return forms.forms_for(opened.agency_kind, waits=opened.waits)


async def _page(
    process: Process, opened: Opened, typed: Mapping[str, str], wrong: Mapping[str, str], status: int = 200
) -> Response:
    async with process.house.database.read() as db:
        begun = await store.drafts_of(db, opened.invitation.invitation_id)
        sent = await store.sent_by(db, opened.invitation)
    return show(
        process,
        "report",
        opened,
        status=status,
        forms=_forms_for(opened),
        begun=begun,
        sent=sent,
        most_bytes=process.house.settings.max_report_bytes,
        typed=typed,
        wrong=wrong,
    )


@router.api_route(PREFIX + "{link}/report", methods=LOOK)
async def look(process: AtDoor, link: str) -> Response:
    """The ways to send a report, what was begun, and that something came."""
    return await _page(process, await open_for_report(process, link), {}, {})


@router.api_route(PREFIX + "{link}/report/sent", methods=LOOK)
async def sent(process: AtDoor, link: str) -> Response:
    """That something came, and what happens next."""
    opened = await open_for_report(process, link)
    async with process.house.database.read() as db:
        came = await store.sent_by(db, opened.invitation)
    return show(process, "sent", opened, sent=came) if came else go(process, link, "/report")


@router.post(PREFIX + "{link}/report")
async def upload(process: AtDoor, request: Request, link: str) -> Response:
    """Take a file."""
    opened = await open_for_report(process, link)  # nothing is read from whoever has no right to send it
    settings = process.house.settings
    try:
        came = await read_upload(request, settings.documents_folder, settings.max_report_bytes)
    except TooLong:
        return await _page(process, opened, {}, {"file": Refused("too_large").words}, 413)
    try:
        opened = await open_for_report(process, link)
        return await _take(process, opened, came)
    finally:
        await asyncio.to_thread(came.close)


async def _take(process: Process, opened: Opened, came: Upload) -> Response:
    typed = {**came.fields, "by": forms.on_one_line(came.fields.get("by", ""))}
    if not came.file_name:
        return await _page(process, opened, typed, {"file": CHOOSE}, 422)
    settings = process.house.settings
    judged = await asyncio.to_thread(check, came.file_name, came.file, settings.max_report_bytes)
    if isinstance(judged, Refused):
        return await _page(process, opened, typed, {"file": judged.words}, 422)
    if len(typed["by"]) > LONGEST_LINE:
        wrong = {"by": f"Your name must be {LONGEST_LINE} characters or fewer"}
        return await _page(process, opened, typed, wrong, 422)
    async with _one_at_a_time(opened):
        if await _is_full(process, opened, _pieces(came.file)):
            return await _page(process, opened, typed, {"file": FULL.format(most=settings.max_reports)}, 409)
        kept = await _keep(process, _pieces(came.file))
        path = Documents(settings.documents_folder).path(kept.document_id)
        found = await scan(settings.scan, path)
        await _note(process, opened, kept, judged, found)
        if found == INFECTED:
            await _throw_away(process, path, kept.document_id)
            return await _page(process, opened, typed, {"file": HARMFUL}, 422)
        care_plan = typed.get("kind") == CARE_PLAN and opened.shown(process.house.intake.policy)["care_plans"]
        await _send(process, opened, kept, CARE_PLAN if care_plan else REPORT, typed["by"], typed.get("nonce", ""))
    return go(process, opened.link, "/report/sent")


_under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


def _one_at_a_time(opened: Opened) -> asyncio.Lock:
    """What one invitation sends at once is taken one after the other: none is counted before it is kept."""
    return _under_way.setdefault(opened.invitation.invitation_id, asyncio.Lock())


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


async def _keep(process: Process, pieces: Iterable[bytes]) -> Kept:
    """Put a document on the disk."""
    settings = process.house.settings
    try:
        return await asyncio.to_thread(Documents(settings.documents_folder).keep, pieces, settings.max_report_bytes)
    except OSError as full:
        later = "It could not be kept. Nothing was taken: try again later, or reply to your invitation with it."
        raise Problem(503, "Not available now", later) from full


async def _is_full(process: Process, opened: Opened, pieces: Iterable[bytes]) -> bool:
    """Whether the party has sent as many documents as it may, and this is another one: then nothing of it is kept."""
    async with process.house.database.read() as db:
        had = {each["document_id"] for each in await store.sent_by(db, opened.invitation)}
    if len(had) < process.house.settings.max_reports:
        return False
    return await asyncio.to_thread(_name_of, pieces) not in had


def _name_of(pieces: Iterable[bytes]) -> str:
    """What a document would be kept under."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _throw_away(process: Process, path: Path, document_id: str) -> None:
    """Take a file that does harm off the disk, unless it is a message too, or once came as a report, before anyone
    knew.
    """
    async with process.house.database.read() as db:
        came = bool(await store.sent_for(db, document_id)) or bool(await inbox.by_beginning(db, document_id))
    if not came:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _note(process: Process, opened: Opened, kept: Kept, judged: Accepted, found: str) -> None:
    """Note a document that is on the disk; where it does harm, for a person to know of."""
    house, invitation = process.house, opened.invitation
    document = Document(kept.document_id, judged.name, judged.media_type, kept.size, house.clock.now(), found)
    async with house.database.write() as db:
        await store.keep(db, document)
        if found != INFECTED:
            return
        refusal = Refusal(
            invitation.meeting_id,
            invitation.invitation_id,
            invitation.agency_id or "",
            invitation.team_id,
            INFECTED,
            house.clock.now(),
        )
        work = house.intake.work(db)
        await refusals.note(work, refusal)
        await house.intake.finish(work)


async def _send(process: Process, opened: Opened, kept: Kept, kind: str, by: str, nonce: str) -> None:
    said: dict[str, Any] = {"document_id": kept.document_id, "kind": kind}
    if by:
        said["by"] = by
    await send(process, opened, RECEIVED, sending_id(opened, nonce, said), said)


def _form_of(opened: Opened, name: str) -> forms.Form:
    """A form that this party may use. Raises `Problem` for any other."""
    form = forms.FORMS.get(name)
    if form is None or form not in _forms_for(opened):
        raise Problem(404, "Page not found", "There is no such form.")
    return form


def _sheet(
    process: Process,
    opened: Opened,
    form: forms.Form,
    typed: Mapping[str, str],
    wrong: Mapping[str, str],
    **more: Any,
) -> Response:
    return show(
        process,
        "write",
        opened,
        form=form,
        about=forms.ABOUT,
        by=forms.BY,
        several=opened.several_children,
        others=[each for each in _forms_for(opened) if each is not form],
        typed=typed,
        wrong=wrong,
        **more,
    )


@router.api_route(PREFIX + "{link}/write/{name}", methods=LOOK)
async def sheet(process: AtDoor, link: str, name: str) -> Response:
    """A form, with what was begun in it."""
    opened = await open_for_report(process, link)
    form = _form_of(opened, name)
    async with process.house.database.read() as db:
        begun = await store.draft(db, opened.invitation.invitation_id, form.name)
    typed, saved_at = begun or ({}, None)
    return _sheet(process, opened, form, typed, {}, saved_at=saved_at)


@router.post(PREFIX + "{link}/write/{name}")
async def written(process: AtDoor, request: Request, link: str, name: str) -> Response:
    """Save what was begun, or take it as it was sent."""
    await open_for_report(process, link)
    try:
        fields = await read_form(request)
    except TooLong:
        raise Problem(413, "Too long", "What you wrote is too long. Go back, and send it as a file.") from None
    opened = await open_for_report(process, link)
    form = _form_of(opened, name)
    filled = forms.fill(form, fields, several_children=opened.several_children)
    if fields.get("do") == "save":
        if filled.too_long:
            return _sheet(process, opened, form, filled.fields, filled.too_long, status=422)
        await _save(process, opened, form, filled.fields)
        return go(process, link, f"/write/{form.name}")
    if filled.wrong:
        return _sheet(process, opened, form, filled.fields, filled.wrong, status=422)
    invitation = opened.invitation
    content = forms.document(filled, invitation.meeting_id, invitation.agency_id or "", invitation.team_id)
    if await _is_full(process, opened, [content]):
        words = FULL.format(most=process.house.settings.max_reports)
        return _sheet(process, opened, form, filled.fields, {form.questions[0].name: words}, status=409)
    kept = await _keep(process, [content])
    await _note(process, opened, kept, Accepted(forms.MEDIA_TYPE, f"{form.title}.json"), NOT_SCANNED)
    await _send(process, opened, kept, REPORT, filled.fields["by"], fields.get("nonce", ""))
    async with process.house.database.write() as db:
        await store.drop_draft(db, invitation.invitation_id, form.name)
    return go(process, link, "/report/sent")


async def _save(process: Process, opened: Opened, form: forms.Form, fields: Mapping[str, str]) -> None:
    """Keep what was begun for as long as the link opens; what stands for meetings long over goes with that."""
    house = process.house
    written_in = {name: value for name, value in fields.items() if value}
    async with house.database.write() as db:
        await store.save_draft(db, opened.invitation.invitation_id, form.name, written_in, opened.now)
        await store.drop_drafts_of_meetings_before(db, opened.now - open_until(house.settings))
