"""What a letter brings its reader: the file itself, or a link to it; and the link to say by that it is filed.

Nothing stands in a link but the dispatch, until when it opens, and a mark that is bound to the address it was sent to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.foundation.documents import Documents
from services.foundation.letters import Attachment
from services.foundation.settings import Settings
from services.invitations.render import long_day
from services.invitations.tokens import link
from services.records.rules.dispatch import ATTACHMENT

RECORD, NOTICE = "record", "notice"
"""What links are for."""


def url_of(params: Mapping[str, Any], settings: Settings, use: str = RECORD) -> str | None:
    """The reader's own link to what a letter is about; None where it is to have none, or no reader could open it. With
    `/filed` behind it, a link to a copy is the one by which an agency says that it is in its own record.
    """
    if params["expires_at"] is None or not settings.links_can_be_opened:
        return None
    until = datetime.fromisoformat(params["expires_at"])
    return f"{settings.links_begin_with}/{use}/{link(settings.key, use, params['dispatch_id'], params['to'], until)}"


def words_of_link(params: Mapping[str, Any], settings: Settings) -> dict[str, str | None]:
    """What stands in a letter about the reader's link. A reader who has the file itself needs none to it, and says by
    one that it is filed.
    """
    url, expires_at = url_of(params, settings), params["expires_at"]
    return {
        "record_url": url if params["how"] != ATTACHMENT else None,
        "filed_url": f"{url}/filed" if url is not None else None,
        "opens_until": long_day(datetime.fromisoformat(expires_at)) if expires_at is not None else None,
    }


def attached(params: Mapping[str, Any], settings: Settings, name: str, media_type: str) -> tuple[Attachment, ...]:
    """The file that a letter carries, under this name; none where it has a link to it. Raises `ValueError` where it
    would have neither.
    """
    if params["how"] == ATTACHMENT:
        return (Attachment(name, media_type, Documents(settings.documents_folder).read(params["document_id"])),)
    if url_of(params, settings) is None:
        raise ValueError("a letter with a link has none")
    return ()
