"""What was made for one reader of the newest version of a record, and what holds of it today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.records.rules.copies import ALL_HELD_BACK
from services.records.rules.dispatch import (
    DELIVERED,
    GOES,
    HAS_GONE,
    IN_DOUBT,
    KEPT,
    OVERTAKEN,
    RECALLED,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.receipts import is_filed, was_read
from services.records.rules.record import Reader, Record
from services.records.rules.versions import FOR_NOW, last_had


@dataclass(frozen=True, slots=True)
class Copies:
    """What was made for one reader of the newest version of one record: one thing, or one for each way that it goes."""

    record: Record
    party: str
    some: tuple[Dispatch, ...]

    @property
    def about(self) -> str:
        return f"record:{self.record.record_id}:{self.party}"

    @property
    def reached(self) -> bool:
        """Whether one of them has left and nothing came back, or the reader has it whatever came back."""
        return any(was_read(each) or each.state in {SENT, DELIVERED} for each in self.some)

    @property
    def in_doubt(self) -> bool:
        """Whether one of them may not go any more and may have gone before, be it heard since that it has or not;
        unless their reader has another of them.
        """
        doubtful = [each for each in self.some if is_in_doubt(each)]
        rest = Copies(self.record, self.party, tuple(each for each in self.some if each not in doubtful))
        return bool(doubtful) and not rest.reached

    @property
    def left(self) -> list[Dispatch]:
        """Those that have left, and of which nothing came back."""
        return [each for each in self.some if each.state in {SENT, DELIVERED}]

    @property
    def going(self) -> bool:
        """Whether one of them is to go yet."""
        return any(each.state in GOES for each in self.some)

    @property
    def in_hand(self) -> bool:
        """Whether nothing is owed to its reader any more: it is in an agency's file, or a person has read it."""
        return self.filed or any(each.person_id is not None and was_read(each) for each in self.some)

    @property
    def filed(self) -> bool:
        return any(is_filed(each) for each in self.some)

    @property
    def taken_back(self) -> bool:
        return bool(self.some) and all(each.state in {RECALLED, OVERTAKEN} for each in self.some)


@dataclass(frozen=True, slots=True)
class Today:
    """What holds of one reader's copy now, whatever was decided of it. Two questions: why they may have nothing of it,
    None where they may; and whether it is owed to them still. Besides, whether what has left opens for them no more,
    which parts are left out since they identify somebody, and whether they may have less than was decided then.
    """

    why_not: str | None = None
    shut: bool = False
    left_out: tuple[int, ...] = ()
    owed: bool = True
    less: bool = False


def had_since(each: Dispatch) -> datetime | None:
    """Since when its reader has what was sent, as far as anyone knows; None where nothing shows that they do. What a
    mail server could not be brought to take may have come all the same: whoever opens it has it.
    """
    seen = (each.delivered_at, each.opened_at, each.confirmed_at)
    return each.sent_at or min((at for at in seen if at is not None), default=None)


def is_in_doubt(each: Dispatch) -> bool:
    """Whether it may not go any more, and may have gone before."""
    return each.state == UNDELIVERED and each.why == IN_DOUBT


def why_it_ended(each: Dispatch) -> str | None:
    """Why it ended as it did, by what has been heard of it since."""
    return HAS_GONE if is_in_doubt(each) and had_since(each) is not None else each.why


def newest(versions: Iterable[Record]) -> dict[str, Record]:
    """The newest version of each record."""
    found: dict[str, Record] = {}
    for each in versions:
        if each.record_id not in found or found[each.record_id].version < each.version:
            found[each.record_id] = each
    return found


def copies_of(versions: Iterable[Record], some: Sequence[Dispatch], readers: Sequence[Reader]) -> list[Copies]:
    """The copies of the newest version of each record, by reader, those too for whom none was made."""
    found = []
    for record in newest(versions).values():
        of_record = [each for each in some if each.about == record.record_id and each.version == record.version]
        wanted = [reader.party for reader in readers if reader.invited or reader.attended == "present"]
        for party in dict.fromkeys([*(each.party for each in of_record), *wanted]):
            own = [each for each in some if each.about == record.record_id and each.party == party]
            found.append(Copies(record, party, _standing(own, record)))
    return found


def _standing(own: Sequence[Dispatch], record: Record) -> tuple[Dispatch, ...]:
    """What a reader has or is to get of a version: where nothing in it differs from what they have, that."""
    found = []
    for each in own:
        if each.version != record.version:
            continue
        before = [one for one in own if one.version < each.version and one.channel == each.channel]
        kept = last_had(one for one in before if one.state != OVERTAKEN) if each.state == KEPT else None
        found.append(kept or each)
    return tuple(found)


def goes_again(copies: Copies, today: Today | None) -> bool:
    """Whether a reader may have a copy and has none that they can read, and gets one where the same words are approved
    once more.
    """
    if today is None or not today.owed or copies.going:
        return False
    if today.why_not is not None:
        some = FOR_NOW - {ALL_HELD_BACK}  # decided anew, it holds no more than they may have
        return today.less and today.why_not in some
    if today.shut or any(each.state == WITHHELD for each in copies.some):
        return True
    return any(each.state == UNDELIVERED and (today.less or each.person_id is not None) for each in copies.some)
