"""What each reader is told, in text, in HTML and in the calendar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from jinja2 import FileSystemLoader, UndefinedError

from services.foundation.letters import Letter
from services.foundation.settings import Settings
from services.invitations import render as rendering
from services.invitations.render import EMAILS, authority_name, clock_time, long_day, notice_given, render, wrapped
from services.invitations.tokens import answer_link, local_part
from tests.unit.invitations.rows import AGENCY, AUDIENCES, CHANGES, FAMILY, STARTS, row

SETTINGS = Settings(home=Path("nowhere"), secret="a-key-for-tests-alone")
PAGE = "http://127.0.0.1:8080/answer/"
EVERY = list(product(AUDIENCES, CHANGES))
ELEMENTS = {
    "html",
    "head",
    "meta",
    "title",
    "body",
    "div",
    "p",
    "b",
    "br",
    "h1",
    "h2",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "a",
}
VOID = {"meta", "br"}


def letter(audience: str = "professional", change: str = "new", **others: Any) -> Letter:
    return render(row(audience, change, **others), SETTINGS)


class Page(HTMLParser):
    """What a browser makes of a page: its text, its elements, and whether every one is closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.pieces).split())


def flat(text: str) -> str:
    return " ".join(text.split())


def longest(text: str) -> int:
    """How long the longest line is, apart from a link to the answer page: that stands on a line of its own, whole."""
    return max(len(line) for line in text.split("\n") if not re.fullmatch(rf"{PAGE}[\w-]+", line))


def both(sent: Letter) -> tuple[str, str]:
    """The words of the text and those of the HTML."""
    return flat(sent.text), Page(sent.html).words


def event(sent: Letter) -> Any:
    assert sent.calendar is not None
    [found] = Calendar.from_ical(sent.calendar).walk("VEVENT")
    return found


@pytest.mark.parametrize(("audience", "change"), EVERY)
def test_every_message_has_both_forms_with_the_day_the_time_in_london_and_the_reference(
    audience: str, change: str
) -> None:
    sent = letter(audience, change)
    for words in both(sent):
        assert "Tuesday 1 December 2026" in words
        assert "10:00am to 11:30am" in words
        assert "(time in London)" in words
        assert "ABCD-EFGH" in words
        assert "Pat Coordinator" in words
    assert "Tuesday 1 December 2026" in sent.subject
    assert sent.subject.endswith(", ref ABCD-EFGH")
    assert sent.subject[0].isupper()
    assert "  " not in sent.subject


@pytest.mark.parametrize(("audience", "change"), EVERY)
def test_lines_of_text_have_at_most_78_signs_and_nothing_is_left_hanging(audience: str, change: str) -> None:
    text = letter(audience, change).text
    assert longest(text) <= 78
    assert not re.search(r"[ \t]\n", text)
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert text[0] != "\n"
    assert not re.search(r"None|\{\{|\{%|Undefined|, ,|\(\)", text)


@pytest.mark.parametrize(("audience", "change"), EVERY)
def test_the_html_stands_by_itself(audience: str, change: str) -> None:
    """No picture, no style sheet, no script, no link but to join and answer: nothing that fetches or tells anyone."""
    page = Page(letter(audience, change).html)
    elements = {name for name, _ in page.elements}
    assert elements <= ELEMENTS
    assert all(
        not re.search(r"url\(|@import|expression", attributes.get("style") or "") for _, attributes in page.elements
    )
    links = {attributes["href"] or "" for name, attributes in page.elements if name == "a"}
    assert {link for link in links if not link.startswith(PAGE)} <= {row()["joining_url"]}
    assert all(not name.startswith("on") and name not in {"src", "background"} for _, a in page.elements for name in a)


