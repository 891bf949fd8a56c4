"""The letters that have come out in a home's mailbox, and what a reader sees of each."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.replies import caught


def messages(home: Path) -> list[EmailMessage]:
    """Every letter, in the order in which they came out."""
    return [caught(path.read_bytes()) for path in sorted((home / "mailbox").glob("*.eml"))]


def of_kind(home: Path, name: str) -> list[EmailMessage]:
    """The letters whose Message-ID says that they are of this kind (`record`, `plan`, `notice`), in their order."""
    return [each for each in messages(home) if f".{name}@" in str(each["Message-ID"])]


def plain(message: EmailMessage) -> str:
    """The text of a letter."""
    return _part(message, "plain")


def words(message: EmailMessage) -> str:
    """The text of a letter on one line."""
    return " ".join(plain(message).split())


def html(message: EmailMessage) -> str:
    """The other form of a letter."""
    return _part(message, "html")


def _part(message: EmailMessage, form: str) -> str:
    part = message.get_body((form,))
    assert part is not None
    return str(part.get_content())


@dataclass(frozen=True)
class Mail:
    """One letter as its reader sees it."""

    message: EmailMessage

    @property
    def to(self) -> str:
        return str(self.message["To"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The words of the text, on one line."""
        return words(self.message)

    @property
    def html(self) -> str:
        return html(self.message)
