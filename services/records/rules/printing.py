"""Whether what was decided for a reader may still be printed, and when what could not be kept is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.records.rules.copies import Copy, Decided, copies
from services.records.rules.dispatch import EMAIL, Dispatch
from services.records.rules.record import Matter, Reader, Record

NOT_AS_DECIDED, CANNOT_BE_PRINTED = "not_as_decided", "cannot_be_printed"
"""Why nothing goes: less may go to the reader now than was decided, or the document cannot be made."""

_DECIDED = ("number", "why_not", "text")

# Waits while the disk takes no document; the last one goes on for as long as it does not.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30))


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: nobody ever gives up, since nothing is wrong with the document."""
    return WAITS[min(attempts, len(WAITS)) - 1]


def still_allowed(record: Record, dispatch: Dispatch, reader: Reader | None, matter: Matter) -> Copy | None:
    """The copy of a dispatch as it was decided; None where not all of it may go any more, or not to where it was to go.

    What was decided is what the coordinator saw. Where more would be allowed by now, no more is printed; where less is,
    nothing goes, and a person is told: what changed may make the rest of it wrong as well.
    """
    if reader is None or (dispatch.channel == EMAIL and reader.address != dispatch.address):
        return None
    reader = replace(reader, address=dispatch.address)
    decided = Copy(reader, tuple(Decided(*(e[name] for name in _DECIDED)) for e in dispatch.decided or ()))  # type: ignore[arg-type]
    [now] = copies(record, [reader], matter)
    return decided if decided.whole and set(decided.whole) <= set(now.whole) else None
