"""How the pages behind the link of something that was sent are shown, and from where their forms are taken."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from services.foundation.clock import london_date
from services.meetings.rules import reference
from services.records.document import KINDS
from services.records.rules.dispatch import CARE_PLAN
from services.running.process import Process
from services.web import pages
from services.web.answer_link import root_of
from services.web.door import Problem
from services.web.record_link import Closed, Opened
from services.web.record_pass import path_of

PREFIXES = ("/record/", "/notice/")
LOOK = ["GET", "HEAD"]


def show(
    process: Process, template: str, opened: Opened | None = None, *, status: int = 200, **context: Any
) -> Response:
    """One of these pages."""
    settings = process.house.settings
    if opened is not None:
        context = {
            "here": path_of(settings, opened),
            "of_family": opened.of_family,
            "expires": opened.expires,
            "wrong": {},
            **context,
        }
    return pages.render(
        f"record/{template}.html", status=status, root=root_of(settings), service=settings.mail_from_name, **context
    )


def show_closed(process: Process, closed: Closed) -> Response:
    """What a link that opens nothing leads to."""
    return show(process, "closed", status=closed.status, why=closed.why, use=closed.use, of_family=None)


def show_problem(process: Process, problem: Problem) -> Response:
    """A problem with these pages, for the person who has it."""
    page = show(process, "problem", status=problem.status, title=problem.title, detail=problem.detail, of_family=None)
    page.headers.update(problem.headers)
    return page


def go(process: Process, opened: Opened, then: str = "") -> Response:
    """Lead on to a page that may be looked at again."""
    return RedirectResponse(path_of(process.house.settings, opened) + then, 303)


def told(process: Process, opened: Opened) -> dict[str, Any]:
    """What is said of a copy to whoever has shown that they read the mailbox: what it is, and of which meeting. Family
    is not told the kind of meeting here: a page is seen over a shoulder.
    """
    record, about = opened.record, opened.about
    if record is None or about is None:
        name = reference(about.meeting.meeting_id) if about is not None else None
        return {"title": "Care plan" if opened.dispatch.kind == CARE_PLAN else "Document", "reference": name}
    day: date = about.meeting.day
    return {
        "title": KINDS[record.kind],
        "kind_name": None if opened.of_family else process.house.intake.policy.on(day).kind(about.meeting.kind).name,
        "day": day,
        "reference": reference(about.meeting.meeting_id),
        "version": record.version,
        "approved": london_date(record.approved_at),
    }


def from_here(process: Process, request: Request) -> None:
    """Raises `Problem` for a form that another site has sent: browsers say so. Who has no link cannot send one at all;
    this is for the day on which a link has got about.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", "null")
    ours = {request.headers.get("host", ""), urlsplit(process.house.settings.links_begin_with).netloc}
    # Pages that name no referrer have their forms sent with the origin "null".
    if site not in {"same-origin", "none"} or (origin != "null" and urlsplit(origin).netloc not in ours):
        raise Problem(403, "Not from here", "Use the form on the page, and not one on another site.")
