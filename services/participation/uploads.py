"""Which files are taken as a report: told by what is in them, whatever they are called.

Nothing here unpacks a file or decodes a picture. Of an archive only the directory is looked at, and of a document only
whether it is what it has to be from its first byte to its last. What cannot be read by whoever has to read it, or
could do something when it is opened, is refused with words that say what to send in its place.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
RTF = "application/rtf"
PLAIN = "text/plain"
JPEG = "image/jpeg"
PNG = "image/png"

EXTENSIONS = {PDF: "pdf", DOCX: "docx", ODT: "odt", RTF: "rtf", PLAIN: "txt", JPEG: "jpg", PNG: "png"}
"""The media types that are taken, and how the name of each ends."""
ALSO_ENDS = {JPEG: frozenset({"jpeg"}), PLAIN: frozenset({"text"})}

LONGEST_NAME = 100
PIECE = 1 << 20

# A Word document of a hundred pages has some forty parts and swells about tenfold.
MOST_PARTS = 2_000
MOST_DIRECTORY_BYTES = 1 << 20
MOST_SWOLLEN_BYTES = 200 << 20
MOST_SWELLING = 150  # times, for a part that comes to more than `SMALL_PART` bytes
SMALL_PART = 4 << 20
MOST_PIXELS = 250_000_000

Reason = Literal[
    "empty", "too_large", "not_a_kind_taken", "older_word", "locked", "macros", "holds_files", "swells", "damaged"
]

WORDS: dict[Reason, str] = {
    "empty": "The file is empty. Check it, and choose it again.",
    "too_large": "The file is too large. Make it smaller, for example by leaving out pictures or saving it as a PDF.",
    "not_a_kind_taken": "The file is of a kind that is not taken. Save it as a PDF or a Word document (.docx), and "
    "choose that.",
    "older_word": "The file was saved by an older Word or another Office program. Save it as a PDF or as a Word "
    "document (.docx), and choose that.",
    "locked": "The file is locked with a password or against changes, and could not be read here. Save it without, "
    "and choose that.",
    "macros": "The file has macros or other parts that run when it is opened. Save it as a PDF, and choose that.",
    "holds_files": "The file has other files inside it. Save it as a PDF, and choose that.",
    "swells": "The file would become far larger when it is opened. Save it as a PDF, and choose that.",
    "damaged": "The file is damaged or not complete. Open it to see whether it is all there, and save it again.",
}
"""What a refusal says to whoever sent the file."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file that is taken: what it is by its content, and a name that is safe to give it anywhere."""

    media_type: str
    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not taken, and why."""

    reason: Reason

    @property
    def words(self) -> str:
        """The refusal in a sentence for whoever sent the file."""
        return WORDS[self.reason]


class _No(Exception):
    """The file is refused for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def check(name: str, content: BinaryIO, most_bytes: int) -> Accepted | Refused:
    """Judge a file (opened for reading bytes, and seekable) of at most `most_bytes`; `name` is what its sender calls
    it, and decides nothing. Memory is bounded whatever the file holds.
    """
    size = content.seek(0, 2)
    if size == 0:
        return Refused("empty")
    if size > most_bytes:
        return Refused("too_large")
    try:
        media_type = _media_type(content, size)
    except _No as no:
        return Refused(no.reason)
    return Accepted(media_type, safe_name(name, media_type))


