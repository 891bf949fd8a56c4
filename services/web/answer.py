"""The answer page: whoever was asked says by a link, without an account, how they will take part.

Looking changes nothing, however often and by whatever machine: mail filters open every link. Only the form that is sent
back does. The link is all that shows who asks, so it is in no log, no measure and no address that another site learns.
"""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.running.process import Process
from services.web import pages
from services.web.answer_body import TooLong, read_form
from services.web.answer_choices import ANSWERS, OF_FAMILY, REASONS, Chosen, choose
from services.web.answer_link import NotOpened, Opened, open_link, root_of
from services.web.answer_sending import ANSWERED, send, sending_id
from services.web.door import AtDoor, Problem

PREFIX = "/answer/"
LOOK = ["GET", "HEAD"]


def lower_first(text: str) -> str:
    """The text as it goes on within a sentence."""
    return text[:1].lower() + text[1:]


pages.environment.filters["lower_first"] = lower_first

router = APIRouter(default_response_class=HTMLResponse)


def show(
    process: Process, template: str, opened: Opened | None = None, *, status: int = 200, **context: Any
) -> Response:
    """One of these pages."""
    house = process.house
    if opened is not None:
        context |= opened.shown(house.intake.policy)
        context["here"] = f"{root_of(house.settings)}{PREFIX}{opened.link}"
        context["nonce"] = secrets.token_hex(16)
    return pages.render(
        f"answer/{template}.html",
        status=status,
        root=root_of(house.settings),
        service=house.settings.mail_from_name,
        **context,
    )


def show_closed(process: Process, closed: NotOpened) -> Response:
    """What a link that opens nothing leads to."""
    return show(process, "closed", status=closed.status, why=closed.why, of_family=None)


def show_problem(process: Process, problem: Problem) -> Response:
    """A problem with these pages, for the person who has it."""
    page = show(process, "problem", status=problem.status, title=problem.title, detail=problem.detail, of_family=None)
    page.headers.update(problem.headers)
    return page


def go(process: Process, link: str, then: str = "") -> Response:
    """Lead on to a page that may be looked at again."""
    return RedirectResponse(f"{root_of(process.house.settings)}{PREFIX}{link}{then}", 303)


def _form(process: Process, opened: Opened, chosen: Chosen | None = None, *, status: int = 200) -> Response:
    return show(
        process,
        "answer",
        opened,
        status=status,
        sequence=opened.invitation.sequence,
        choices=OF_FAMILY if opened.of_family else tuple(ANSWERS),
        reasons=REASONS,
        typed=chosen.typed if chosen else {},
        wrong=chosen.wrong if chosen else {},
    )


@router.api_route(PREFIX + "{link}", methods=LOOK)
async def look(process: AtDoor, link: str) -> Response:
    """The page as it is to be answered, with the answer that counts now."""
    opened = await open_link(process, link)
    return _form(process, opened) if opened.can_be_answered else show(process, "over", opened)


@router.post(PREFIX + "{link}")
async def answer(process: AtDoor, request: Request, link: str) -> Response:
    """Take an answer."""
    await open_link(process, link)  # nothing is read from whoever has no right to send it
    try:
        fields = await read_form(request)
    except TooLong:
        raise Problem(413, "Too long", "What you sent is too long. Go back, and write less.") from None
    opened = await open_link(process, link)
    if not opened.can_be_answered:
        return show(process, "over", opened, status=409)
    chosen = choose(fields, of_family=opened.of_family)
    if fields.get("sequence") != str(opened.invitation.sequence):
        return _again(process, opened, chosen, "The meeting has changed since you opened this page: check the time")
    if chosen.wrong:
        return _form(process, opened, chosen, status=422)
    said = {**chosen.payload, "sequence": opened.invitation.sequence}
    event_id = sending_id(opened, fields.get("nonce", ""), said)
    fresh = await send(process, opened, ANSWERED, event_id, said)
    if not fresh and await _counts_no_more(process, link, event_id):
        return _again(process, opened, chosen, "Your answer was changed after this page was opened: send it again")
    return go(process, link, "/done")


def _again(process: Process, opened: Opened, chosen: Chosen, words: str) -> Response:
    """The page once more, since it was of another time: what was typed stands there, and counts only if sent again."""
    return _form(process, opened, Chosen(chosen.typed, {"answer": words}), status=409)


async def _counts_no_more(process: Process, link: str, event_id: str) -> bool:
    """Whether an answer that was sent before is not the one that counts: sent once more, it would say nothing."""
    counts = (await open_link(process, link)).counts
    return counts is not None and counts.event_id != event_id


@router.api_route(PREFIX + "{link}/done", methods=LOOK)
async def done(process: AtDoor, link: str) -> Response:
    """What was answered, and what happens next."""
    opened = await open_link(process, link)
    return go(process, link) if opened.counts is None else show(process, "done", opened)
