import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.foundation.documents import Damaged, Documents, TooLarge


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path / "documents")


def left(documents: Documents) -> list[Path]:
    return [path for path in documents.folder.rglob("*") if path.is_file()]


def test_the_same_content_is_one_document_however_it_came_in_pieces(documents: Documents) -> None:
    first = documents.keep([b"one ", b"report"])
    assert documents.keep([b"one report"]) == first == (hashlib.sha256(b"one report").hexdigest(), 10)
    assert documents.read(first.document_id) == b"one report"
    assert left(documents) == [documents.path(first.document_id)]


def test_nobody_else_on_the_machine_can_read_a_document(documents: Documents) -> None:
    kept = documents.keep([b"x"])
    path = documents.path(kept.document_id)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, documents.folder)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_of_what_is_too_large_nothing_stays(documents: Documents) -> None:
    with pytest.raises(TooLarge):
        documents.keep([b"12345", b"6"], most=5)
    assert left(documents) == []
    assert documents.keep([b"12345"], most=5).size == 5


def test_of_what_breaks_off_nothing_stays(documents: Documents) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        documents.keep(broken())
    assert left(documents) == []


def test_a_document_that_was_changed_on_the_disk_is_told_of(documents: Documents) -> None:
    kept = documents.keep([b"one report"])
    documents.path(kept.document_id).write_bytes(b"another one")
    with pytest.raises(Damaged):
        documents.read(kept.document_id)
