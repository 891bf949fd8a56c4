"""The parts of a message as bytes, within limits.

The standard library's parser raises for some bytes and takes a time that grows with depth times size for others, and is
slower than all the rest of reading; so a message is cut into parts here, by one search for each boundary, and a test
holds the result to what the library makes of the same message. What is beyond a limit is left out and said so.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote_to_bytes

LARGEST = 96 * 1024 * 1024
LONGEST_HEADERS = 128 * 1024
LONGEST_VALUE = 16 * 1024
MOST_HEADERS = 500
MOST_PARTS = 200
MOST_BOUNDARIES = 10_000
DEEPEST = 12
MOST_PARAMETERS = 40

_FOLD = re.compile(r"\n[ \t]++")
_TYPE = re.compile(r"\s*+([\w.+-]++/[\w.+-]++)", re.ASCII)
_PARAMETER = re.compile(r""";\s*+([^\s=;"]{1,60}+)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?+|([^;\s]*+))""", re.DOTALL)
_PIECE = re.compile(r"([^*]++)\*(?:([0-9]{1,2})(\*)?)?")
_WORD = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]{1,20})?\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s++(?==\?)")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")

_LATIN = ("ascii", "us-ascii", "iso-8859-1", "latin1", "latin-1", "iso8859-1", "windows-1252", "cp1252", "ansi")
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8", *_LATIN), "utf-8"),
    **{f"iso-8859-{number}": f"iso8859-{number}" for number in (*range(2, 12), *range(13, 17))},
    **{f"windows-125{number}": f"cp125{number}" for number in range(9) if number != 2},
    **{f"cp125{number}": f"cp125{number}" for number in range(9) if number != 2},
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "koi8-r", "koi8-u", "gbk", "gb18030", "big5")},
    **{name: name for name in ("gb2312", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp", "cp437", "cp850")},
    "macintosh": "mac-roman",
}
"""The character sets that are read, by the names that mail has for them. No other name reaches Python's codecs: some
of those take a time that grows with the square of the text, and each unknown name would stay in memory.
"""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))

Headers = dict[str, list[str]]


@dataclass(slots=True, eq=False)
class Part:
    """A part: its headers by their names in small letters, and where its body stands in the message."""

    headers: Headers
    media_type: str
    parameters: dict[str, str]
    start: int
    end: int
    parts: list[Part] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The first header of a name, empty where there is none."""
        found = self.headers.get(name)
        return found[0] if found else ""

    @property
    def disposition(self) -> str:
        return self.first("content-disposition").partition(";")[0].strip().lower()

    @property
    def file_name(self) -> str:
        """What the sender calls the file, without a path, on one line; empty where it has no name."""
        disposition = self.first("content-disposition")
        name = (parameters(disposition).get("filename") if disposition else None) or self.parameters.get("name", "")
        bare = words(name).replace("\\", "/").rpartition("/")[2]
        return _NOT_IN_A_NAME.sub("", bare).strip()[:200]

    def walk(self) -> Iterator[Part]:
        """This part and all below it."""
        yield self
        for each in self.parts:
            yield from each.walk()


class Message:
    """A message cut into parts. `cut`: there was more than is read. `damaged`: a multipart that has no parts, or no
    end. `reports` are the reports that it is: itself, or the first thing in it; one further on is somebody's remark.
    """

    def __init__(self, raw: bytes) -> None:
        if b"\n" not in raw[:LONGEST_HEADERS]:
            raw = raw.replace(b"\r", b"\n")
        self.raw = raw
        self.cut = len(raw) > LARGEST
        self.damaged = False
        self.reports: list[Part] = []
        self._count = self._lines = 0
        start = raw.find(b"\n") + 1 if raw.startswith((b"From ", b">From ")) else 0
        self.top = self._part(start, min(len(raw), LARGEST), 0, leads=True)

    def _part(self, start: int, end: int, depth: int, leads: bool) -> Part:
        self._count += 1
        headers, body = self.headers(start, end)
        content_type = headers.get("content-type")
        media_type, values = content(content_type[0]) if content_type else ("text/plain", {})
        part = Part(headers, media_type, values, body, end)
        if media_type.startswith("multipart/"):
            if media_type == "multipart/report" and leads:
                self.reports.append(part)
            if depth >= DEEPEST:
                self.cut = True
            else:
                self._fill(part, depth, leads)
        return part

    def headers(self, start: int, end: int) -> tuple[Headers, int]:
        """The headers that begin at `start`, and where the body begins."""
        raw = self.raw
        if raw.startswith((b"\n", b"\r\n"), start):
            return {}, raw.index(b"\n", start) + 1
        limit = min(end, start + LONGEST_HEADERS)
        bare = raw.find(b"\n\n", start, limit)
        crlf = raw.find(b"\n\r\n", start, bare if bare >= 0 else limit)
        if crlf >= 0:
            stop, body = crlf, crlf + 3
        elif bare >= 0:
            stop, body = bare, bare + 2
        else:
            stop = body = limit
            self.cut = self.cut or limit < end
        return self._named(_text(raw[start:stop])), body

    def _named(self, block: str) -> Headers:
        if "\r" in block:
            block = block.replace("\r", "")
        if "\n " in block or "\n\t" in block:
            block = _FOLD.sub(" ", block)
        found: Headers = {}
        lines = block.split("\n", MOST_HEADERS)
        if len(lines) > MOST_HEADERS:
            del lines[MOST_HEADERS:]
            self.cut = True
        for line in lines:
            name, colon, value = line.partition(":")
            if colon:
                found.setdefault(name.strip().lower(), []).append(value[:LONGEST_VALUE].strip())
        return found

    def _fill(self, part: Part, depth: int, leads: bool) -> None:
        boundary = part.parameters.get("boundary", "")[:200].rstrip()
        if not boundary:
            self.damaged = True
            return
        for start, end in self._between(b"--" + boundary.encode("utf-8", "replace"), part.start, part.end):
            if self._count >= MOST_PARTS:
                self.cut = True
                return
            part.parts.append(self._part(start, end, depth + 1, leads and not part.parts))
        if not part.parts:
            self.damaged = True

    def _between(self, mark: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the parts between lines of a boundary begin and end."""
        raw, sought, began = self.raw, b"\n" + mark, -1
        at = start - 1 if raw.startswith(mark, start, end) else raw.find(sought, start, end)
        while at >= 0:
            self._lines += 1
            if self._lines > MOST_BOUNDARIES:
                self.cut = True
                return
            after = at + len(sought)
            line_end = raw.find(b"\n", after, end)
            line_end = end if line_end < 0 else line_end
            rest = raw[after : min(line_end, after + 80)].strip()
            if not rest or rest.startswith(b"--"):
                if began >= 0:
                    yield began, max(began, at - 1 if raw[at - 1 : at] == b"\r" else at)
                began = min(line_end + 1, end)
                if rest:
                    return
            at = raw.find(sought, line_end, end)
        self.damaged = True  # there is no last boundary: the end is missing
        if 0 <= began < end:
            yield began, end

    def content(self, part: Part) -> bytes:
        """The body of a part, with its transfer encoding undone as far as that goes."""
        body = self.raw[part.start : part.end]
        encoding = part.first("content-transfer-encoding").lower()
        if "base64" in encoding:
            return unbased(body)
        if "quoted-printable" in encoding:
            return binascii.a2b_qp(body)
        return body

    def text(self, part: Part) -> str:
        """The body of a part as text."""
        return decoded(self.content(part), part.parameters.get("charset", ""))


