"""Opens the link of something that was sent: whose it is, what it leads to, and whether it may still be opened.

What was decided when it was sent is decided anew, with today's facts: a link lies in a mailbox for weeks, and what may
not be sent to its reader any more may not be opened by them either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.directory.rules import Agency
from services.foundation.settings import Settings
from services.invitations.tokens import is_right, read_link
from services.participation.store import documents
from services.process import Process
from services.records.readers import Around, around
from services.records.rules.copies import copy_of
from services.records.rules.dispatch import (
    CARE_PLAN,
    GOES,
    KEPT,
    NOTICE,
    OVERTAKEN,
    RECALLED,
    RECORD,
    WITHHELD,
    Dispatch,
)
from services.records.rules.record import Reader, Record
from services.records.rules.versions import FOR_NOW, TAKEN_BACK, whole
from services.records.store import dispatches, records

OF_RECORD, OF_NOTICE = "record", "notice"
"""What a link is for."""
KINDS = {OF_RECORD: frozenset({RECORD, CARE_PLAN}), OF_NOTICE: frozenset({NOTICE})}

# Why a link opens nothing, and how that is answered.
UNKNOWN, RECALLED_SINCE, SHUT, NEWER, EXPIRED, TOO_EARLY = "unknown", "recalled", "shut", "newer", "expired", "early"
STATUS = {UNKNOWN: 404, TOO_EARLY: 409}


class Closed(Exception):
    """A link that opens nothing. One that was made up, that is another's or for another use is told in the same words
    (`unknown`): whoever tries learns nothing. The others are told to its reader alone; `shut` stands for an address
    that is not the right one any more and for a permission that is gone, so that neither is given away.
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
    if dispatch is None or not address or not right or dispatch.kind not in KINDS[use]:
        raise Closed(UNKNOWN, use)
    if dispatch.state == WITHHELD:
        raise Closed(UNKNOWN, use)
    if dispatch.state == RECALLED:
        # Why nothing more is theirs is told to nobody here: not all of those may be told.
        raise Closed(RECALLED_SINCE if dispatch.why == TAKEN_BACK else SHUT, use)
    if now >= min(expires, dispatch.expires_at or expires):
        raise Closed(EXPIRED, use)
    opened = Opened(use, link, expires, now, dispatch)
    opened = await _still_theirs(db, policy, opened)
    if dispatch.state in GOES:
        raise Closed(TOO_EARLY, use)
    return opened


async def _still_theirs(db: AsyncConnection, policy: Policy, opened: Opened) -> Opened:
    """The same with what it leads to, as far as its reader may have that today."""
    dispatch = opened.dispatch
    if dispatch.kind == NOTICE:
        await _still_told(db, opened)
        if dispatch.state == OVERTAKEN:
            raise Closed(NEWER, opened.use)
        return opened
    if dispatch.meeting_id is None:
        raise Closed(SHUT, opened.use)
    about = (await around(db, policy, [dispatch.meeting_id])).get(dispatch.meeting_id)
    readers = [each for each in about.readers if each.party == dispatch.party] if about is not None else []
    reader = _at_this_address(readers[0], about, dispatch) if about is not None and readers else None
    if about is None or reader is None:
        raise Closed(SHUT, opened.use)
    if dispatch.kind == CARE_PLAN:
        media_type = await _still_read(db, opened, reader)
        if dispatch.state == OVERTAKEN:
            raise Closed(NEWER, opened.use)
        return replace(opened, about=about, media_type=media_type)
    versions = (await records.of_records(db, [dispatch.about])).get(dispatch.about, {})
    record = versions.get(dispatch.version)
    if record is None or not _may_have(record, reader, about, dispatch):
        raise Closed(SHUT, opened.use)
    newest = versions[max(versions)]
    if dispatch.state == OVERTAKEN or (newest.version != record.version and not await _stands(db, dispatch, newest)):
        why_not = copy_of(newest, reader, about.matter).why_not
        raise Closed(NEWER if why_not is None or why_not in FOR_NOW else SHUT, opened.use)
    return replace(opened, record=record, about=about)


async def _stands(db: AsyncConnection, dispatch: Dispatch, newest: Record) -> bool:
    """Whether a newer version left a reader the copy that they have, since nothing in theirs has changed."""
    some = (await dispatches.about(db, [dispatch.about])).get(dispatch.about, ())
    return any(each.party == dispatch.party and each.version == newest.version and each.state == KEPT for each in some)


def _at_this_address(reader: Reader, about: Around, dispatch: Dispatch) -> Reader | None:
    """The reader at the address that the link was sent to, where that may be used for them today; else None. Of an
    agency that is any of its own: a copy that came back goes on to the next one.
    """
    wanted = (dispatch.address or "").lower()
    if reader.is_family:
        own = {reader.address.lower()} if reader.address is not None else set()
    else:
        own = _addresses(about.agencies.get(reader.agency_id or ""), dispatch.channel)
    return replace(reader, address=dispatch.address) if wanted in own else None


def _addresses(agency: Agency | None, kind: str) -> set[str]:
    """Where an agency may be written to."""
    if agency is None or agency.closed_on is not None:
        return set()
    channels = (agency.channels, *(team.channels for team in agency.teams))
    return {each.address.lower() for some in channels for each in some if each.kind == kind and each.secure}


def _may_have(record: Record, reader: Reader, about: Around, dispatch: Dispatch) -> bool:
    """Whether a reader may have today every section that stands in the copy that was made for them."""
    copy = copy_of(record, reader, about.matter)
    printed = set(whole(dispatch))
    return copy.why_not is None and bool(printed) and printed <= set(copy.whole)


async def _still_read(db: AsyncConnection, opened: Opened, reader: Reader) -> str | None:
    """The media type of a care plan that came in as a file; None of one that was printed here. It goes to agencies
    alone, and not before it was looked through for what does harm.
    """
    if reader.is_family or reader.why_not is not None:
        raise Closed(SHUT, opened.use)
    held = await documents.some(db, {each for each in (opened.dispatch.about, opened.dispatch.document_id) if each})
    if any(each.scan not in documents.MAY_BE_READ for each in held.values()):
        raise Closed(SHUT, opened.use)
    given_out = held.get(opened.dispatch.document_id or "")
    return given_out.media_type if given_out is not None else None


async def _still_told(db: AsyncConnection, opened: Opened) -> None:
    """What a notice asks is asked of the agency at an address that may still be used for it."""
    agencies = await directory.agencies_by_id(db, [opened.dispatch.agency_id] if opened.dispatch.agency_id else [])
    own = _addresses(agencies.get(opened.dispatch.agency_id or ""), opened.dispatch.channel)
    if opened.address.lower() not in own:
        raise Closed(SHUT, opened.use)
