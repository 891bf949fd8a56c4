"""The invitation as iCalendar, held to what the library writes for the same values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar

from services.invitations.calendar import Appointment, write, written_by_library

STARTS = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
PLAIN = Appointment(
    method="REQUEST",
    uid="7najl2zr7wqstcrg2cfofvlako@quorate.example",
    stamp=datetime(2027, 3, 1, 9, 30, tzinfo=UTC),
    starts_at=STARTS,
    ends_at=STARTS + timedelta(hours=1),
    sequence=3,
    summary="Multi-agency meeting, ref ABCD-EFGH",
    description="Everything about this meeting is in the e-mail.\nAnswer with your calendar's own buttons.",
    location="The place is in the message",
    url="https://meet.example/j/1?a=b,c;d",
    organizer=("Quorate meeting invitations", "reply+0123@quorate.example"),
    attendee=("Example CAMHS, Duty team", "duty@trust.nhs.example"),
)

# Any text that an event may hold: no half characters, and no control characters but tabs and line breaks.
text = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\r\t\"',;:\\^’é€😀ñ"), max_size=300)
line = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\"',;:\\^’é€😀ñ "), max_size=200)
bare = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
moment = st.builds(
    lambda seconds, hours: STARTS.astimezone(timezone(timedelta(hours=hours))) + timedelta(seconds=seconds),
    st.integers(-200_000_000, 200_000_000),
    st.sampled_from([0, 1]),
)


@given(
    st.sampled_from(["REQUEST", "CANCEL"]),
    st.fixed_dictionaries(
        {
            "stamp": moment,
            "starts_at": moment,
            "ends_at": moment,
            "sequence": st.integers(0, 10_000),
            "summary": text,
            "description": text,
            "location": line,
            "url": st.none() | bare,
            "organizer": st.tuples(line, bare),
            "attendee": st.tuples(line, bare),
        }
    ),
)
@example("REQUEST", {"attendee": ("two words", "a@x.example")})
@example("REQUEST", {"attendee": ('"', "a@x.example")})
@example("REQUEST", {"attendee": ("", "a@x.example")})
@example("REQUEST", {"location": "C:\\New \\N \\\\N"})
@example("CANCEL", {"description": "a\\" * 200})
@example("CANCEL", {"description": "^" * 200, "attendee": ("^" * 200, "a@x.example")})
@example("REQUEST", {"description": "😀" * 100, "summary": "é" * 33 + "\\" * 80})
def test_what_is_written_is_byte_for_byte_what_the_library_writes(method: Any, values: dict[str, Any]) -> None:
    appointment = PLAIN._replace(method=method, **values)
    assert write(appointment) == written_by_library(appointment)


@pytest.mark.parametrize("tail", ["a", "\\", "^", "é", "😀", "\n"])
def test_lines_are_cut_where_the_library_cuts_them_at_every_length(tail: str) -> None:
    for length in range(56, 72):
        name = "x" * length + tail.strip()
        appointment = PLAIN._replace(summary="x" * length + tail * 3, attendee=(name, "a@x.example"))
        assert write(appointment) == written_by_library(appointment)


@given(st.sampled_from(["REQUEST", "CANCEL"]), text, line, line)
def test_every_line_ends_in_crlf_and_has_at_most_75_octets_and_no_character_comes_apart(
    method: Any, description: str, location: str, name: str
) -> None:
    written = write(
        PLAIN._replace(method=method, description=description, location=location, attendee=(name, "a@x.example"))
    )
    assert written.endswith(b"END:VCALENDAR\r\n")
    lines = written.split(b"\r\n")
    assert all(len(each) <= 75 and b"\r" not in each and b"\n" not in each for each in lines)
    assert all(each.decode() for each in lines[:-1])


@given(text, line, line.map(lambda name: name.replace("\\", "")))  # a lone one there is more than the parser can read
def test_a_parser_reads_back_what_was_put_in(description: str, location: str, name: str) -> None:
    appointment = PLAIN._replace(description=description, location=location, attendee=(name, "a@x.example"))
    [event] = Calendar.from_ical(write(appointment)).walk("VEVENT")

    def breaks(value: str) -> str:
        return value.replace("\\N", "\n").replace("\r\n", "\n").replace("\r", "\n")

    assert str(event["location"]) == breaks(location)
    assert str(event["description"]) == breaks(description)
    assert str(event["attendee"].params["CN"]) == name
    assert str(event["attendee"]) == "mailto:a@x.example"


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_there_is_one_organizer_one_attendee_and_one_of_everything_else(method: Any) -> None:
    calendar = Calendar.from_ical(write(PLAIN._replace(method=method)))
    [event] = calendar.subcomponents
    names = [name for name, _ in event.property_items(recursive=False)]
    assert len(names) == len(set(names))
    assert str(event["organizer"]) == "mailto:reply+0123@quorate.example"
    assert str(event["attendee"]) == "mailto:duty@trust.nhs.example"


def test_a_request_asks_for_an_answer_and_a_cancellation_says_that_it_is_one() -> None:
    request = Calendar.from_ical(write(PLAIN))
    cancel = Calendar.from_ical(write(PLAIN._replace(method="CANCEL")))
    assert (request["method"], cancel["method"]) == ("REQUEST", "CANCEL")
    [asked], [gone] = request.subcomponents, cancel.subcomponents
    assert (asked["status"], gone["status"]) == ("CONFIRMED", "CANCELLED")
    assert (asked["attendee"].params["RSVP"], asked["attendee"].params["PARTSTAT"]) == ("TRUE", "NEEDS-ACTION")
    assert "RSVP" not in gone["attendee"].params
    assert asked["uid"] == gone["uid"]
    assert (asked["class"], asked["transp"], gone["transp"]) == ("CONFIDENTIAL", "OPAQUE", "TRANSPARENT")


def test_times_are_utc_so_that_there_is_no_time_zone_definition_to_misread() -> None:
    written = write(PLAIN._replace(starts_at=datetime(2027, 3, 29, 10, 0, tzinfo=timezone(timedelta(hours=1)))))
    assert b"\r\nDTSTART:20270329T090000Z\r\n" in written
    assert b"VTIMEZONE" not in written
    assert b"TZID" not in written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Zoë", b";CN=Zo\xc3\xab;"),
        ("Kim, Dr; Ada: MD", b';CN="Kim, Dr; Ada: MD";'),
        ("O'Neil", b';CN="O\'Neil";'),
        ('"Ada"', b";CN=^'Ada^';"),
        ("two\nlines^", b";CN=two^nlines^^;"),
    ],
)
def test_a_name_with_commas_colons_quotes_or_other_letters_is_quoted_and_escaped(name: str, written: bytes) -> None:
    """Source: RFC 5545 section 3.2, RFC 6868."""
    assert b"ATTENDEE" + written in write(PLAIN._replace(attendee=(name, "a@x.example")))


@pytest.mark.parametrize(
    "broken",
    [
        {"uid": "u\r\nATTENDEE:mailto:other@x.example"},
        {"url": "https://x.example\nATTENDEE:mailto:other@x.example"},
        {"organizer": ("n", "a@x.example\r\nX-A:1")},
        {"attendee": ("n", "a@x.example\rX-A:1")},
        {"attendee": ("n", "a@x.example\x85X-A:1")},
    ],
)
def test_a_line_break_in_a_uid_link_or_address_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no line break"):
        write(PLAIN._replace(**broken))


@given(text)
def test_no_text_can_begin_a_line_of_its_own(value: str) -> None:
    hostile = f"{value}\r\nATTENDEE:mailto:other@x.example\nEND:VEVENT\rMETHOD:PUBLISH"
    written = write(PLAIN._replace(summary=hostile, location=hostile, attendee=(hostile, "a@x.example")))
    names = [each.partition(b":")[0].partition(b";")[0] for each in written.split(b"\r\n") if each[:1] != b" "]
    expected = write(PLAIN).split(b"\r\n")
    assert names == [each.partition(b":")[0].partition(b";")[0] for each in expected if each[:1] != b" "]
