"""The links in letters about what was sent to one reader: to open it, and to say with one click that it is filed.

Nothing stands in a link but the dispatch, until when it opens, and a mark that is bound to the address it was sent to.
"""

from __future__ import annotations

from datetime import datetime

from services.foundation.settings import Settings
from services.invitations.tokens import link

USE = "record"


def url_of(settings: Settings, dispatch_id: str, address: str, expires_at: datetime) -> str | None:
    """A reader's own link to what was sent to them; None where none can be made. With `/filed` behind it, it is the
    link by which an agency says that its copy is in its own record.
    """
    if not settings.links_can_be_opened:
        return None
    return f"{settings.links_begin_with}/record/{link(settings.key, USE, dispatch_id, address, expires_at)}"
