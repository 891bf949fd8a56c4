"""The pages: read-only, rendered here, with nothing that needs a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from icalendar import Calendar
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader

import services
from services.bootstrap import LETTERS
from services.foundation.letters import Letter
from services.intake.views import list_dead_letters, list_waiting
from services.invitations.render import clock_time, long_day, weekday
from services.running.process import Process
from services.web import views
from services.web.answers_shown import REASONS, WAYS
from services.web.door import AtDoor, Problem

PAGES = Path(services.__file__).parent.parent / "templates" / "pages"
ASSETS = PAGES / "assets"

# Nothing but our own style sheets and picture; a message's own look is held inside its frame. Browsers ask whether the
# design system's typeface may be loaded before they find that no page uses it: hence `font-src`.
POLICY = (
    "default-src 'none'; style-src 'self'{styles}; img-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
STRICT = POLICY.format(styles="")
WITH_A_MESSAGE = POLICY.format(styles=" 'unsafe-inline'")

environment = Environment(
    loader=ChoiceLoader(
        [
            FileSystemLoader(PAGES),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    ),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def words(name: str | None) -> str:
    """A name of the contract in words: `no_usable_address` is "no usable address"."""
    return (name or "").replace("_", " ")


def sentence(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def event_words(name: str) -> str:
    """A type of event in words: `quorate.meeting.scheduled.v1` is "meeting scheduled"."""
    parts = name.removeprefix("quorate.").split(".")
    return " ".join(parts[:-1] if len(parts) > 1 else parts)


def instant_of(value: datetime | str) -> datetime:
    """An instant, also from its text in ISO 8601."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def moment(value: datetime | str) -> str:
    """A moment as a person reads it, in England's time: Monday 29 March 2027, 10:00am."""
    instant = instant_of(value)
    return f"{long_day(instant)}, {clock_time(instant)}"


def clock(value: datetime | str) -> str:
    """The time of day as a person reads it, in England: 10:00am."""
    return clock_time(instant_of(value))


def event_link(source: str, event_id: str) -> str:
    """Where an event can be looked at."""
    return "/event?" + urlencode({"source": source, "id": event_id})


environment.filters |= {
    "words": words,
    "sentence": sentence,
    "event_words": event_words,
    "moment": moment,
    "day": long_day,
    "date": weekday,
    "clock": clock,
}
environment.globals |= {"event_link": event_link, "ways": WAYS, "reasons_in_words": REASONS}


@lru_cache(maxsize=64)
def _query(path: str, fixed: tuple[tuple[str, str], ...], page: int) -> str:
    pairs = [(name, value) for name, value in fixed if value] + ([("page", str(page))] if page > 1 else [])
    return path + ("?" + urlencode(pairs) if pairs else "")


def pagination(found: views.Slice, path: str, fixed: Mapping[str, str]) -> dict[str, Any] | None:
    """The links to the pages before and after, as the design system's component takes them; None for a single page."""
    if found.pages == 1:
        return None

    def link(page: int) -> dict[str, str]:
        return {"href": _query(path, tuple(fixed.items()), page), "labelText": f"{page} of {found.pages}"}

    links: dict[str, Any] = {"landmarkLabel": "Pages"}
    if found.page > 1:
        links["previous"] = link(found.page - 1)
    if found.page < found.pages:
        links["next"] = link(found.page + 1)
    return links