def safe_name(name: str, media_type: str, otherwise: str = "report") -> str:
    """A file's name for any system: letters, digits, spaces and `-_.()`, at most 100 of them, and an end that fits
    what the file is.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name[-1_000:]))[-1]
    plain = "".join(each if each.isalnum() or each in " -_.()" else " " for each in last)
    stem, _, end = " ".join(plain.split()).strip(" .").rpartition(".")
    extension = EXTENSIONS[media_type]
    fits = end.lower() == extension or end.lower() in ALSO_ENDS.get(media_type, frozenset())
    kept = stem if fits else f"{stem}.{end}" if stem else end
    room = LONGEST_NAME - len(extension) - 1
    return f"{kept.replace('.', '-')[:room].strip(' -.') or otherwise}.{extension}"


def _media_type(content: BinaryIO, size: int) -> str:
    head = _read(content, 0, 4_096)
    if head.startswith(b"PK\x03\x04"):
        return _document_in_archive(content, head, size)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _No("locked" if _holds(content, re.compile(_wide("EncryptedPackage"))) else "older_word")
    if _end_of_archive(content, size) is not None:
        raise _No("holds_files")
    if head.startswith(b"%PDF-"):
        return _pdf(content, size)
    if head.startswith(b"{\\rtf"):
        return _rtf(content, size)
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content, head, size)
    return _plain(content, head)


def _wide(text: str) -> bytes:
    return re.escape(text.encode("utf-16-le"))


def _read(content: BinaryIO, at: int, length: int) -> bytes:
    content.seek(at)
    return content.read(length)


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    content.seek(0)
    while piece := content.read(PIECE):
        yield piece


def _holds(content: BinaryIO, sought: re.Pattern[bytes], reach: int = 128) -> bool:
    """Whether something of at most `reach` bytes is anywhere in the file."""
    before = b""
    for piece in _pieces(content):
        if sought.search(before + piece):
            return True
        before = piece[-reach:]
    return False


_LOCKED_PDF = re.compile(rb"/Encrypt[\x00\s]*(?:\d+[\x00\s]+\d+[\x00\s]+R|<<)")


def _pdf(content: BinaryIO, size: int) -> str:
    if b"%%EOF" not in _read(content, max(0, size - 2_048), 2_048):
        raise _No("damaged")
    if _holds(content, _LOCKED_PDF):
        raise _No("locked")
    return PDF


def _rtf(content: BinaryIO, size: int) -> str:
    if not _read(content, max(0, size - 256), 256).rstrip(b"\x00\r\n\t ").endswith(b"}"):
        raise _No("damaged")
    if _holds(content, re.compile(rb"\\obj(?:data|emb|link|autlink|update|ocx|html)", re.IGNORECASE)):
        raise _No("holds_files")
    return RTF


def _png(content: BinaryIO, head: bytes, size: int) -> str:
    if head[12:16] != b"IHDR" or b"IEND" not in _read(content, max(0, size - 4_096), 4_096):
        raise _No("damaged")
    width, height = struct.unpack(">II", head[16:24])
    if width * height > MOST_PIXELS:
        raise _No("swells")
    return PNG


# Written text, and not what a browser or a shell would make something of.
_MARKUP = re.compile(r"\s*(?:<[!?a-z]|#!)", re.IGNORECASE)
_TEXT = ("utf-8-sig", "cp1252")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _plain(content: BinaryIO, head: bytes) -> str:
    marked = _MARKS.get(head[:2])
    for encoding in (marked,) if marked else _TEXT:
        try:
            blank = True
            decoder = getincrementaldecoder(encoding)()
            first = ""
            for number, piece in enumerate((*_pieces(content), b"")):
                text = decoder.decode(piece, final=not piece)
                first = text[:1_000] if number == 0 else first
                if any(unicodedata.category(each) == "Cc" and each not in "\t\r\n\f" for each in set(text)):
                    raise _No("not_a_kind_taken")
                blank = blank and not text.strip()
        except UnicodeDecodeError:
            continue
        if _MARKUP.match(first):
            raise _No("not_a_kind_taken")
        if blank:
            raise _No("empty")
        return PLAIN
    raise _No("not_a_kind_taken")


_END = struct.Struct("<4s4H2IH")


class _End(NamedTuple):
    """The last record of a ZIP archive: where it begins and ends, how many parts it names, the directory's length and
    where that begins.
    """

    begins: int
    ends: int
    parts: int
    length: int
    directory: int


def _end_of_archive(content: BinaryIO, size: int) -> _End | None:
    """The last record of an archive that the file is, or has at its end; None where there is none."""
    reach = min(size, _END.size + 0xFFFF)
    tail = _read(content, size - reach, reach)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return None
    _, _, _, _, count, length, directory, comment = _END.unpack_from(tail, at)
    begins = size - reach + at
    if begins + _END.size + comment > size or directory + length > begins:
        return None  # four bytes that happen to look like it
    return _End(begins, begins + _END.size + comment, count, length, directory)


def _document_in_archive(content: BinaryIO, head: bytes, size: int) -> str:
    end = _end_of_archive(content, size)
    if end is None:
        raise _No("damaged")
    if end.parts > MOST_PARTS or end.length > MOST_DIRECTORY_BYTES:
        raise _No("swells")
    if end.directory + end.length != end.begins or end.ends != size:
        raise _No("damaged")
    try:
        with ZipFile(content) as archive:
            parts = archive.infolist()
            media_type = _kind(head, {part.filename for part in parts})
            _judge(parts, end.directory)
            if media_type == ODT and _locked_odt(archive):
                raise _No("locked")
    except (BadZipFile, NotImplementedError, UnicodeError, ValueError, KeyError, struct.error, EOFError):
        raise _No("damaged") from None
    return media_type


def _kind(head: bytes, names: set[str]) -> str:
    if "[Content_Types].xml" in names and any(re.fullmatch(r"word/document\d*\.xml", name) for name in names):
        return DOCX
    if head[30:38] == b"mimetype" and head[38 : 38 + len(ODT) + 2].startswith(ODT.encode() + b"PK"):
        return ODT
    raise _No("not_a_kind_taken")


_RUNS = re.compile(
    r"(?:.*/)?vbaproject.*|.*activex/.*|scripts/.+|basic/[^/]+/(?!script-lb\.xml$|dialog-lb\.xml$).+", re.IGNORECASE
)
_FILES = re.compile(
    r".*/embeddings/.+|.*\.(?:zip|rar|7z|gz|tgz|bz2|xz|zst|cab|iso|jar|tar|docx?|docm|xls[xmb]?|pptx?|pptm|od[tsp]"
    r"|exe|dll|msi|scr|com|bat|cmd|ps1|vbs|js|jse|hta|lnk|html?|svgz|eml|msg|pdf)",
    re.IGNORECASE,
)


def _judge(parts: Sequence[ZipInfo], directory_at: int) -> None:
    """Look through the directory of a document that is an archive: parts that run, files inside it, parts that swell or
    lie over each other.
    """
    swollen = 0
    room_from = 0
    for part in sorted(parts, key=lambda each: each.header_offset):
        if part.flag_bits & 1:
            raise _No("locked")
        if _RUNS.fullmatch(part.filename):
            raise _No("macros")
        if _FILES.fullmatch(part.filename):
            raise _No("holds_files")
        swollen += part.file_size
        too_much = part.file_size > SMALL_PART and part.file_size > MOST_SWELLING * part.compress_size
        if too_much or swollen > MOST_SWOLLEN_BYTES or part.header_offset < room_from:
            raise _No("swells")
        room_from = part.header_offset + 30 + len(part.orig_filename) + part.compress_size
    if room_from > directory_at or min(part.header_offset for part in parts) != 0:
        raise _No("damaged")


def _locked_odt(archive: ZipFile) -> bool:
    """Whether an OpenDocument text is encrypted: its list of parts, which stays readable, says so."""
    with archive.open("META-INF/manifest.xml") as manifest:
        return b"encryption-data" in manifest.read(PIECE)
