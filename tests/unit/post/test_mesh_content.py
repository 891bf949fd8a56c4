"""The content of a message on MESH: whole, or not taken at all."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from services.post.mesh.content import PIECE, Unreadable, parts_in, unpacked

CHANCE = random.Random(1)


def whole(packed: bytes, at: int = 1000) -> bytes:
    return b"".join(unpacked(packed[start : start + at] for start in range(0, len(packed), at)))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("at", [1, 7, 1 << 20])
def test_what_was_compressed_is_the_same_again_however_it_was_cut(size: int, at: int) -> None:
    for content in (b"\0" * size, CHANCE.randbytes(size)):
        assert whole(gzip.compress(content), at) == content
        assert whole(zlib.compress(content), at) == content
        assert whole(gzip.compress(content) + gzip.compress(b"more"), at) == content + b"more"


def test_never_much_of_it_is_unpacked_at_once() -> None:
    packed = gzip.compress(b"\0" * (20 << 20))
    assert max(map(len, unpacked([packed]))) <= PIECE


def test_what_is_cut_off_anywhere_is_not_taken() -> None:
    packed = gzip.compress(CHANCE.randbytes(300))
    for end in range(len(packed)):
        with pytest.raises(Unreadable, match="end is missing"):
            whole(packed[:end])


@pytest.mark.parametrize(
    "packed",
    [
        b"this is nothing that was compressed",
        gzip.compress(b"whole") + b"and then something else",
        gzip.compress(b"whole")[:-8] + b"\0" * 8,
    ],
    ids=["never compressed", "something behind it", "another sum"],
)
def test_what_is_not_as_it_says_is_not_taken(packed: bytes) -> None:
    with pytest.raises(Unreadable, match="cannot be unpacked"):
        whole(packed)


@pytest.mark.parametrize(("said", "count"), [(None, 1), ("1:1", 1), ("1:3", 3), ("1:0", 1)])
def test_in_how_many_parts_it_is(said: str | None, count: int) -> None:
    assert parts_in(said) == count


@pytest.mark.parametrize("said", ["", "1", "1:x", "1:1:1"])
def test_a_message_that_does_not_say_in_how_many_parts_it_is_cannot_be_read(said: str) -> None:
    with pytest.raises(Unreadable):
        parts_in(said)