@pytest.mark.parametrize(("audience", "change"), EVERY)
def test_the_html_can_be_used_by_everyone(audience: str, change: str) -> None:
    """Language named, one main heading before the others, lists that are lists."""
    page = Page(letter(audience, change).html)
    names = [name for name, _ in page.elements]
    assert ("html", {"lang": "en-GB"}) in page.elements
    assert names.count("h1") == 1
    assert names.index("h1") < (names.index("h2") if "h2" in names else len(names))
    assert names.count("title") == 1
    assert any(name == "meta" and "width=device-width" in (a.get("content") or "") for name, a in page.elements)
    sizes = [
        int(size) for _, a in page.elements for size in re.findall(r"font(?:-size)?:(\d+)px", a.get("style") or "")
    ]
    assert min(sizes) >= 16


def test_colours_can_be_told_apart() -> None:
    """At least 4.5 to 1 for every colour of text on its ground. Source: WCAG 2.2, 1.4.3."""

    def luminance(colour: str) -> float:
        colour = colour if len(colour) == 6 else "".join(2 * each for each in colour)
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    html = "".join(letter(audience, change).html for audience, change in EVERY)
    assert set(re.findall(r"background:(#\w+)", html)) == {"#fff"}
    colours = set(re.findall(r"[;\"]color:#(\w+)", html))
    assert len(colours) >= 2
    assert all(1.05 / (luminance(colour) + 0.05) >= 4.5 for colour in colours)


@pytest.mark.parametrize("audience", AGENCY)
@pytest.mark.parametrize("change", CHANGES)
def test_an_agencys_message_is_marked_first_and_last(audience: str, change: str) -> None:
    for words in both(letter(audience, change)):
        words = words.removeprefix(letter(audience, change).subject).strip()
        assert words.startswith("OFFICIAL-SENSITIVE You may share this with colleagues in your agency who need it")
        assert "Do not forward it outside your agency." in words
        assert words.endswith("do not forward this message outside your agency.")


@pytest.mark.parametrize("audience", FAMILY)
@pytest.mark.parametrize("change", CHANGES)
def test_a_familys_message_is_called_private_in_words_of_its_own(audience: str, change: str) -> None:
    sent = letter(audience, change)
    assert sent.text.startswith("PRIVATE: this message is for you.")
    for words in both(sent):
        assert "OFFICIAL" not in words


@pytest.mark.parametrize("audience", AGENCY)
def test_an_agency_reads_who_it_is_about_why_it_is_asked_and_what_to_bring_by_when(audience: str) -> None:
    for words in both(letter(audience)):
        for part in (
            "initial child protection conference",
            "Room 1, Council House",
            "https://meet.council.example/j/1?p=a&q=b",
            "Alex Chair",
            "Pat Coordinator, for Leicester",
            "20 working days",
            "KJ, born 5 May 2014, NHS number 999 000 0018",
            "Goes by Sam, they/them",
            "KJ has been on the waiting list of Example CAMHS since 3 March 2026.",
            "by Thursday 26 November 2026",
            "What is working well? ",
            "What are we worried about? ",
            "What needs to happen?",
            "plain text, or as a Word or PDF file",
        ):
            assert re.sub(r" ?, ", ", ", part) in re.sub(r" ?, ", ", ", words)


@pytest.mark.parametrize("audience", AGENCY)
def test_every_way_to_take_part_is_offered(audience: str) -> None:
    for words in both(letter(audience)):
        for way in (
            "come in person",
            "join by video",
            "speak by phone, in a slot that suits you",
            "send a report only",
            "send someone in your place: say who",
            "send apologies",
            "Or reply to this message, or use the buttons in your calendar.",
        ):
            assert way in words


def test_a_named_worker_is_addressed_and_a_team_is_asked_to_name_someone() -> None:
    for words in both(letter("professional")):
        assert "For the attention of Dr Ada Example" in words
        assert "name of the person who will come" not in words
    for words in both(letter("team")):
        assert "For Example CAMHS, Duty team" in words
        assert "reply with the name of the person who will come" in words
        assert "attention" not in words


def test_a_service_that_a_child_waits_for_learns_that_a_few_lines_are_enough() -> None:
    sentence = (
        "known to you since, last reviewed, risk at triage, not yet seen. "
        "You do not need to have met the child, and no diagnosis is needed."
    )
    for words in both(letter("team")):
        assert "A child on your waiting list counts (KJ)." in words
        assert sentence in words
    for words in both(letter("team", waiting="")):
        assert "waiting list counts" not in words


