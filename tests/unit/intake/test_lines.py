from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.lines import Line, Lines, Lull, NotLines, Stop, Stopped, TooLong, Unreadable

LONGEST = 64


class InPieces:
    """A file that hands out no more than it was given at a time, as a pipe does."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, _size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def fileno(self) -> int:
        raise ValueError("no descriptor")


def read(file: Any, longest: int = LONGEST) -> list[tuple[int, bytes]]:
    found = []
    for line in Lines(file, longest):
        assert not isinstance(line, Lull)
        found.append((line.number, line.raw if isinstance(line, Line) else b"".join(line.pieces)))
    return found


def test_every_line_has_its_number_and_lines_that_hold_nothing_are_passed_over() -> None:
    assert read(BytesIO(b"one\n\n  \t\ntwo\r\n\r\nthree")) == [(1, b"one"), (4, b"two"), (6, b"three")]


def test_a_byte_order_mark_alone_is_nothing() -> None:
    assert read(BytesIO(b"\xef\xbb\xbf\none\n")) == [(2, b"one")]


def test_a_line_within_the_limit_is_whole_and_one_over_it_comes_in_pieces() -> None:
    exact, over = b"a" * LONGEST, b"b" * (LONGEST + 1)
    kinds = [type(line) for line in Lines(BytesIO(exact + b"\n"), LONGEST)]
    assert kinds == [Line]
    assert read(BytesIO(exact + b"\r\n" + over + b"\nlast\n")) == [(1, exact), (2, over), (3, b"last")]
    assert [type(line) for line in Lines(BytesIO(over), LONGEST)] == [TooLong]


@given(
    st.lists(st.one_of(st.binary(max_size=10), st.binary(min_size=LONGEST - 2, max_size=3 * LONGEST)), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.data(),
)
def test_the_lines_are_the_same_however_the_input_is_cut(
    contents: list[bytes], end: bytes, ended: bool, data: st.DataObject
) -> None:
    texts = [b"x" + each.replace(b"\n", b"-").replace(b"\r", b"-") for each in contents]
    whole = end.join(texts) + (end if ended else b"")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=10)))
    pieces = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = read(InPieces(*pieces))
    # What is too long is kept as it came, with the half of a line break that cannot be told from content yet.
    assert [(number, raw.removesuffix(b"\r")) for number, raw in found] == list(enumerate(texts, 1))


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xff\xfe{\x00", "UTF-16"),
    ],
)
def test_a_file_that_holds_no_lines_is_refused_with_what_to_do(start: bytes, said: str) -> None:
    with pytest.raises(NotLines, match=said):
        read(BytesIO(start + b"\nmore\n"))


def test_such_bytes_further_on_are_a_line_like_any_other() -> None:
    assert read(BytesIO(b"one\n\x1f\x8b\n")) == [(1, b"one"), (2, b"\x1f\x8b")]


def test_a_lull_is_told_where_a_pipe_has_no_more_for_now() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb", buffering=0) as sender:
        sender.write(b"one\n")
        lines: Iterator[Any] = iter(Lines(file, LONGEST))
        assert next(lines).raw == b"one"
        assert isinstance(next(lines), Lull)
        sender.write(b"two\n")
        assert next(lines).raw == b"two"
        sender.close()
        assert [each for each in lines if not isinstance(each, Lull)] == []


def test_a_stop_asked_for_while_nothing_is_read_takes_effect_before_the_next_read() -> None:
    stop = Stop()
    lines = iter(Lines(InPieces(b"one\n", b"two\n"), LONGEST, stop))
    assert isinstance(first := next(lines), Line)
    assert first.number == 1
    stop.ask()
    with pytest.raises(Stopped):
        next(lines)


def test_a_stop_asked_for_during_a_read_breaks_it_off() -> None:
    stop = Stop()

    class Interrupted(InPieces):
        def read1(self, size: int, /) -> bytes:
            stop.ask()
            return super().read1(size)

    with pytest.raises(Stopped):
        next(iter(Lines(Interrupted(b"one\n"), LONGEST, stop)))


def test_what_the_system_cannot_read_is_told_in_its_words() -> None:
    class Broken(InPieces):
        def read1(self, _size: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(Unreadable, match="Input/output error"):
        read(Broken())
