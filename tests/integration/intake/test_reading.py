"""A file that is not read to its end: what was in hand is finished, and the rest comes in the next time."""

from __future__ import annotations

from io import BytesIO

import pytest

from services.bootstrap import House
from services.intake.ingest import BATCH_EVENTS, Counts, ingest
from services.intake.lines import NotLines, Stop, Unreadable
from tests import events

LINES = [events.child(f"c{n}") for n in range(BATCH_EVENTS + 200)]


class BreaksOff:
    """A file that cannot be read to its end, as on a disk that fails."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read1(self, _size: int, /) -> bytes:
        if not self.pieces:
            raise OSError(5, "Input/output error")
        return self.pieces.pop(0)

    def fileno(self) -> int:
        raise ValueError("no descriptor")


async def test_a_stop_that_is_asked_for_takes_effect_after_the_batch_in_hand(house: House) -> None:
    stop = Stop()
    whole = b"\n".join(LINES)
    counts = await ingest(house.intake, BytesIO(whole), "f", progress=lambda _bytes: stop.ask(), stop=stop)
    assert counts == Counts(accepted=BATCH_EVENTS, line=BATCH_EVENTS, cut_short="stopped as asked")
    counts = await ingest(house.intake, BytesIO(whole), "f")
    assert (counts.accepted, counts.known, counts.cut_short) == (200, BATCH_EVENTS, None)


async def test_what_could_be_read_of_a_failing_file_is_taken_in(house: House) -> None:
    counts = await ingest(house.intake, BreaksOff(b"\n".join(LINES[:3]) + b"\n" + LINES[3][:20]), "f")
    assert (counts.accepted, counts.rejected, counts.line) == (3, 0, 3)
    assert counts.cut_short == "cannot be read any further: Input/output error"


async def test_a_file_that_cannot_be_read_at_all_is_no_empty_file(house: House) -> None:
    with pytest.raises(Unreadable, match="Input/output error"):
        await ingest(house.intake, BreaksOff(), "f")
    with pytest.raises(NotLines):
        await ingest(house.intake, BytesIO(b"\x1f\x8b\x08"), "f")


async def test_progress_tells_of_every_byte(house: House) -> None:
    told: list[int] = []
    whole = b"\n".join([*LINES, b"x" * 2_000_000, LINES[0]]) + b"\n"
    await ingest(house.intake, BytesIO(whole), "f", progress=told.append)
    assert sum(told) == len(whole)
