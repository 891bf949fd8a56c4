"""A letter from a template: what every letter about an invitation, or about what was sent to one reader, has alike.

An invitation's own letter carries a diary entry, and is made in `render`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.foundation.letters import Attachment, Letter
from services.foundation.settings import Settings
from services.invitations.render import templates, wrapped
from services.invitations.tokens import own_address


def letter(
    template: str,
    name: str,
    which: str,
    values: Mapping[str, Any],
    stamp: datetime,
    settings: Settings,
    attachments: tuple[Attachment, ...] = (),
) -> Letter:
    """The letter that a template makes of these values; the reader's address is the one called `to`.

    `name` is the id of what it is about: the letter's own addresses, to reply to and for what comes back, carry it.
    `which` tells it from every other letter about that, in the Message-ID. The same values at the same `stamp` give the
    same bytes, so that a repeat is the same message.
    """
    subject, text, html = templates(template)
    line = " ".join(subject.render(values).split())
    values = {**values, "subject": line}
    return Letter(
        to=values["to"],
        sender=own_address(settings.key, settings.mail_domain, "bounce", name),
        from_name=settings.mail_from_name,
        from_address=own_address(settings.key, settings.mail_domain, "reply", name),
        subject=line,
        message_id=f"<{name}.{which}@{settings.mail_domain}>",
        date=stamp,
        text=wrapped(text.render(values)),
        html=html.render(values),
        attachments=attachments,
    )
