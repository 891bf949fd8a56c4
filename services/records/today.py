"""What holds today of a reader's copy, whatever was decided of it and however far it has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from services.meetings.rules.entry import AGENCY_CLOSED
from services.records.readers import Around
from services.records.rules.copies import IDENTIFIES_ANOTHER, NOTHING_FOR_THEM, Copy, copy_of
from services.records.rules.copies import copies as copies_for
from services.records.rules.dispatch import OVERTAKEN, RECALLED
from services.records.rules.front_page import may_be_shown
from services.records.rules.own_copies import Copies, Today
from services.records.rules.record import Record
from services.records.rules.versions import FOR_NOW, NO_READER, TAKEN_BACK, Recall, is_recalled, parts, whole
from services.records.rules.why import LESS_THAN_THEY_HAVE
from services.records.theirs import is_shut


def today(copies: Copies, known: Mapping[int, Record], about: Around, recalls: Iterable[Recall]) -> Today | None:
    """What holds of a reader's copy now, whatever was decided of it; None where nothing hangs on that: it was taken
    back, or its reader has it and nothing was left out of it. `known` are the versions of its record.
    """
    if copies.taken_back:
        return None
    shut = copies.reached and not copies.in_hand and not copies.going and _all_shut(copies, known, about)
    owed = not copies.in_hand and (shut or not copies.reached)
    then = _left_out_then(copies, known)
    if not owed and not copies.going and not then:
        return None
    reader = about.reader(copies.party)
    made = next(iter(copies_for(copies.record, [reader], about.matter)), None) if reader is not None else None
    if reader is None or made is None:
        return Today(NO_READER, shut, owed=owed)
    why_not = TAKEN_BACK if is_recalled(copies.record, reader, recalls) else made.why_not
    if why_not in FOR_NOW and all(each.why_not not in (None, IDENTIFIES_ANOTHER) for each in made.sections):
        why_not = NOTHING_FOR_THEM  # and nothing is missing of what merely waits
    if owed and not copies.going:
        left_out = [each.number for each in made.sections if each.why_not == IDENTIFIES_ANOTHER]
    else:  # what was left out then and is theirs, or would be but for whom it identifies
        theirs = {each.number for each in made.sections if each.why_not in (None, IDENTIFIES_ANOTHER)}
        left_out = sorted(then & theirs)
    return Today(why_not, shut, tuple(left_out), owed, _is_less(copies, known, made, about))


def is_over_for(copies: Copies, about: Around) -> bool:
    """Whether a reader owes nothing of a copy any more: they came later, and the plan or their work has ended. They
    had it rightly, and nobody is to ask for it back.
    """
    reader = about.reader(copies.party)
    return reader is not None and reader.came_later and reader.why_not == NO_READER


def why_not_filed(copies: Copies, known: Mapping[int, Record], about: Around, day: date) -> str | None:
    """Why a reader who has a copy is not to be asked to file it: they may have nothing of it today, or less, or the
    agency has closed by that day. None where they are, be there an address for them or none. Whoever came later had
    what is of a child with whom their work has ended since as rightly as the rest.
    """
    reader = about.reader(copies.party)
    if reader is None:
        return NO_READER
    if reader.came_later:
        shown = [child for each in copies.some if each.shown is not None for child in each.shown["children"]]
        reader = replace(reader, child_ids=reader.child_ids.union(shown))
    made = copy_of(copies.record, reader, about.matter)
    if made.why_not is not None and made.why_not not in FOR_NOW | {AGENCY_CLOSED}:
        return made.why_not
    if _is_less(copies, known, made, about):
        return LESS_THAN_THEY_HAVE
    agency = about.agencies.get(reader.agency_id or "")
    has_closed = agency is not None and agency.closed_on is not None and agency.closed_on <= day
    return AGENCY_CLOSED if has_closed else None


def _left_out_then(copies: Copies, known: Mapping[int, Record]) -> frozenset[int]:
    """The parts of the newest version that were left out of what goes to a reader, or went, since they identify
    somebody. Of an earlier copy that they keep, those that stand in the newest too.
    """
    words = parts(copies.record, range(len(copies.record.sections)))
    found = set()
    for each in copies.some:
        if each.state in {RECALLED, OVERTAKEN} or each.version not in known:
            continue
        numbers = [int(str(one["number"])) for one in each.decided or () if one["why_not"] == IDENTIFIES_ANOTHER]
        if each.version == copies.record.version:
            found.update(numbers)
        else:
            found.update(words.index(one) for one in parts(known[each.version], numbers) if one in words)
    return frozenset(found)


def _is_less(copies: Copies, known: Mapping[int, Record], made: Copy, about: Around) -> bool:
    """Whether a reader may have less now than was decided to be in what is there for them, its front page too."""
    allowed = Counter(parts(copies.record, (each.number for each in made.sections if each.why_not is None)))
    for each in copies.some:
        if each.state in {RECALLED, OVERTAKEN}:
            continue
        if each.version not in known or not Counter(parts(known[each.version], whole(each))) <= allowed:
            return True
        if each.shown is not None and not may_be_shown(each.shown, made.reader, about.readers, about.matter):
            return True
    return False


def _all_shut(copies: Copies, known: Mapping[int, Record], about: Around) -> bool:
    return bool(copies.left) and all(is_shut(each, known[each.version], copies.record, about) for each in copies.left)
