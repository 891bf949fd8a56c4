"""One click that says what became of something that was sent: it is in the reader's own file, a flag was changed.

The link shows a button and changes nothing: whoever presses it confirms. No code is asked for, since the page says
nothing of what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.meetings.rules import reference
from services.participation.forms import on_one_line
from services.records.rules.dispatch import CARE_PLAN
from services.running.process import Process
from services.web.answer_body import TooLong, read_form
from services.web.answer_choices import LONGEST_LINE
from services.web.door import AtDoor, Problem
from services.web.notice_asks import Asked, asked_by
from services.web.record_link import OF_NOTICE, OF_RECORD, UNKNOWN, Closed, Opened, open_link
from services.web.record_pages import LOOK, from_here, go, show
from services.web.record_sending import not_while_stopping, tell_confirmed

FILED = "filed"

router = APIRouter(default_response_class=HTMLResponse)


async def _to_file(process: Process, link: str) -> Opened:
    """What an agency has to file; family has nothing to file."""
    opened = await open_link(process, link, OF_RECORD)
    if opened.of_family:
        raise Closed(UNKNOWN)
    return opened


def _confirmed(opened: Opened) -> datetime | None:
    """When the reader first said so."""
    return opened.dispatch.confirmed_at if opened.dispatch.confirmed == FILED else None


async def _typed(request: Request) -> tuple[dict[str, str], str, str | None]:
    """The form, who confirms, and what is wrong with that."""
    try:
        fields = await read_form(request)
    except TooLong:
        raise Problem(413, "Too long", "What you sent is too long. Go back, and write less.") from None
    by = on_one_line(fields.get("by", ""))
    return fields, by, f"Your name must be {LONGEST_LINE} characters or fewer" if len(by) > LONGEST_LINE else None


@router.api_route("/record/{link}/filed", methods=LOOK)
async def look_filed(process: AtDoor, link: str) -> Response:
    """The button, or the thanks for it."""
    return _filed(process, await _to_file(process, link))


def _filed(process: Process, opened: Opened, *, status: int = 200, by: str = "", wrong: str | None = None) -> Response:
    return show(
        process,
        "filed",
        opened,
        status=status,
        confirmed=_confirmed(opened),
        care_plan=opened.dispatch.kind == CARE_PLAN,
        reference=reference(opened.dispatch.meeting_id) if opened.dispatch.meeting_id else None,
        version=opened.record.version if opened.record is not None else None,
        by=by,
        wrong={"by": wrong} if wrong else {},
    )


@router.post("/record/{link}/filed")
async def filed(process: AtDoor, request: Request, link: str) -> Response:
    """It is in the reader's own file."""
    opened = await _to_file(process, link)
    from_here(process, request)
    not_while_stopping(process)
    _, by, wrong = await _typed(request)
    if wrong is not None:
        return _filed(process, opened, status=422, by=by, wrong=wrong)
    if _confirmed(opened) is None:
        await tell_confirmed(process, opened, FILED, by or None)
    return go(process, opened, "/filed")


@router.api_route("/notice/{link}", methods=LOOK)
async def look_notice(process: AtDoor, link: str) -> Response:
    """What a notice asks, with its buttons, or the thanks for it once nothing more is asked."""
    opened = await open_link(process, link, OF_NOTICE)
    return _notice(process, opened, await asked_by(process, opened))


def _notice(
    process: Process,
    opened: Opened,
    asked: Asked,
    *,
    status: int = 200,
    by: str = "",
    wrong: Mapping[str, str] | None = None,
) -> Response:
    return show(
        process,
        "notice",
        opened,
        status=status,
        asked=asked,
        confirmed=opened.dispatch.confirmed_at,
        by=by,
        wrong=wrong or {},
    )


@router.post("/notice/{link}")
async def acknowledge(process: AtDoor, request: Request, link: str) -> Response:
    """What the notice asks was done, or cannot be since there is no flag. Who had merely taken note says it now."""
    opened = await open_link(process, link, OF_NOTICE)
    from_here(process, request)
    not_while_stopping(process)
    asked = await asked_by(process, opened)
    fields, by, wrong = await _typed(request)
    if wrong is not None:
        return _notice(process, opened, asked, status=422, by=by, wrong={"by": wrong})
    what = fields.get("what", "" if asked.of_flag else asked.choices[0])
    if what not in asked.choices:
        return _notice(process, opened, asked, status=409, by=by, wrong={"what": asked.not_taken})
    if asked.is_news(what):
        await tell_confirmed(process, opened, what, by or None)
    return go(process, opened)
