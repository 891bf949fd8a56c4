"""Whether what was sent may still be opened by its reader, and what a link to it leads to.

What was decided when it was sent is decided anew, with today's facts: a link lies in a mailbox for weeks, and what may
not be sent to its reader any more may not be opened by them either.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.participation.store import documents
from services.records.care_plan_readers import CarePlanReaders
from services.records.family import family_addresses
from services.records.readers import Around, around
from services.records.rules.copies import NOT_CHECKED, NOT_THE_CHAIR, copy_of
from services.records.rules.dispatch import (
    CARE_PLAN,
    GOES,
    KEPT,
    NOTICE,
    OVERTAKEN,
    RECALLED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.last_look import may_have_all
from services.records.rules.record import Reader, Record
from services.records.rules.versions import FOR_NOW, TAKEN_BACK, is_recalled
from services.records.store import dispatches, records
from services.records.theirs import addresses, at_this_address, is_all_in

TAKEN_BACK_SINCE, SHUT, NEWER, TOO_EARLY = "recalled", "shut", "newer", "early"
"""Why it opens no more, or not yet. `shut` stands for an address that is not the right one any more, and for whatever
else its reader may not be told, so that none of these is given away.
"""

_SOON = frozenset({NOT_CHECKED, NOT_THE_CHAIR})
"""What a newer version may wait for and still be called sent, or about to be: no more than that its approval is
completed. What else was kept back goes by a person's doing alone, who looks at it first.
"""


class Shut(Exception):
    """It may not be opened by its reader now."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Behind:
    """What a link leads to. `record` is there for a copy of a record, `about` for all that belongs to a meeting;
    `media_type` is that of a file that came in, None of a document that was printed here.
    """

    record: Record | None = None
    about: Around | None = None
    media_type: str | None = None


async def what_opens(db: AsyncConnection, policy: Policy, dispatch: Dispatch) -> Behind:
    """What a link to something that was sent leads to today. Raises `Shut`."""
    if dispatch.state == WITHHELD:
        raise Shut(SHUT)
    if dispatch.state == RECALLED:
        # Why nothing more is theirs is told to nobody here: not all of those may be told.
        raise Shut(TAKEN_BACK_SINCE if dispatch.why == TAKEN_BACK else SHUT)
    found = await _still_theirs(db, policy, dispatch)
    if dispatch.state in GOES:
        raise Shut(TOO_EARLY)
    return found


async def _still_theirs(db: AsyncConnection, policy: Policy, dispatch: Dispatch) -> Behind:
    if dispatch.kind == NOTICE:
        await _still_told(db, dispatch)
        if dispatch.state == OVERTAKEN:
            raise Shut(NEWER)
        return Behind()
    if dispatch.meeting_id is None:
        raise Shut(SHUT)
    about = (await around(db, policy, [dispatch.meeting_id])).get(dispatch.meeting_id)
    reader = at_this_address(about, dispatch) if about is not None else None
    if about is None or reader is None:
        raise Shut(SHUT)
    if dispatch.kind == CARE_PLAN:
        media_type = await _still_read(db, policy, dispatch, reader)
        if dispatch.state == OVERTAKEN:
            raise Shut(NEWER)
        return Behind(about=about, media_type=media_type)
    versions = (await records.of_records(db, [dispatch.about])).get(dispatch.about, {})
    record = versions.get(dispatch.version)
    if record is None or not may_have_all(dispatch, record, reader, about.readers, about.matter):
        raise Shut(SHUT)
    newest = versions[max(versions)]
    own = await _of_newest(db, dispatch, newest) if newest.version != record.version else []
    if dispatch.state == OVERTAKEN or (newest.version != record.version and all(each.state != KEPT for each in own)):
        why_not = copy_of(newest, reader, about.matter).why_not
        if why_not is not None and why_not not in FOR_NOW:
            raise Shut(SHUT)
        recalls = (await records.recalls_of(db, [dispatch.about])).get(dispatch.about, ())
        if is_recalled(newest, reader, recalls):
            raise Shut(TAKEN_BACK_SINCE)
        raise Shut(NEWER if any(each.state != WITHHELD or each.why in _SOON for each in own) else SHUT)
    if newest.version != record.version and not is_all_in(record, dispatch, newest, reader, about):
        raise Shut(SHUT)
    return Behind(record, about)


async def _of_newest(db: AsyncConnection, dispatch: Dispatch, newest: Record) -> list[Dispatch]:
    """What became of a newer version for the same reader. It is `kept` where it left them the copy that they have,
    since nothing in theirs has changed.
    """
    some = (await dispatches.about(db, [dispatch.about])).get(dispatch.about, ())
    return [each for each in some if each.party == dispatch.party and each.version == newest.version]


async def _still_read(db: AsyncConnection, policy: Policy, dispatch: Dispatch, reader: Reader) -> str | None:
    """The media type of a care plan that came in as a file; None of one that was printed here. It is for agencies of
    the core group as it is today that were asked on account of the child whom it is about by now, and not before it was
    looked through for what does harm.
    """
    known = await CarePlanReaders.load(db, policy, [dispatch.about], [dispatch.meeting_id or ""])
    if not known.may_have(dispatch, reader):
        raise Shut(SHUT)
    held = await documents.some(db, {each for each in (dispatch.about, dispatch.document_id) if each})
    if any(each.scan not in documents.MAY_BE_READ for each in held.values()):
        raise Shut(SHUT)
    given_out = held.get(dispatch.document_id or "")
    return given_out.media_type if given_out is not None else None


async def _still_told(db: AsyncConnection, dispatch: Dispatch) -> None:
    """What a notice asks is asked of the agency at an address that may still be used for it, and that nobody of the
    child's family has given as their own since.
    """
    agencies = await directory.agencies_by_id(db, [dispatch.agency_id] if dispatch.agency_id else [])
    own = addresses(agencies.get(dispatch.agency_id or ""), dispatch.channel)
    if dispatch.child_id is not None:
        own -= (await family_addresses(db, [dispatch.child_id]))[dispatch.child_id]
    if (dispatch.address or "").lower() not in own:
        raise Shut(SHUT)
