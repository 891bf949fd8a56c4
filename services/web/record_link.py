"""Opens the link of something that was sent: whose it is, what it leads to, and whether it may still be opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.foundation.settings import Settings
from services.invitations.tokens import is_right, read_link
from services.records.opening import TOO_EARLY, Shut, what_opens
from services.records.readers import Around
from services.records.rules.dispatch import CARE_PLAN, NOTICE, RECORD, WITHHELD, Dispatch
from services.records.rules.record import Record
from services.records.store import dispatches
from services.running.process import Process

OF_RECORD, OF_NOTICE = "record", "notice"
"""What a link is for."""
KINDS = {OF_RECORD: frozenset({RECORD, CARE_PLAN}), OF_NOTICE: frozenset({NOTICE})}

UNKNOWN, EXPIRED = "unknown", "expired"
"""Why a link opens nothing, besides what `services.records.opening` says."""
STATUS = {UNKNOWN: 404, TOO_EARLY: 409}


class Closed(Exception):
    """A link that opens nothing. One that was made up, that is another's or for another use is told in the same words
    (`unknown`): whoever tries learns nothing. The others are told to its reader alone.
    """

    def __init__(self, why: str, use: str = OF_RECORD) -> None:
        super().__init__(why)
        self.why, self.use = why, use

    @property
    def status(self) -> int:
        return STATUS.get(self.why, 410)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link leads to. `record` is there for a copy of a record, `about` for all that belongs to a meeting;
    `media_type` is that of a file that came in, None of a document that was printed here.
    """

    use: str
    link: str
    expires: datetime
    now: datetime
    dispatch: Dispatch
    record: Record | None = None
    about: Around | None = None
    media_type: str | None = None

    @property
    def of_family(self) -> bool:
        return self.dispatch.person_id is not None

    @property
    def address(self) -> str:
        assert self.dispatch.address is not None  # it has a link
        return self.dispatch.address


async def open_link(process: Process, link: str, use: str = OF_RECORD) -> Opened:
    """Open a link, or say why it opens nothing (`Closed`)."""
    house = process.house
    async with house.database.read() as db:
        return await _open(db, house.intake.policy, house.settings, link, use, house.clock.now())


async def _open(db: AsyncConnection, policy: Policy, settings: Settings, link: str, use: str, now: datetime) -> Opened:
    named = read_link(link)
    if named is None:
        raise Closed(UNKNOWN, use)
    dispatch_id, expires = named
    dispatch = (await dispatches.by_ids(db, [dispatch_id])).get(dispatch_id)
    # The mark is made and compared also where there is nothing of that name: both take the same.
    address = (dispatch.address if dispatch is not None else None) or ""
    right = is_right(settings.key, link, address, use)
    if dispatch is None or not address or not right or dispatch.kind not in KINDS[use] or dispatch.state == WITHHELD:
        raise Closed(UNKNOWN, use)
    over = now >= min(expires, dispatch.expires_at or expires)
    try:
        behind = await what_opens(db, policy, dispatch)
    except Shut as shut:
        raise Closed(EXPIRED if over and shut.why == TOO_EARLY else shut.why, use) from None
    if over:
        raise Closed(EXPIRED, use)
    return Opened(use, link, expires, now, dispatch, behind.record, behind.about, behind.media_type)