def unbased(data: bytes) -> bytes:
    """Base64 undone, as far as it goes: a message may have been cut short."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]+", b"", data)
        try:
            return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
        except binascii.Error:
            return b""


def decoded(data: bytes, charset: str) -> str:
    """Bytes as text: by their own mark, as they say, or as what senders most often meant."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    codec = _CODECS.get(charset.strip(" \"'").lower().replace("_", "-"), "utf-8")
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        pass
    return _text(data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


@lru_cache(maxsize=256)
def content(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type: the type in small letters, and its parameters."""
    found = _TYPE.match(value)
    return (found[1].lower() if found else "text/plain"), parameters(value)


def parameters(value: str) -> dict[str, str]:
    """The parameters of a header, those in pieces or in other character sets put together. Source: RFC 2231."""
    if ";" not in value:
        return {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, bytes]] = {}
    charsets: dict[str, str] = {}
    for found in islice(_PARAMETER.finditer(value), MOST_PARAMETERS):
        name, quoted, bare = found[1].lower(), found[2], found[3]
        text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None and "\\" in quoted else quoted or bare or ""
        piece = _PIECE.fullmatch(name)
        if piece is None:
            plain.setdefault(name, text)
            continue
        whole, number, extended = piece[1], int(piece[2] or 0), piece[2] is None or piece[3] is not None
        if extended and number == 0 and text.count("'") >= 2:
            charsets[whole], _, text = text.split("'", 2)
        data = unquote_to_bytes(text) if extended else text.encode("utf-8", "replace")
        pieces.setdefault(whole, {}).setdefault(number, data)
    for name, some in pieces.items():
        plain[name] = decoded(b"".join(some[number] for number in sorted(some)), charsets.get(name, ""))
    return plain


def words(value: str) -> str:
    """A header's text with its encoded words undone. Source: RFC 2047; some programs leave out the space between."""
    if "=?" not in value:
        return value
    return _WORD.sub(_word, _BETWEEN_WORDS.sub("", value[:LONGEST_VALUE]))


def _word(found: re.Match[str]) -> str:
    data = found[3].encode("utf-8", "replace")
    if found[2] in "bB":
        return decoded(unbased(data), found[1])
    return decoded(binascii.a2b_qp(data, header=True), found[1])
