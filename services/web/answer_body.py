"""Reads what a person sends from the answer page: so much of it, in so much time, and no more.

The fields of a form are small and kept in memory. A file goes to the disk as it comes, piece by piece.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from email.message import Message

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from services.web.door import Problem

MOST_FIELDS = 60
MOST_FIELD_BYTES = 131_072
MOST_FORM_BYTES = 524_288
BESIDE_A_FILE = 65_536  # bytes that the other fields of an upload may have
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
    return _fields(await _parsed(parser))


async def read_upload(request: Request, most_bytes: int) -> FormData:
    """The fields and the one file of an upload; to be closed by whoever takes it. Raises as `read_form` does."""
    if kind_of(request) != "multipart/form-data":
        raise Problem(415, "Not a form", "Use the form on the page.")
    parser = MultiPartParser(
        request.headers,
        _limited(request, most_bytes + BESIDE_A_FILE),
        max_files=1,
        max_fields=10,
        max_part_size=4_096,
    )
    return await _parsed(parser)


def _fields(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _parsed(parser: FormParser | MultiPartParser) -> FormData:
    try:
        return await parser.parse()
    except (MultiPartException, UnicodeError, ValueError):
        raise Problem(400, "Not a form", "What was sent could not be read. Use the form on the page.") from None


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
