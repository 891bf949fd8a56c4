"""The HTTP door: `POST /events` takes one event or a batch in, and answers once the effect is durable.

Source: CloudEvents 1.0, HTTP protocol binding (structured and batched content modes).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from json import JSONDecodeError
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from services.intake.accept import Arrival, Verdict
from services.intake.ingest import BATCH_BYTES, BATCH_EVENTS
from services.running.process import Process
from services.web import views

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BODY_WITHIN = 60.0  # seconds that a body may take to arrive
READ_ON = 16_777_216  # bytes read and dropped over the limit: who still sends cannot read the answer
RETRY_AFTER = "5"  # seconds


def process_of(request: Request) -> Process:
    """The process that a request came to."""
    process: Process = request.app.state.process
    return process


AtDoor = Annotated[Process, Depends(process_of)]


class Problem(Exception):
    """A request that is answered with an error (RFC 9457): `detail` says what was wrong and what would be right."""

    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.headers = status, title, detail, headers or {}


def problem_response(problem: Problem) -> JSONResponse:
    """A problem as JSON."""
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return JSONResponse(body, problem.status, problem.headers, media_type="application/problem+json")


router = APIRouter()


@router.post("/events")
async def take_events(request: Request, process: AtDoor) -> Response:
    """Take one event or a batch in."""
    settings = process.house.settings
    _check_token(request, settings.bearer_token)
    if process.stopping.is_set():
        raise Problem(503, "Stopping", "Quorate is stopping: send it again", {"Retry-After": RETRY_AFTER})
    batched = _is_batch(request)
    limit = settings.max_batch_bytes if batched else settings.max_event_bytes
    text = _text(await _body(request, limit))
    raws = _elements(text) if batched else [_one(text)]
    request_id = request.state.request_id
    arrivals = [
        Arrival(raw, {"http": request_id, "index": index} if batched else {"http": request_id})
        for index, raw in enumerate(raws)
    ]
    verdicts = await _accept(process, arrivals)
    return JSONResponse(_answer(verdicts, await _still_waiting(process, verdicts)), 202)


def _check_token(request: Request, token: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not right:
        raise Problem(
            401,
            "Not authorised",
            "Send the header Authorization: Bearer with the token that QUORATE_TOKEN or the file token under "
            "QUORATE_HOME holds",
            {"WWW-Authenticate": 'Bearer realm="Quorate"'},
        )


def _is_batch(request: Request) -> bool:
    """Which of the two content types came; anything else is refused."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    kind = header.get_content_type()
    charset = str(header.get_param("charset", "utf-8")).lower()
    encoding = request.headers.get("content-encoding", "identity").lower()
    if kind not in {ONE, BATCH} or charset not in {"utf-8", "utf8", "us-ascii"} or encoding != "identity":
        raise Problem(
            415,
            "Not a content type that is taken",
            f"Send {ONE} or {BATCH}, in UTF-8 and without a content encoding",
            {"Accept": f"{ONE}, {BATCH}"},
        )
    return kind == BATCH


async def _body(request: Request, limit: int) -> bytes:
    """The body, refused once it is known to be over the limit in bytes."""
    declared = request.headers.get("content-length", "")
    over = declared.isdigit() and int(declared) > limit
    body = bytearray()
    read = 0
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for piece in request.stream():
                read += len(piece)
                over = over or read > limit
                if not over:
                    body += piece
                elif read > limit + READ_ON:
                    break
    except TimeoutError:
        late = f"The body was not complete after {BODY_WITHIN:.0f} seconds"
        raise Problem(408, "Too slow", late, {"Connection": "close"}) from None
    if over:
        raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> Problem:
    detail = f"A body of this content type has at most {limit:,} bytes: send the events in smaller batches"
    return Problem(413, "Too large", detail, {"Connection": "close"})


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise _not_json(f"the body is not UTF-8: byte {wrong.start + 1} does not belong to any character") from None


def _not_json(why: str) -> Problem:
    return Problem(400, "Not JSON", why[0].upper() + why[1:])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Reads for the form alone: what numbers say is not looked at, so that none is too long.
_READER = json.JSONDecoder(parse_constant=_no_constant, parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\r\n]*")


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def split_array(text: str) -> list[str]:
    """The elements of a JSON array, each exactly as it is written.

    Raises `JSONDecodeError` for what is not JSON, `TypeError` for JSON that is not an array, `RecursionError` for JSON
    that is too deep.
    """
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        _READER.decode(text)
        raise TypeError("not an array")
    elements: list[str] = []
    at = _skip(text, at + 1)
    sign = "," if text[at : at + 1] != "]" else "]"
    at += sign == "]"
    while sign == ",":
        _, end = _READER.raw_decode(text, at)
        elements.append(text[at:end])
        at = _skip(text, end)
        sign = text[at : at + 1]
        if sign not in {",", "]"}:
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)
    if _skip(text, at) != len(text):
        raise JSONDecodeError("Extra data", text, at)
    return elements


def _elements(text: str) -> list[bytes]:
    try:
        return [each.encode() for each in split_array(text)]
    except TypeError:
        raise Problem(400, "Not a batch", f"A batch is a JSON array of events; one event goes as {ONE}") from None
    except (ValueError, RecursionError) as wrong:
        raise _unreadable(wrong) from None


def _one(text: str) -> bytes:
    try:
        _READER.decode(text)
    except (ValueError, RecursionError) as wrong:
        raise _unreadable(wrong) from None
    return text.strip().encode()


def _unreadable(wrong: ValueError | RecursionError) -> Problem:
    if isinstance(wrong, JSONDecodeError):
        return _not_json(f"the body is not JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}")
    if isinstance(wrong, RecursionError):
        return _not_json("the body has lists and objects too deep inside each other")
    return _not_json("the body is not JSON: NaN and Infinity are no numbers that JSON knows")


def _pieces(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """A batch in pieces of one transaction each, so that a large one does not hold up all others."""
    piece: list[Arrival] = []
    size = 0
    for arrival in arrivals:
        piece.append(arrival)
        size += len(arrival.raw)
        if len(piece) >= BATCH_EVENTS or size >= BATCH_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


async def _accept(process: Process, arrivals: Sequence[Arrival]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for piece in _pieces(arrivals):
        some = await process.house.intake.accept(piece)
        process.wake()
        for verdict in some:
            process.metrics.events.labels(verdict.state).inc()
        verdicts += some
    return verdicts


async def _still_waiting(process: Process, verdicts: Sequence[Verdict]) -> set[int]:
    """Which events still wait now that the whole batch is in: a later piece may have brought what they waited for."""
    waiting = {verdict.seq for verdict in verdicts if verdict.state == "waiting" and verdict.seq is not None}
    if not waiting:
        return waiting
    async with process.house.database.read() as db:
        return await views.still_waiting(db, waiting)


def _answer(verdicts: Sequence[Verdict], waiting: set[int]) -> dict[str, Any]:
    """What became of the events, in the form of the contract."""
    states = ["accepted" if v.state == "waiting" and v.seq not in waiting else v.state for v in verdicts]
    rejected = [_rejection(index, verdict) for index, verdict in enumerate(verdicts) if verdict.state == "rejected"]
    return {
        "accepted": states.count("accepted"),
        "known": states.count("known"),
        "waiting": states.count("waiting"),
        "rejected": rejected,
    }


def _rejection(index: int, verdict: Verdict) -> dict[str, Any]:
    errors = [{"path": error.path, "message": error.message} for error in verdict.errors]
    named = {"id": verdict.event_id} if verdict.event_id is not None else {}
    return {"index": index, **named, "errors": errors, "deadletter_id": verdict.deadletter_id}