def age(since: datetime | str, now: datetime) -> str:
    """How long ago something was, as a person says it."""
    minutes = max(0, int((now - instant_of(since)).total_seconds() // 60))
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"


environment.globals["age"] = age
AT_MOST = 200  # rows on a page that is not split


def render(template: str, *, status: int = 200, csp: str = STRICT, **context: Any) -> HTMLResponse:
    """A page."""
    html = environment.get_template(template).render(context)
    return HTMLResponse(html, status, {"Content-Security-Policy": csp})


router = APIRouter(default_response_class=HTMLResponse)

Text = Annotated[str, Query(max_length=256)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


def _now(process: Process) -> datetime:
    return process.house.clock.now()


@router.get("/")
async def meetings(process: AtDoor, authority: Text = "", kind: Text = "", page: PageNumber = 1) -> Response:
    """The meetings to come."""
    async with process.house.database.read() as db:
        found, authorities, kinds = await views.meetings_to_come(
            db, process.house.intake.policy, _now(process), authority, kind, page
        )
    return render(
        "meetings.html",
        here="meetings",
        found=found,
        authorities=authorities,
        kinds=kinds,
        authority=authority,
        kind=kind,
        pagination=pagination(found, "/", {"authority": authority, "kind": kind}),
    )


@router.get("/meetings/{meeting_id}")
async def meeting(process: AtDoor, meeting_id: str) -> Response:
    """One meeting: who is asked and why, who is not and why not."""
    async with process.house.database.read() as db:
        found = await views.one_meeting(db, process.house.intake.policy, meeting_id, _now(process))
    if found is None:
        raise Problem(404, "Page not found", f"No meeting with the id {meeting_id} is known.")
    return render("meeting.html", here="meetings", now=_now(process), **found)


@router.get("/meetings/{meeting_id}/invitations/{invitation_id}")
async def message(
    process: AtDoor, meeting_id: str, invitation_id: str, number: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """A message as its reader sees it: the newest, or the one with this `number`."""
    async with process.house.database.read() as db:
        found = await views.messages_of(db, meeting_id, invitation_id)
    messages = found[1] if found else []
    shown = next((each for each in messages if number in {0, each["outbox_id"]}), None)
    if found is None or shown is None:
        raise Problem(404, "Page not found", "This meeting has no such message.")
    letter = LETTERS[shown["name"]].render(shown["params"], process.house.settings)
    return render(
        "message.html",
        csp=WITH_A_MESSAGE,
        here="meetings",
        invitation=found[0],
        messages=messages,
        shown=shown,
        letter=letter,
        entry=diary_entry(letter),
        now=_now(process),
    )


def diary_entry(letter: Letter) -> dict[str, Any] | None:
    """What a letter does to its reader's calendar, read from the calendar object itself; None where it has none."""
    if letter.calendar is None:
        return None
    event = Calendar.from_ical(letter.calendar.decode()).walk("VEVENT")[0]
    organizer, attendee = event["ORGANIZER"], event["ATTENDEE"]
    return {
        "cancels": letter.method == "CANCEL",
        "summary": str(event["SUMMARY"]),
        "location": str(event.get("LOCATION", "")),
        "description": str(event.get("DESCRIPTION", "")),
        "starts_at": event.decoded("DTSTART"),
        "ends_at": event.decoded("DTEND"),
        "organizer": f"{organizer.params.get('CN', '')} <{str(organizer).removeprefix('mailto:')}>",
        "attendee": f"{attendee.params.get('CN', '')} <{str(attendee).removeprefix('mailto:')}>",
        "uid": str(event["UID"]),
        "sequence": event.decoded("SEQUENCE"),
    }


@router.get("/event")
async def event(process: AtDoor, source: Text, id: Text) -> Response:
    """One event as it came in."""
    async with process.house.database.read() as db:
        found = await views.one_event(db, source, id)
    if found is None:
        raise Problem(404, "Page not found", "The journal has no such event.")
    return render("event.html", here="", found=found, pretty=_pretty(found["raw"]))


def _pretty(raw: str) -> str:
    """An event laid out for reading."""
    return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)


@router.get("/exceptions")
async def exceptions(process: AtDoor, kind: Text = "", page: PageNumber = 1) -> Response:
    """What did not happen."""
    async with process.house.database.read() as db:
        found, kinds = await views.exceptions_open(db, process.house.intake.policy, kind, page)
    return render(
        "exceptions.html",
        here="exceptions",
        found=found,
        kinds=kinds,
        kind=kind,
        now=_now(process),
        pagination=pagination(found, "/exceptions", {"kind": kind}),
    )


@router.get("/waiting")
async def waiting(process: AtDoor) -> Response:
    """The events that wait for something they refer to."""
    async with process.house.database.read() as db:
        found = await list_waiting(db, limit=AT_MOST)
    return render("waiting.html", here="waiting", found=found, at_most=AT_MOST, now=_now(process))


@router.get("/dead-letters")
async def dead_letters(process: AtDoor) -> Response:
    """What came in and could not be taken."""
    async with process.house.database.read() as db:
        found = await list_dead_letters(db, limit=AT_MOST)
    return render("dead_letters.html", here="dead-letters", found=found, at_most=AT_MOST, now=_now(process))