def test_a_practice_learns_that_its_report_counts_when_nobody_can_come() -> None:
    for words in both(letter("team", agency_kind="gp")):
        assert "If nobody can leave the surgery" in words
    for words in both(letter("team", agency_kind="police")):
        assert "surgery" not in words


@pytest.mark.parametrize("audience", AGENCY)
def test_where_the_family_is_not_told_nobody_is_asked_to_go_through_a_report_with_them(audience: str) -> None:
    for words in both(letter(audience, family_told=False)):
        assert "do not tell the family yet" in words.lower()
        assert "record that they can see online" in words
        assert "Go through it with the family" not in words
    for words in both(letter(audience)):
        assert "do not tell the family yet" not in words.lower()
        assert "Go through it with the family first, unless that could put someone at risk." in words


@pytest.mark.parametrize("audience", AUDIENCES)
def test_what_changed_is_said_before_all_else_that_the_message_holds(audience: str) -> None:
    said = {
        "time": ("new time", "Monday 30 November 2026 at 2:30pm"),
        "details": ("new place", "the"),
        "cancelled": ("is cancelled", "new date"),
        "withdrawn": ("no longer asked" if audience in AGENCY else "do not need to come", ""),
        "again": ("again", "come" if audience in FAMILY else "had been cancelled"),
        "address": ("takes the place of any earlier", ""),
    }
    for change, (title, words) in said.items():
        for body in both(letter(audience, change)):
            at = body.lower().index(title)
            assert at < body.index("When")
            assert words in body
    for body in both(letter(audience, "new")):
        assert not any(title in body for title in ("** ", "takes the place", "no longer asked"))


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        (["place"], "New place"),
        (["link"], "New joining link"),
        (["place", "link"], "New place and new joining link"),
    ],
)
def test_a_changed_place_or_link_is_named_as_such(changed: list[str], title: str) -> None:
    sent = letter("professional", "details", changed=changed)
    for words in both(sent):
        assert title in words
        assert "an answer that you have given still counts" in words
    assert sent.subject.startswith("New place: " if "place" in changed else "New joining link: ")


def test_where_only_the_end_has_changed_no_earlier_beginning_is_named() -> None:
    for audience in AUDIENCES:
        for words in both(letter(audience, "time", was=STARTS)):
            assert "ends at another time" in words
            assert "was to begin" not in words
            assert "was going to be" not in words


@pytest.mark.parametrize("change", ["cancelled", "withdrawn"])
@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_cancellation_says_no_more_than_which_meeting_it_was(audience: str, change: str) -> None:
    sent = letter(audience, change)
    for words in both(sent):
        for part in ("KJ", "Sam", "999", "Room 1", "meet.council", "Alex Chair", "26 November", "waiting"):
            assert part not in words
    assert "url" not in event(sent)
    assert "meet.council" not in event(sent)["description"]


@pytest.mark.parametrize("audience", FAMILY)
@pytest.mark.parametrize("change", CHANGES)
def test_a_family_reads_nothing_of_child_protection_the_kind_of_meeting_or_why(audience: str, change: str) -> None:
    sent = letter(audience, change)
    for words in (sent.subject, sent.text, sent.html, str(event(sent)["summary"])):
        assert not re.search(r"child protection|conference|strategy|agency|multi-agency|CAMHS|quora", words, re.I)


def test_a_child_is_not_called_by_a_name_and_may_choose() -> None:
    for words in both(letter("child")):
        assert "Hello ," in words or "Hello," in words
        assert "what you think matters" in words
        assert "an advocate" in words
        assert "not come" in words


