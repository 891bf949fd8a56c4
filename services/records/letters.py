"""The letters that carry copies of records: how they read, and whether they may still go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.documents import Documents
from services.foundation.letters import Attachment, Letter
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.invitations.render import authority_name, environment, weekday, wrapped
from services.invitations.tokens import local_part
from services.records.rules.dispatch import ATTACHMENT, QUEUED
from services.records.store import dispatches

_TITLES = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision"}


@lru_cache(maxsize=8)
def _templates(name: str) -> tuple[Template, Template, Template]:
    """Subject, text and HTML of one of the letters."""
    subject, text, html = (
        environment.get_template(f"{name}/{part}") for part in ("subject.txt", "body.txt", "body.html")
    )
    return subject, text, html


def render_copy(params: Mapping[str, Any], settings: Settings) -> Letter:
    """The letter with a reader's copy, or with the link to it. The same parameters give the same bytes."""
    values = {
        **params,
        "title": _TITLES[params["record_kind"]],
        "day": weekday(date.fromisoformat(params["day"])),
        "authority_name": authority_name(params["authority"]),
    }
    subject, text, html = _templates("record_copy")
    values["subject"] = line = " ".join(subject.render(values).split())
    reply_to = f"{local_part(settings.key, 'reply', params['dispatch_id'])}@{settings.mail_domain}"
    attached: tuple[Attachment, ...] = ()
    if params["how"] == ATTACHMENT:
        name = f"{params['record_kind']}-{params['reference']}-v{params['version']}.pdf"
        content = Documents(settings.documents_folder).read(params["document_id"])
        attached = (Attachment(name, "application/pdf", content),)
    return Letter(
        to=params["to"],
        sender=f"{local_part(settings.key, 'bounce', params['dispatch_id'])}@{settings.mail_domain}",
        from_name=settings.mail_from_name,
        from_address=reply_to,
        subject=line,
        message_id=f"<{params['dispatch_id']}.record@{settings.mail_domain}>",
        date=datetime.fromisoformat(params["stamp"]),
        text=wrapped(text.render(values)),
        html=html.render(values),
        attachments=attached,
    )


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], _: datetime) -> dict[int, str]:
    """Which copies may not go any more: those that were recalled or overtaken, and those to an address that is not the
    right one now.
    """
    some = await dispatches.by_ids(db, {row.params["dispatch_id"] for row in rows})
    found = {}
    for row in rows:
        each = some.get(row.params["dispatch_id"])
        if each is None or each.state != QUEUED or each.address != row.params["to"]:
            found[row.outbox_id] = "not_permitted"
    return found
