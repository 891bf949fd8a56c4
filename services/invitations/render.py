"""Turns the parameters of an invitation's outbox row into the letter that its reader gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

import services
from services.foundation.clock import LONDON
from services.foundation.letters import Letter
from services.foundation.settings import Settings
from services.invitations.calendar import Appointment, write
from services.invitations.rules import CANCEL
from services.invitations.tokens import answer_link, own_address
from services.meetings.rules import say

EMAILS = Path(services.__file__).parent.parent / "templates" / "email"
FAMILY = frozenset({"relative", "child"})
IN_THE_MESSAGE = "The place is in the message"
BY_VIDEO = "By video"
NOT_GIVEN = "The place is not given yet"

LONGEST_LINE = 78
_INCLUDE = re.compile(r'{% include "([^"]+)" %}\n?')
_HANGS = re.compile(r"- | +|[A-Z][A-Za-z ]*: +")


class _Spliced(FileSystemLoader):
    """Puts included files in place as a template is loaded: while rendering, an include costs as much as the rest of
    the page.
    """

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:  # what the library returns
        source, path, fresh = super().get_source(environment, template)
        return _INCLUDE.sub(lambda found: self.get_source(environment, found[1])[0], source), path, fresh


def _environment(loader: BaseLoader) -> Environment:
    return Environment(
        loader=loader,
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


environment = _environment(_Spliced(EMAILS))


@lru_cache(maxsize=64)
def templates(letter: str) -> tuple[Template, Template, Template]:
    """Subject, text and HTML of one kind of letter."""
    subject, text, html = (
        environment.get_template(f"{letter}/{name}") for name in ("subject.txt", "body.txt", "body.html")
    )
    return subject, text, html


def _filled(audience: str, values: dict[str, Any]) -> tuple[str, str, str]:
    """Subject, text and HTML of one message. The three are filled from one context: to make one costs more than to fill
    a subject.
    """
    subject, text, html = templates(f"invitation_{audience}")
    context = html.new_context(values, shared=True)
    line = " ".join("".join(subject.root_render_func(context)).split())
    values["subject"] = line = line[:1].upper() + line[1:]
    return line, wrapped("".join(text.root_render_func(context))), "".join(html.root_render_func(context))


class _When(NamedTuple):
    """When the meeting is, as instants and as a person reads it."""

    starts_at: datetime
    ends_at: datetime
    day: str
    from_time: str
    to_time: str


@lru_cache(maxsize=1024)
def _when(starts: str, ends: str) -> _When:
    starts_at, ends_at = datetime.fromisoformat(starts), datetime.fromisoformat(ends)
    day, last_day = long_day(starts_at), long_day(ends_at)
    to_time = clock_time(ends_at) if day == last_day else f"{clock_time(ends_at)} on {last_day}"
    return _When(starts_at, ends_at, day, clock_time(starts_at), to_time)


_instant = lru_cache(maxsize=1024)(datetime.fromisoformat)


def render(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter for one reader. The same parameters give the same bytes, so that a repeat is the same message."""
    when = _when(params["starts_at"], params["ends_at"])
    stamp = _instant(params["stamp"])
    reply_to = own_address(settings.key, settings.mail_domain, "reply", params["invitation_id"])
    cancelled = params["method"] == CANCEL
    values = {
        **params,
        "day": when.day,
        "from_time": when.from_time,
        "to_time": when.to_time,
        "was": _was(params["was"], params["starts_at"]),
        "report_by": _by(params["report_by"]),
        "answer_by": _by(params.get("answer_by")),
        "notice_given": notice_given(params["notice"]),
        "authority_name": authority_name(params["authority"]),
        "cancelled": cancelled,
        "answer_url": None if cancelled else answer_url(params, settings, when.ends_at),
    }
    subject, text, html = _filled(params["audience"], values)
    return Letter(
        to=params["to"],
        sender=own_address(settings.key, settings.mail_domain, "bounce", params["invitation_id"]),
        from_name=settings.mail_from_name,
        from_address=reply_to,
        subject=subject,
        message_id=message_id(params, settings),
        date=stamp,
        text=text,
        html=html,
        calendar=write(appointment(params, settings, reply_to)),
        method="CANCEL" if cancelled else "REQUEST",
    )