@pytest.mark.parametrize("audience", AUDIENCES)
def test_whoever_answered_an_earlier_time_is_told_that_it_has_changed_and_since_when(audience: str) -> None:
    sent = letter(audience, "earlier_answer")
    assert sent.subject.startswith("Please answer again: ")
    for words in both(sent):
        assert "The time has changed since your answer" in words
        assert "You answered for Monday 30 November 2026 at 2:30pm" in words
        assert "Tuesday 1 December 2026" in words
    for words in both(letter(audience, "earlier_answer", was=STARTS)):
        assert "Your answer was to an earlier " in words
        assert "The time has changed" not in words


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_reminder_says_by_when_and_presses_no_child(audience: str) -> None:
    sent = letter(audience, "reminder")
    assert sent.subject.startswith("Reminder: ")
    for words in both(sent):
        assert "by Wednesday 25 November 2026" in words
        assert ("You do not have to answer." in words) == (audience == "child")
        assert ("We have not heard from you" in words) == (audience != "child")


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_invitation_that_was_asked_for_says_that_an_answer_to_it_stands(audience: str) -> None:
    sent = letter(audience, "requested")
    assert sent.subject == letter(audience, "new").subject
    for words in both(sent):
        assert "an answer that you have given still counts" in words


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize(
    ("missing", "reads"),
    [
        ({"place": None}, {"professional": "by video; no room is given", "relative": "by video, with the link below"}),
        (
            {"place": None, "joining_url": None},
            {"professional": "not given yet; the organiser will tell you", "relative": "we will tell you soon"},
        ),
        ({"joining_url": None}, {"professional": "say so, and you will be sent a link", "relative": "Room 1"}),
        ({"chair": None}, {"professional": "not named yet", "relative": "Pat Coordinator"}),
        ({"report_by": None}, {"professional": "as soon as you can before the meeting", "relative": "Pat Coordinator"}),
        ({"children": []}, {"professional": "why you are asked", "relative": "Pat Coordinator"}),
    ],
)
def test_what_is_missing_reads_well(audience: str, missing: dict[str, Any], reads: dict[str, str]) -> None:
    sent = letter(audience, **missing)
    expected = reads["relative" if audience in FAMILY else "professional"].lower()
    for words in both(sent):
        assert expected in words.lower()
        assert "None" not in words
    assert "None" not in sent.html
    assert longest(sent.text) <= 78


def test_a_child_without_number_name_or_date_is_told_of_by_initials_alone() -> None:
    bare = {"initials": "Baby A", "age": None, "nhs_number": None, "preferred_name": None, "pronouns": None}
    text = letter(children=[bare]).text
    assert "\n- Baby A\n\nWHY YOU ARE ASKED\n" in text
    only_pronouns = {**bare, "age": "expected 3 March 2027", "pronouns": "she/her"}
    assert "\n- Baby A, expected 3 March 2027\n  Pronouns: she/her\n\n" in letter(children=[only_pronouns]).text


def test_a_video_meeting_without_a_room_offers_no_place_to_come_to() -> None:
    for words in both(letter(place=None)):
        assert "come in person" not in words


@pytest.mark.parametrize(
    "word", ["<script>alert(1)</script>", 'O\'Neil & Sons "Ltd"', "Zoë Ní Bhriain", "</li></ul><img src=x onerror=y>"]
)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_whatever_a_value_holds_is_shown_and_not_obeyed(audience: str, word: str) -> None:
    others: dict[str, Any] = {
        "organiser": word,
        "chair": word,
        "place": word,
        "reader": word,
        "reasons": [word],
        "attention": word,
    }
    sent = letter(audience, **others)
    page = Page(sent.html)
    assert flat(word) in page.words
    assert {name for name, _ in page.elements} <= ELEMENTS
    assert word in sent.text


def test_a_link_cannot_leave_its_attribute() -> None:
    url = "https://meet.example/?a=\"><script>b</script>&c='d'"
    page = Page(letter(joining_url=url).html)
    links = [a["href"] or "" for name, a in page.elements if name == "a"]
    assert {link for link in links if not link.startswith(PAGE)} == {url}


def test_a_value_that_is_missing_from_the_row_is_an_error_and_not_a_blank() -> None:
    for audience in AUDIENCES:
        for name in ("organiser", "reference", "place", "changed"):
            broken = row(audience, "time")
            del broken[name]
            with pytest.raises((UndefinedError, KeyError)):
                render(broken, SETTINGS)


def test_the_same_row_gives_the_same_letter() -> None:
    assert letter() == letter()


