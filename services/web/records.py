"""The coordinator's pages about records: each version, who has what of it and since when; and what was told of plans.

They open on this machine alone, like all pages about children.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.foundation.documents import Damaged, Documents
from services.meetings.rules import reference
from services.meetings.store import meetings_by_id
from services.records.rules.record import Record
from services.records.shown import shown_record
from services.records.shown_plans import shown_plans
from services.records.store import records as store
from services.records.word.draft import KINDS
from services.running.process import Process
from services.web import pages
from services.web.documents import HEADERS
from services.web.door import AtDoor, Problem
from services.web.records_shown import COLOURS, counted, whom
from services.web.views import kind_name

router = APIRouter(default_response_class=HTMLResponse)

CHANNELS = {"email": "e-mail", "mesh": "MESH"}
pages.environment.globals |= {"copy_colours": COLOURS, "channels_in_words": CHANNELS}
pages.environment.filters |= {"day_of": lambda text: date.fromisoformat(text)}


async def _shown(process: Process, record_id: str) -> tuple[dict[str, Any], Mapping[int, Record]]:
    """A record with the meeting around it, and what its versions say."""
    policy = process.house.intake.policy
    async with process.house.database.read() as db:
        found = await shown_record(db, policy, record_id)
        if found is None:
            raise Problem(404, "Page not found", f"No record with the id {record_id} is known.")
        versions = (await store.of_records(db, [record_id]))[record_id]
        meeting = (await meetings_by_id(db, [found["meeting_id"]]))[found["meeting_id"]]
        names = await _names(db, found, meeting.child_ids)
    return {
        "here": "meetings",
        "found": found,
        "meeting": meeting,
        "reference": reference(meeting.meeting_id),
        "kind_name": kind_name(policy, meeting.kind, meeting.starts_at),
        "called": KINDS[found["kind"]],
        "names": names,
        "whom": lambda audience: whom(audience, names),
    }, versions


async def _names(db: AsyncConnection, found: Mapping[str, Any], child_ids: tuple[str, ...]) -> dict[str, str]:
    """What to call everyone whom the sections and recalls of a record name."""
    ids: set[str] = {each[key] for each in found["recalls"] for key in ("agency_id", "person_id") if key in each}
    children = set(child_ids)
    for version in found["versions"]:
        for section in version["sections"]:
            children |= set(section["children"])
            if not isinstance(section["audience"], str):
                ids |= set(next(iter(section["audience"].values())))
    agencies = await directory.agencies_by_id(db, ids)
    people = await directory.relatives_by_id(db, ids)
    known = await directory.children_by_id(db, children)
    names = {each.agency_id: each.name for each in agencies.values()}
    names |= {each.person_id: each.name for each in people.values()}
    return names | {each.child_id: each.initials for each in known.values()}


@router.get("/records/{record_id}")
async def record(process: AtDoor, record_id: str) -> Response:
    """A record: its versions, and how far each reader's copy has come."""
    shown, _ = await _shown(process, record_id)
    found = shown["found"]
    newest = found["versions"][0]["version"]
    now = [each for each in found["copies"] if each["version"] == newest]
    earlier = [each for each in found["copies"] if each["version"] != newest]
    return pages.render(
        "record_copies.html",
        **shown,
        newest=found["versions"][0],
        now=now,
        earlier=earlier,
        counted=counted([each["state"] for each in now]),
    )


@router.get("/records/{record_id}/copies/{dispatch_id}")
async def copy(process: AtDoor, record_id: str, dispatch_id: str) -> Response:
    """What one reader has of a record: the sections as they stand in the copy, and what is left out and why."""
    shown, versions = await _shown(process, record_id)
    one = _one(shown["found"], dispatch_id)
    version = versions[one["version"]]
    texts = {number: section.text for number, section in enumerate(version.sections, 1)}
    return pages.render("record_copy.html", **shown, copy=one, texts=texts)


@router.get("/records/{record_id}/copies/{dispatch_id}/document")
async def document(process: AtDoor, record_id: str, dispatch_id: str) -> Response:
    """The very document that one reader was sent, as a file to be saved."""
    shown, _ = await _shown(process, record_id)
    one = _one(shown["found"], dispatch_id)
    if "document_id" not in one:
        raise Problem(404, "Page not found", "Nothing was printed for this reader.")
    folder = Documents(process.house.settings.documents_folder)
    try:
        content = await asyncio.to_thread(folder.read, one["document_id"])
    except FileNotFoundError:
        gone = "It is not in the folder of documents any more: bring it back from the backup."
        raise Problem(500, "The document is missing", gone) from None
    except Damaged:
        changed = "What stands on the disk is not what was sent: bring it back from the backup."
        raise Problem(500, "The document is damaged", changed) from None
    name = f"{shown['found']['kind']}-{shown['reference']}-v{one['version']}.pdf"
    return Response(content, headers={**HEADERS, "content-disposition": f'attachment; filename="{name}"'})


def _one(found: Mapping[str, Any], dispatch_id: str) -> dict[str, Any]:
    """One copy of a record. Raises `Problem` where it has none of that name."""
    one = next((each for each in found["copies"] if each["dispatch_id"] == dispatch_id), None)
    if one is None:
        raise Problem(404, "Page not found", "This record has no such copy.")
    return dict(one)


@router.get("/plans/{child_id}")
async def plans(process: AtDoor, child_id: str) -> Response:
    """What was told of a child's plans: to whom, and who has taken it up."""
    async with process.house.database.read() as db:
        child = (await directory.children_by_id(db, [child_id])).get(child_id)
        found = await shown_plans(db, process.house.intake.policy, child_id)
    if child is None and not found:
        raise Problem(404, "Page not found", f"No child with the id {child_id} is known.")
    initials = child.initials if child is not None else child_id
    return pages.render("record_plans.html", here="meetings", child_id=child_id, initials=initials, found=found)
