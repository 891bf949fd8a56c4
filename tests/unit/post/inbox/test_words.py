"""What a person wrote, without what stands around it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.post.inbox.reading.words import LONGEST_TEXT, plain, written


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Yes.\n\nAda", "Yes.\n\nAda"),
        ("Yes.\r\n\r\n\r\n\r\nAda ", "Yes.\n\nAda"),
        ("Yes.\n\nOn Mon, 2 Nov 2026, Quorate wrote:\n> Come.", "Yes."),
        ("Yes.\n\nOn Mon, 2 Nov 2026 at 09:00, a very long name\n<a@b.example> wrote:\n\n> Come.", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: x\nCome.", "Yes."),
        ("Yes.\n\nFrom: Quorate\nSent: Monday\nTo: Duty\nSubject: Come\n\nCome.", "Yes."),
        ("Yes.\n________________________________\nFrom: x", "Yes."),
        ("Yes.\n-- \nAda Example\nCAMHS", "Yes.\n--\nAda Example\nCAMHS"),
        ("Yes.\n----------\nNB the father is back.", "Yes.\n----------\nNB the father is back."),
        ("> Come?\nNo.", "No."),
        (
            "On Mon, 2 Nov 2026, Quorate wrote:\n> Come?\nNo, I cannot.",
            "No, I cannot.",
        ),
        ("From what I know: he is safe.", "From what I know: he is safe."),
        ("On Monday we wrote: nothing yet.", "On Monday we wrote: nothing yet."),
        ("WARNING: External email. Do not open attachments from this sender.\n\nYes.", "Yes."),
        (
            "Warning: she said that she will not come home.\n\nAda",
            "Warning: she said that she will not come home.\n\nAda",
        ),
        ("> all\n> theirs", ""),
        (" \u200b\n\t\n", ""),
    ],
)
def test_only_what_the_person_wrote_is_left(text: str, own: str) -> None:
    assert written(text).text == own


def test_what_a_calendar_program_says_is_left_out_of_an_answer_alone() -> None:
    said = "Ada Example has declined the invitation to the following event:\n\nMeeting, ref A\n\nSorry!"
    assert written(said, ["Ada Example"]).text == "Sorry!"
    assert written(said).text.startswith("Ada Example has declined")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<br>b<p>c", "a\nb\nc"),
        ("a &lt;b&gt; &amp;amp; &eacute;&#233;&#x1F600;", "a <b> &amp; éé😀"),
        ("1 < 2 and 3 > 2, <3", "1 <  2 and 3 > 2, < 3"),
        ("<<b>script>", "< script>"),
        ("a<!-- <p>b</p> -->c", "ac"),
        ("a<!-- never closed", "a"),
        ("a<script>b", "a"),
        ("a<SCRIPT>b</Script >c", "ac"),
        ("a<b", "a"),
        ("<!DOCTYPE html><?xml v?>a<![if !mso]>b<![endif]><o:p>c</o:p>", "abc"),
        ("<head><title>x</title></head>a", "a"),
    ],
)
def test_html_is_read_as_words(html: str, text: str) -> None:
    assert plain(html) == text


@example("<<b>b")
@given(st.text(st.sampled_from("<>!-/ab=\"' &;#\nscriptylblockquote"), max_size=120))
def test_no_html_leaves_a_tag_behind(html: str) -> None:
    assert not re.search("<[a-z/!]*[a-z]", plain(html.replace("&", "")))


@given(st.text(max_size=300), st.lists(st.text(max_size=9), max_size=2))
def test_any_text_can_be_read_and_is_not_too_long(text: str, answerers: list[str]) -> None:
    own = written(text, answerers).text
    assert len(own) <= LONGEST_TEXT
    assert own == own.strip()