def test_what_is_put_in_place_of_an_include_gives_what_an_include_gives() -> None:
    environment = rendering._environment(FileSystemLoader(EMAILS))
    for audience, change in EVERY:
        sent = letter(audience, change)
        shown = {
            "day": "Tuesday 1 December 2026",
            "from_time": "10:00am",
            "to_time": "11:30am",
            "was": "Monday 30 November 2026 at 2:30pm" if change in {"time", "earlier_answer"} else None,
            "answer_by": "Wednesday 25 November 2026" if change == "reminder" else None,
            "notice_given": "20 working days",
            "authority_name": "Leicester",
            "cancelled": change in {"cancelled", "withdrawn"},
            "subject": sent.subject,
            "answer_url": next(iter(re.findall(rf"{PAGE}[\w-]+", sent.text)), None),
        }
        values = row(audience, change) | shown | {"report_by": "Thursday 26 November 2026"}
        folder = f"invitation_{audience}"
        assert environment.get_template(f"{folder}/body.html").render(values) == sent.html
        assert wrapped(environment.get_template(f"{folder}/body.txt").render(values)) == sent.text


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("change", CHANGES)
def test_every_reader_who_is_asked_has_a_link_of_their_own_to_answer_by_in_both_forms(
    audience: str, change: str
) -> None:
    asked = change not in {"cancelled", "withdrawn"}
    sent = letter(audience, change, invitation_id="ab" * 13)
    ends = datetime.fromisoformat(row()["ends_at"])
    link = PAGE + answer_link(SETTINGS.key, "ab" * 13, "reader@place.example", ends + timedelta(days=14))
    assert (link in sent.text.split("\n")) == asked
    assert set(re.findall(rf"{PAGE}[^\"]*", sent.html)) == ({link} if asked else set())
    assert PAGE not in sent.subject + str(event(sent))
    assert letter(audience, change, invitation_id="ab" * 13) == sent


@pytest.mark.parametrize(
    ("others", "begins"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"public_url": "https://meetings.council.example/asked/"}, "https://meetings.council.example/asked"),
        ({"smtp": "smtp://mail.example:25", "public_url": "https://a.example"}, "https://a.example"),
        ({"smtp": "smtp://mail.example:25", "public_url": "http://localhost:8080"}, "http://localhost:8080"),
        ({"smtp": "smtp://mail.example:25"}, None),
        ({"smtp": "smtp://mail.example:25", "public_url": "http://a.example"}, None),
        ({"public_url": "http://a.example"}, None),
    ],
)
def test_a_link_that_nobody_could_open_or_everybody_could_read_on_its_way_is_left_out(
    others: dict[str, Any], begins: str | None
) -> None:
    settings = Settings(home=Path("nowhere"), secret="a-key-for-tests-alone", **others)
    for audience in AUDIENCES:
        sent = render(row(audience, joining_url=None), settings)
        for words in (sent.text, sent.html):
            assert ("/answer/" in words) == (begins is not None)
            assert f"{begins}/answer/" in words or begins is None
            assert "page" not in words or begins is not None
        assert "eply to this message" in sent.text


def test_the_calendar_names_no_place_that_the_policy_does_not_list() -> None:
    refuge = "12 Example Close"
    assert event(letter(place=refuge))["location"] == "The place is in the message"
    assert event(letter(place=refuge, venue_is_known=True))["location"] == refuge
    assert event(letter(place=None))["location"] == "By video"
    assert event(letter(place=None, joining_url=None))["location"] == "The place is not given yet"


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("change", CHANGES)
def test_the_summary_is_neutral_and_the_reader_is_the_one_attendee(audience: str, change: str) -> None:
    found = event(letter(audience, change))
    assert found["summary"] == ("Meeting" if audience in FAMILY else "Multi-agency meeting") + ", ref ABCD-EFGH"
    assert found["attendee"] == "mailto:reader@place.example"
    assert found["class"] == "CONFIDENTIAL"


