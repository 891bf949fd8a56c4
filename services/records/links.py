"""The links in letters about what was sent to one reader: to open it, and to say with one click that it is filed.

Nothing stands in a link but the dispatch, until when it opens, and a mark that is bound to the address it was sent to.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from services.foundation.servers import is_loopback
from services.foundation.settings import Settings
from services.invitations.tokens import link

USE = "record"


def can_be_opened(settings: Settings) -> bool:
    """Whether a link in a letter leads to where a reader can open it, and over a line that is not open to all. Where
    no public address is set it leads to this machine, and stands in rehearsals alone.
    """
    public = urlsplit(settings.public_url) if settings.public_url else None
    if public is None:
        return settings.smtp is None
    return public.scheme == "https" or is_loopback(public.hostname or "")


def url_of(settings: Settings, dispatch_id: str, address: str, expires_at: datetime) -> str | None:
    """A reader's own link to what was sent to them; None where none can be made. With `/filed` behind it, it is the
    link by which an agency says that its copy is in its own record.
    """
    if not can_be_opened(settings):
        return None
    return f"{settings.links_begin_with}/record/{link(settings.key, USE, dispatch_id, address, expires_at)}"
