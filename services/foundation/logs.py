"""Logs: one JSON object a line on standard error, without personal data.

What happened is a constant name, and what there is to say of it stands in fields. Only the fields of `ALLOWED` are
written, anything else is dropped; an error is its class and the places it went through, never its message, since
messages quote what they choked on. Last of all, whatever looks like an address, a long number or a date is withheld
from the fields that are left. What libraries log goes the same way: their text is kept only for the few that say no
more than what they themselves are doing, and then without its values.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Ids of things, kinds, counts, codes and durations. Not ids of people: those are other systems' numbers for them.
ALLOWED = frozenset(
    {
        *("event", "level", "logger", "template", "error", "places"),
        *("request_id", "method", "route", "status", "duration_ms"),
        *("agency_id", "deadletter_id", "dispatch_id", "exception_id", "invitation_id", "meeting_id", "outbox_id"),
        *("team_id", "seq", "code", "failure", "kind", "outcome", "reason", "sequence", "stage", "state", "type"),
        *("accepted", "attempts", "count", "failed", "failures", "known", "left", "put_off", "rejected", "sent"),
        *("offset", "part", "partition", "pid", "port", "signal", "topic", "until", "wait_s", "waiting"),
    }
)
SPEAKING = ("alembic", "uvicorn.error")  # libraries whose texts are templates about themselves
# Heard from warnings on.
QUIET = ("aiokafka", "aiosmtpd", "aiosqlite", "alembic", "asyncio", "faust", "kafka", "mail.log", "mode", "sqlalchemy")
WITHHELD = "[withheld]"
UNNAMED = "unnamed"
NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}")
LONGEST = 200
PLACES = 12

# An e-mail address; nine digits or more, as telephone and NHS numbers have, however they are spaced; a date alone.
TELLING = re.compile(
    r"@|(?<!\w)\+?\(?\d(?:[ ()-]?\d){8,}(?!\w)|(?<!\w)\d{4}-\d\d-\d\d(?!\w)|(?<!\w)\d\d?[/.]\d\d?[/.]\d{2,4}(?!\w)"
)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send the logs of this process, ours and the libraries', to `stream` (None: standard error)."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    written: Sequence[Processor] = (
        _error,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _keep_allowed,
        _withhold,
        _stamp,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=written, foreign_pre_chain=[structlog.stdlib.add_log_level, _of_a_library], use_get_message=False
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _of_a_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's record: who speaks, and the template of what is said where that is known to hold no values."""
    record: logging.LogRecord = event["_record"]
    speaks = record.name.startswith(SPEAKING) and isinstance(record.msg, str)
    event["event"] = "library_message"
    event["logger"] = record.name
    if speaks:
        event["template"] = record.msg.strip()
    return event


def _error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An error as its class, with those behind it, and the places it went through."""
    info = event.pop("exc_info", None)
    record = event.get("_record")
    if not info and record is not None:
        info = record.exc_info
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = [type(each).__name__ for each in _chain(error)]
        frames = traceback.extract_tb(error.__traceback__)[-PLACES:]
        event["places"] = [f"{_place(frame.filename)}:{frame.lineno}" for frame in frames]
    return event


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found:
        found.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return found


def _place(filename: str) -> str:
    return "/".join(Path(filename).parts[-3:])


def _keep_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    name = event.get("event")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        event["event"] = UNNAMED
    return {key: value for key, value in event.items() if key in ALLOWED}


def _withhold(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _harmless(value) for key, value in event.items()}


def _harmless(value: Any) -> Any:
    """The value, unless it may tell of a person."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return WITHHELD if TELLING.search(str(value)) else value
    if isinstance(value, str):
        return WITHHELD if len(value) > LONGEST or TELLING.search(value) else value
    if isinstance(value, list | tuple):
        return [_harmless(each) for each in value]
    return WITHHELD


def _stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}