def test_the_organizer_is_the_sender_and_carries_a_token_of_this_invitation() -> None:
    first, second = letter(), letter(invitation_id="another")
    assert event(first)["organizer"] == f"mailto:{first.from_address}"
    assert first.from_address != second.from_address
    assert first.from_address.startswith("reply+")
    assert first.sender == f"{local_part(SETTINGS.key, 'bounce', row('team')['invitation_id'])}@{SETTINGS.mail_domain}"
    assert first.method == "REQUEST"
    assert letter("team", "cancelled").method == "CANCEL"


def test_message_id_and_uid_hang_on_the_invitation_and_its_numbers_alone() -> None:
    one = letter(sequence=2, revision=1)
    assert one.message_id == "<7najl2zr7wqstcrg2cfofvlako.2.1@quorate.example>"
    assert event(one)["uid"] == event(letter("team", "cancelled", sequence=9))["uid"]
    assert event(one)["sequence"] == 2


@pytest.mark.parametrize(
    ("starts", "utc", "day", "clock"),
    [
        ("2027-03-26T10:00:00+00:00", "20270326T100000Z", "Friday 26 March 2027", "10:00am"),
        ("2027-03-28T09:00:00+00:00", "20270328T090000Z", "Sunday 28 March 2027", "10:00am"),
        ("2027-03-29T09:00:00+00:00", "20270329T090000Z", "Monday 29 March 2027", "10:00am"),
        ("2027-10-30T09:00:00+00:00", "20271030T090000Z", "Saturday 30 October 2027", "10:00am"),
        ("2027-10-31T10:00:00+00:00", "20271031T100000Z", "Sunday 31 October 2027", "10:00am"),
        ("2027-07-01T23:30:00+00:00", "20270701T233000Z", "Friday 2 July 2027", "12:30am"),
        ("2027-03-29T10:00:00+01:00", "20270329T090000Z", "Monday 29 March 2027", "10:00am"),
        ("2027-01-04T12:00:00+00:00", "20270104T120000Z", "Monday 4 January 2027", "12:00pm"),
    ],
)
def test_ten_oclock_in_london_is_ten_oclock_whichever_way_the_clocks_have_gone(
    starts: str, utc: str, day: str, clock: str
) -> None:
    sent = letter(starts_at=starts, ends_at=starts)
    assert sent.calendar is not None
    assert f"\r\nDTSTART:{utc}\r\n".encode() in sent.calendar
    for words in both(sent):
        assert f"{day}, {clock} to {clock}" in words
    assert day in sent.subject


def test_a_meeting_that_ends_on_another_day_says_which() -> None:
    for words in both(letter(ends_at="2026-12-02T01:00:00+00:00")):
        assert "10:00am to 1:00am on Wednesday 2 December 2026" in words


def test_days_times_notice_and_authorities_read_as_people_write_them() -> None:
    instant = datetime(2027, 3, 29, 9, 5, tzinfo=UTC)
    assert (long_day(instant), clock_time(instant)) == ("Monday 29 March 2027", "10:05am")
    assert [notice_given(days) for days in (0, 1, 12)] == [
        "less than one working day",
        "1 working day",
        "12 working days",
    ]
    assert authority_name("leicester-city") == "Leicester City"
    assert authority_name("Rutland County Council") == "Rutland County Council"


words = st.text("ab c-", min_size=1, max_size=60)


@given(st.lists(words, min_size=1, max_size=12).map(" ".join), st.sampled_from(["", "- ", "  ", "Where:      "]))
def test_wrapping_changes_nothing_but_line_breaks_and_keeps_to_78_signs(sentence: str, head: str) -> None:
    source = head + " ".join(sentence.split())
    out = wrapped(source).split("\n")
    assert " ".join(" ".join(out).split()) == " ".join(source.split())
    assert all(len(each) <= 78 or " " not in each.strip() for each in out)
    assert all(each.startswith(" " * len(head)) for each in out[1:])


def test_a_word_that_is_longer_than_a_line_stays_whole() -> None:
    url = "https://meet.example/" + "x" * 100
    assert wrapped(f"Video link: {url}") == f"Video link: {url}"
    assert wrapped(f"- see {url} and more {url}") == f"- see\n  {url}\n  and more\n  {url}"
