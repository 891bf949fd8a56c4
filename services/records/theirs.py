"""Whether a link that was sent is its reader's still: where they read mail today, and with what the newest version lets
them have. Pure: whoever asks has gathered how things stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from services.directory.rules import Agency
from services.records.readers import Around
from services.records.rules.copies import copy_of
from services.records.rules.dispatch import LINK, Dispatch
from services.records.rules.last_look import may_have_all
from services.records.rules.record import Reader, Record
from services.records.rules.versions import FOR_NOW, parts, whole


def is_shut_to(about: Around, known: Mapping[int, Record], newest: Record) -> Callable[[Dispatch], bool]:
    """Says of a dispatch of one record, of which `known` are the versions, whether it opens for its reader no more."""
    return lambda each: is_shut(each, known[each.version], newest, about)


def is_shut(dispatch: Dispatch, record: Record, newest: Record, about: Around) -> bool:
    """Whether a copy that went as a link opens no more for its reader, whatever its version is. `record` is that
    version, `newest` the one that left it to them, where that is another.
    """
    if dispatch.how != LINK:
        return False
    reader = at_this_address(about, dispatch)
    if reader is None or not may_have_all(dispatch, record, reader, about.readers, about.matter):
        return True
    return newest.version != record.version and not is_all_in(record, dispatch, newest, reader, about)


def is_all_in(record: Record, dispatch: Dispatch, newest: Record, reader: Reader, about: Around) -> bool:
    """Whether a reader may have each part of the copy that was left to them of the newest version too, where the same
    words may be about other children, or for others.
    """
    copy = copy_of(newest, reader, about.matter)
    if copy.why_not is not None and copy.why_not not in FOR_NOW:
        return False
    allowed = Counter(parts(newest, (each.number for each in copy.sections if each.why_not is None)))
    return Counter(parts(record, whole(dispatch))) <= allowed


def at_this_address(about: Around, dispatch: Dispatch) -> Reader | None:
    """The reader at the address that the link was sent to, where that may be used for them today; else None. Of an
    agency that is any of its own, since a copy that came back goes on to the next one, unless family reads it.
    """
    reader = about.reader(dispatch.party)
    if reader is None:
        return None
    wanted = (dispatch.address or "").lower()
    if reader.is_family:
        own = {reader.address.lower()} if reader.address is not None else set()
    else:
        own = addresses(about.agencies.get(reader.agency_id or ""), dispatch.channel)
        own -= about.matter.family_addresses
    return replace(reader, address=dispatch.address) if wanted in own else None


def addresses(agency: Agency | None, kind: str) -> set[str]:
    """Where an agency may be written to."""
    if agency is None or agency.closed_on is not None:
        return set()
    return {each.address.lower() for each in agency.every_channel if each.kind == kind and each.secure}
