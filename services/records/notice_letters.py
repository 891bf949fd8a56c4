"""The letters that tell of plans: how they read, and whether they may still go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import secure_addresses
from services.foundation.letters import NOT_WANTED, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.invitations.render import authority_name, environment, wrapped
from services.invitations.tokens import link, local_part
from services.records.rules.dispatch import DELIVERED, NOT_PERMITTED, QUEUED, SENT, Dispatch
from services.records.store import dispatches

USE = "notice"
REMINDER = "reminder"


@lru_cache(maxsize=8)
def _templates(name: str) -> tuple[Template, Template, Template]:
    """Subject, text and HTML of one of the letters."""
    subject, text, html = (
        environment.get_template(f"notice_{name}/{part}") for part in ("subject.txt", "body.txt", "body.html")
    )
    return subject, text, html


def render(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter to one agency. The same parameters give the same bytes, so that a repeat is the same message."""
    values = {
        **params,
        "authority_name": authority_name(params["authority"]),
        "url": notice_url(params, settings),
        "reminder": params["change"] == REMINDER,
    }
    subject, text, html = _templates(params["notice"])
    values["subject"] = line = " ".join(subject.render(values).split())
    reply_to = f"{local_part(settings.key, 'reply', params['dispatch_id'])}@{settings.mail_domain}"
    which = "reminder" if values["reminder"] else "notice"
    return Letter(
        to=params["to"],
        sender=f"{local_part(settings.key, 'bounce', params['dispatch_id'])}@{settings.mail_domain}",
        from_name=settings.mail_from_name,
        from_address=reply_to,
        subject=line,
        message_id=f"<{params['dispatch_id']}.{which}@{settings.mail_domain}>",
        date=datetime.fromisoformat(params["stamp"]),
        text=wrapped(text.render(values)),
        html=html.render(values),
    )


def notice_url(params: Mapping[str, Any], settings: Settings) -> str | None:
    """The reader's own link by which a notice is confirmed; None where no reader could open it."""
    if params["expires_at"] is None or not settings.links_can_be_opened:
        return None
    until = datetime.fromisoformat(params["expires_at"])
    return f"{settings.links_begin_with}/notice/{link(settings.key, USE, params['dispatch_id'], params['to'], until)}"


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which notices may not go any more: what has been overtaken or went elsewhere, to an address that is not one of
    the agency's secure ones now, and reminders of what has been answered since.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    agencies = await directory.agencies_by_id(db, {each.agency_id for each in some.values() if each.agency_id})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or not _is_wanted(each, row.params):
            found[row.outbox_id] = NOT_WANTED
        elif each.agency_id not in agencies or each.address not in secure_addresses(agencies[each.agency_id]):
            found[row.outbox_id] = NOT_PERMITTED
    return found


def _is_wanted(each: Dispatch, params: Mapping[str, Any]) -> bool:
    """Whether a letter is wanted still: a notice that waits to go, as it reads now, or word to remind of one that went
    there and is not answered: whoever holds health records answers by saying that a flag was changed, and not by
    taking note.
    """
    if params["change"] == REMINDER:
        answered = each.confirmed == "flag_changed" or (each.confirmed_at is not None and not params["holds_codes"])
        return not answered and each.state in {SENT, DELIVERED} and each.address == params["to"]
    return each.state == QUEUED and each.content == params["content"]
