"""What a calendar program that is not ours makes of our messages: libical, which knows the tables of RFC 5546."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from services.foundation.settings import Settings
from services.invitations.render import render
from tests.unit.invitations.rows import AUDIENCES, CHANGES, row

SETTINGS = Settings(home=Path("nowhere"), secret="a-key-for-tests-alone")
READER = b"mailto:reader@place.example"
MOVED = {"starts_at": "2026-12-02T10:00:00+00:00", "ends_at": "2026-12-02T11:00:00+00:00"}


@dataclass(frozen=True)
class Libical:
    """The two libraries: one reads and checks, the other says what a message is to whoever holds an earlier one."""

    ical: ctypes.CDLL
    scheduling: ctypes.CDLL

    def read(self, calendar: bytes) -> int:
        component = self.ical.icalparser_parse_string(calendar)
        assert component
        return int(component)

    def allowed(self, component: int) -> bool:
        """Whether each property is there as often as the method allows."""
        return bool(self.ical.icalrestriction_check(component))

    def errors(self, component: int) -> int:
        return int(self.ical.icalcomponent_count_errors(component))

    def kind(self, component: int, before: int | None = None) -> str:
        found = self.scheduling.icalclassify(component, before, READER)
        return str(self.ical.icalproperty_enum_to_string(found).decode())


@pytest.fixture(scope="module")
def libical(require: Callable[[str, bool, str], None]) -> Libical:
    try:
        ical, scheduling = ctypes.CDLL("libical.so.3"), ctypes.CDLL("libicalss.so.3")
    except OSError:
        require("libical", False, "apt-get install libical3")
        raise
    pointer = ctypes.c_void_p
    ical.icalparser_parse_string.restype = pointer
    ical.icalparser_parse_string.argtypes = [ctypes.c_char_p]
    ical.icalrestriction_check.argtypes = [pointer]
    ical.icalcomponent_count_errors.argtypes = [pointer]
    ical.icalproperty_enum_to_string.restype = ctypes.c_char_p
    scheduling.icalclassify.argtypes = [pointer, pointer, ctypes.c_char_p]
    return Libical(ical, scheduling)


def calendar(audience: str = "team", change: str = "new", **others: Any) -> bytes:
    written = render(row(audience, change, **others), SETTINGS).calendar
    assert written is not None
    return written


@pytest.mark.parametrize(("audience", "change"), list(product(AUDIENCES, CHANGES)))
def test_every_message_holds_to_the_table_of_what_its_method_allows(
    libical: Libical, audience: str, change: str
) -> None:
    for others in ({}, {"place": None, "joining_url": None}, {"reader": 'Zoë, "the" chair; O\'Neil: \\ ^'}):
        component = libical.read(calendar(audience, change, **others))
        assert libical.allowed(component)
        assert libical.errors(component) == 0


def test_what_breaks_the_table_is_noticed(libical: Libical) -> None:
    whole = calendar()
    for line in (b"DTSTAMP", b"ORGANIZER", b"UID", b"DTSTART"):
        before, _, after = whole.partition(b"\r\n" + line)
        rest = after.split(b"\r\n")
        while len(rest) > 1 and rest[1].startswith(b" "):
            del rest[1]
        assert not libical.allowed(libical.read(before + b"\r\n" + b"\r\n".join(rest[1:])))


def test_a_first_message_is_a_new_request(libical: Libical) -> None:
    assert libical.kind(libical.read(calendar())) == "REQUEST-NEW"


def test_a_new_time_is_a_request_to_answer_anew(libical: Libical) -> None:
    first = libical.read(calendar())
    moved = calendar("team", "time", sequence=1, stamp="2026-11-02T09:00:01+00:00", **MOVED)
    assert libical.kind(libical.read(moved), first) == "REQUEST-RESCHEDULE"


def test_a_new_place_is_an_update_of_the_same_request(libical: Libical) -> None:
    first = libical.read(calendar())
    later = {"revision": 1, "stamp": "2026-11-02T09:00:01+00:00", "place": "Room 2", "venue_is_known": True}
    assert libical.kind(libical.read(calendar("team", "details", **later)), first) == "REQUEST-UPDATE"


@pytest.mark.parametrize("change", ["cancelled", "withdrawn"])
def test_a_cancellation_cancels_the_event(libical: Libical, change: str) -> None:
    first = libical.read(calendar())
    gone = calendar("team", change, sequence=1, stamp="2026-11-02T09:00:01+00:00")
    assert libical.kind(libical.read(gone), first) == "CANCEL-EVENT"


def test_a_repeat_and_a_message_that_was_overtaken_change_nothing(libical: Libical) -> None:
    first = libical.read(calendar())
    moved = libical.read(calendar("team", "time", sequence=1, stamp="2026-11-02T09:00:01+00:00", **MOVED))
    assert libical.kind(libical.read(calendar()), first) == "OBSOLETE"
    assert libical.kind(first, moved) == "OBSOLETE"


def test_being_asked_again_after_a_cancellation_is_not_taken_for_an_old_message(libical: Libical) -> None:
    gone = libical.read(calendar("team", "cancelled", sequence=1, stamp="2026-11-02T09:00:01+00:00"))
    again = calendar("team", "again", sequence=2, stamp="2026-11-02T09:00:02+00:00")
    assert libical.kind(libical.read(again), gone).startswith("REQUEST-")