def answer_url(params: Mapping[str, Any], settings: Settings, ends_at: datetime) -> str | None:
    """The reader's own link to the answer page; None where no reader could open it."""
    if not settings.links_can_be_opened:
        return None
    expires = ends_at + timedelta(days=settings.answer_days)
    link = answer_link(settings.key, params["invitation_id"], params["to"], expires)
    return f"{settings.links_begin_with}/answer/{link}"


def message_id(params: Mapping[str, Any], settings: Settings) -> str:
    """One Message-ID for each UID, SEQUENCE and revision, for ever."""
    return f"<{params['invitation_id']}.{params['sequence']}.{params['revision']}@{settings.mail_domain}>"


def appointment(params: Mapping[str, Any], settings: Settings, reply_to: str) -> Appointment:
    """What the reader's calendar is to hold; answers go to `reply_to`."""
    when = _when(params["starts_at"], params["ends_at"])
    family = params["audience"] in FAMILY
    cancelled = params["method"] == CANCEL
    url = None if cancelled else params["joining_url"]
    return Appointment(
        method="CANCEL" if cancelled else "REQUEST",
        uid=f"{params['invitation_id']}@{settings.mail_domain}",
        stamp=_instant(params["stamp"]),
        starts_at=when.starts_at,
        ends_at=when.ends_at,
        sequence=params["sequence"],
        summary=f"{'Meeting' if family else 'Multi-agency meeting'}, ref {params['reference']}",
        description=_description(cancelled, url),
        location=_location(params["place"], url, params["venue_is_known"]),
        url=url,
        organizer=(settings.mail_from_name, reply_to),
        attendee=("You" if family else params["reader"], params["to"]),
    )


@lru_cache(maxsize=1024)
def _description(cancelled: bool, url: str | None) -> str:
    if cancelled:
        return "Cancelled. The e-mail with this reference says more."
    text = (
        "Everything about this meeting is in the e-mail with this reference. Answer with your calendar's own buttons."
    )
    return f"{text}\nTo join by video: {url}" if url else text


def _location(place: str | None, url: str | None, venue_is_known: bool) -> str:
    """A place that the policy lists as a venue; any other could be where somebody lives, and calendars travel."""
    if place:
        return place if venue_is_known else IN_THE_MESSAGE
    return BY_VIDEO if url else NOT_GIVEN


def wrapped(text: str) -> str:
    """Text in lines of at most 78 characters, except where a word is longer; what a long line goes on in hangs under
    its beginning.
    """
    return "\n".join([line if len(line) <= LONGEST_LINE else _hung(line) for line in text.split("\n")])


def _hung(line: str) -> str:
    head = _HANGS.match(line)
    indent = " " * (head.end() if head else 0)
    pieces = []
    while len(line) > LONGEST_LINE:
        space = line.rfind(" ", len(indent) + 1, LONGEST_LINE + 1)
        if space < 0:
            space = line.find(" ", LONGEST_LINE)
        if space < 0:
            break
        pieces.append(line[:space])
        line = indent + line[space + 1 :]
    return "\n".join([*pieces, line])


@lru_cache(maxsize=1024)
def _by(day: str | None) -> str | None:
    return weekday(date.fromisoformat(day)) if day else None


@lru_cache(maxsize=1024)
def _was(before: str | None, now: str) -> str | None:
    """When the meeting was to begin; None where that has not changed."""
    if before is None or before == now:
        return None
    instant = datetime.fromisoformat(before)
    return f"{long_day(instant)} at {clock_time(instant)}"


def notice_given(working_days: int) -> str:
    """The notice that the reader is given, in words."""
    if working_days == 0:
        return "less than one working day"
    return f"{working_days} working day{'' if working_days == 1 else 's'}"


def authority_name(authority: str) -> str:
    """An authority as a person reads it, where it is recorded as one word of small letters: Leicester."""
    return authority.replace("-", " ").replace("_", " ").title() if authority.islower() else authority


def weekday(day: date) -> str:
    """A date as a person reads it: Monday 29 March 2027."""
    return f"{day:%A} {say(day)}"


def long_day(instant: datetime) -> str:
    """A day as a person reads it: Monday 29 March 2027."""
    return weekday(instant.astimezone(LONDON).date())


def clock_time(instant: datetime) -> str:
    """A time as a person reads it: 10:00am."""
    local = instant.astimezone(LONDON)
    return f"{local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"
