"""What holds today of a copy that its reader has not got, or cannot open any more, whatever was decided of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.records.readers import Around
from services.records.rules.copies import IDENTIFIES_ANOTHER, NOTHING_FOR_THEM
from services.records.rules.copies import copies as copies_for
from services.records.rules.dispatch import GOES
from services.records.rules.own_copies import Copies, Today
from services.records.rules.record import Record
from services.records.rules.versions import FOR_NOW, NO_READER, TAKEN_BACK, Recall, is_recalled
from services.records.theirs import is_shut


def today(copies: Copies, known: Mapping[int, Record], about: Around, recalls: Iterable[Recall]) -> Today | None:
    """What holds of a reader's copy now, whatever was decided of it; None where nothing hangs on that: it is to go yet,
    or its reader has it. `known` are the versions of its record.
    """
    if copies.taken_back or copies.in_hand or any(each.state in GOES for each in copies.some):
        return None
    if copies.reached and not _all_shut(copies, known, about):
        return None
    reader = about.reader(copies.party)
    made = next(iter(copies_for(copies.record, [reader], about.matter)), None) if reader is not None else None
    if reader is None or made is None:
        return Today(NO_READER, copies.reached)
    why_not = TAKEN_BACK if is_recalled(copies.record, reader, recalls) else made.why_not
    if why_not in FOR_NOW and all(each.why_not not in (None, IDENTIFIES_ANOTHER) for each in made.sections):
        why_not = NOTHING_FOR_THEM  # and nothing is missing of what merely waits
    left_out = tuple(each.number for each in made.sections if each.why_not == IDENTIFIES_ANOTHER)
    return Today(why_not, copies.reached, left_out)


def _all_shut(copies: Copies, known: Mapping[int, Record], about: Around) -> bool:
    return bool(copies.left) and all(is_shut(each, known[each.version], copies.record, about) for each in copies.left)
