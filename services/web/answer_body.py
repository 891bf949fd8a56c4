"""Reads what a person sends from the answer page: so much of it, in so much time, and no more.

The fields of a form are small and kept in memory. A file goes to the disk as it comes, piece by piece: into the folder
of documents, which is made for it, and under no name, so that nothing is left of it however the process ends.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.formparsers import FormParser, MultiPartException
from starlette.requests import ClientDisconnect

from services.web.door import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELDS = 60
MOST_FIELD_BYTES = 131_072
MOST_FORM_BYTES = 524_288
BESIDE_A_FILE = 65_536  # bytes that the other fields of an upload may have
MOST_UPLOAD_FIELDS, MOST_UPLOAD_FIELD_BYTES = 10, 4_096
MOST_HEADERS, MOST_HEADER_BYTES = 8, 8_192  # of one part
BODY_WITHIN = 300.0  # seconds for a file over a slow line
PIECE_WITHIN = 30.0  # seconds in which something has to come
READ_ON = 104_857_600  # bytes read and dropped over the limit: who still sends cannot read the answer


class TooLong(Exception):
    """More came than is taken; it was read and dropped."""


def kind_of(request: Request) -> str:
    """The content type of a request, without its parameters."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    return header.get_content_type()


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the last one of each name. Raises `Problem` for what is none, and `TooLong`."""
    if kind_of(request) != "application/x-www-form-urlencoded":
        raise Problem(415, "Not a form", "Use the form on the page.")
    parser = FormParser(
        request.headers,
        _limited(request, MOST_FORM_BYTES),
        max_fields=MOST_FIELDS,
        max_part_size=MOST_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, UnicodeError):
        raise _unreadable() from None
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def _unreadable() -> Problem:
    return Problem(400, "Not a form", "What was sent could not be read. Use the form on the page.")


class Upload:
    """What came with a file: its fields, what the sender calls the file, and the file itself, which `close` drops."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._headers: dict[bytes, bytes] = {}
        self._header = (b"", b"")
        self._name = ""
        self._value: bytearray | None = None  # None: what comes belongs to the file

    def close(self) -> None:
        self.file.close()

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls as it comes to each piece of the body."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_to_header(data[start:end], b""),
            "on_header_value": lambda data, start, end: self._add_to_header(b"", data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": lambda data, start, end: self._add(data[start:end]),
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._headers, self._header = {}, (b"", b"")

    def _add_to_header(self, name: bytes, value: bytes) -> None:
        self._header = (self._header[0] + name, self._header[1] + value)
        if sum(map(len, self._header)) > MOST_HEADER_BYTES or len(self._headers) > MOST_HEADERS:
            raise FormParserError("a part with too long a head")

    def _end_header(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = (b"", b"")

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise FormParserError("a part without a name")
        self._name = options[b"name"].decode("utf-8", "replace")
        if b"filename" not in options:
            if len(self.fields) >= MOST_UPLOAD_FIELDS:
                raise FormParserError("too many fields")
            self._value = bytearray()
        elif self.file_name is None:
            self.file_name = options[b"filename"].decode("utf-8", "replace")
            self._value = None
        else:
            raise FormParserError("more than one file")

    def _add(self, data: bytes) -> None:
        if self._value is None:
            self.file.write(data)
        elif len(self._value) + len(data) > MOST_UPLOAD_FIELD_BYTES:
            raise FormParserError("a field that is too long")
        else:
            self._value += data

    def _end(self) -> None:
        if self._value is not None:
            self.fields[self._name] = self._value.decode("utf-8", "replace")


async def read_upload(request: Request, folder: Path, most_bytes: int) -> Upload:
    """The fields and the one file of an upload; to be closed by whoever takes it. Raises as `read_form` does."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Problem(415, "Not a form", "Use the form on the page.")
    upload = await asyncio.to_thread(Upload, folder)
    try:
        parser = MultipartParser(options[b"boundary"], upload.callbacks())
        async for piece in _limited(request, most_bytes + BESIDE_A_FILE):
            await asyncio.to_thread(parser.write, piece)
        parser.finalize()
        await asyncio.to_thread(upload.file.flush)
    except FormParserError:
        upload.close()
        raise _unreadable() from None
    except BaseException:
        upload.close()
        raise
    return upload


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes. Over the limit the rest is read and dropped, as far as that makes sense."""
    declared = request.headers.get("content-length", "")
    over = declared.isdigit() and int(declared) > most
    read = 0
    stream = request.stream()
    finish_by = time.monotonic() + BODY_WITHIN
    while read <= most + READ_ON:
        try:
            piece = await asyncio.wait_for(anext(stream), min(PIECE_WITHIN, finish_by - time.monotonic()))
        except StopAsyncIteration:
            break
        except TimeoutError:
            late = "It took too long to arrive. Try again."
            raise Problem(408, "Too slow", late, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise Problem(400, "Not complete", "The line was cut. Try again.", {"Connection": "close"}) from None
        read += len(piece)
        over = over or read > most
        if not over:
            yield piece
    if over:
        raise TooLong
