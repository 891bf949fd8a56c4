"""What is printed is what was written: every list, every line, every letter, or the name of one that has no shape."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from pypdf import PdfReader

from services.records.document import blocks
from services.records.lettering import LONGEST_WORD, Lettering, letters_of
from services.records.printing import FACES, CannotPrint, Printer, literal
from tests.pdf import text_of

NOON = 1_772_452_800


def fit(text: str) -> str:
    return Lettering(*FACES).fit(text)


def content(*sections: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document with everything in it, short."""
    table = {"heading": "Who took part", "columns": ["Who", "Invited", "Took part", "Report"], "rows": []}
    return {
        "marking": "OFFICIAL-SENSITIVE",
        "handling": "Keep this securely.",
        "author": "Leicester",
        "title": "Minutes: Core group",
        "reference": "ABCD-EFGH",
        "version": 1,
        "facts": [["Date", "Monday 4 May 2026"]],
        "notes": ["This is your own copy."],
        "participants": table,
        "sections": list(sections) or [{"heading": "Summary", "blocks": blocks("Nothing of note.")}],
    } | more


def words(pdf: bytes) -> str:
    return text_of(pdf).replace("\u200b", "")


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer("record")


def test_lines_that_begin_with_a_dash_are_a_list() -> None:
    assert blocks("Agreed:\n- a visit each week\n- a letter\n  to the school\n\nEnd") == [
        {"kind": "paragraph", "text": "Agreed:"},
        {"kind": "bullets", "items": ["a visit each week", "a letter\nto the school"]},
        {"kind": "paragraph", "text": "End"},
    ]


def test_numbered_lines_keep_the_numbers_that_they_were_given() -> None:
    assert blocks("1. first\n2) second\n\n7. seventh\n  goes on") == [
        {"kind": "numbers", "items": [[1, "first"], [2, "second"], [7, "seventh\ngoes on"]]}
    ]


@pytest.mark.parametrize("text", ["-no list", "12.5 mg", "2026. A year", "3.May", "-", "1."])
def test_what_only_looks_like_a_list_is_a_paragraph(text: str) -> None:
    assert blocks(text) == [{"kind": "paragraph", "text": text}]


def test_lines_stay_lines_and_an_empty_one_begins_a_paragraph() -> None:
    assert blocks("one\ntwo\n\n\nthree") == [
        {"kind": "paragraph", "text": "one\ntwo"},
        {"kind": "paragraph", "text": "three"},
    ]


@given(st.text(alphabet="ab1- .)\n•*", max_size=60))
@settings(max_examples=500)
@example("- a\n  - b\n1. c\n d")
def test_no_letter_is_lost_between_text_and_blocks(text: str) -> None:
    found = []
    for each in blocks(text):
        items = [each["text"]] if each["kind"] == "paragraph" else each["items"]
        found += [str(item) if isinstance(item, str) else f"{item[0]}{item[1]}" for item in items]
    kept = [each for each in text if each in "ab"]
    assert [each for each in "".join(found) if each in "ab"] == kept


@pytest.mark.parametrize(
    "name",
    [
        "Siân Ŵyn Llŷr",
        "Łucja Żółć-Dąbrowska",
        "عائشة محمد",
        "ڈاکٹر گلزار ٹھیک",
        "Nguyễn Thị Hồng",
        "Ọláṣubọ̀mí",
        "שרה כהן",
        "Анна Їжак",
        "Ωμέγα",
        "Þórdís Guðmundsdóttir",
        "Ștefan Țurcanu",
        "ژینا ڕێبوار",
    ],
)
def test_names_have_all_their_letters(name: str, printer: Printer) -> None:
    lettering = Lettering(*FACES)
    shown = lettering.line(name)
    assert shown == unicodedata.normalize("NFC", name)
    assert not lettering.marked
    section = {"heading": shown, "blocks": blocks(shown)}
    assert printer.print(content(section), shown, NOON).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("আমিনা Begum", "[in Bengali letters] Begum"),
        ("李小龍", "[in Chinese letters]"),
        ("Thanks 👍🏽", "Thanks [thumbs up sign]"),
        ("👨‍👩‍👧", "[man, woman, girl]"),
        ("\ue000", "[character U+E000]"),
        ("தமிழ்", "[in Tamil letters]"),
        ("They pray (\u06dd).", "They pray ([arabic end of ayah])."),
        ("\u0600\u0601 7", "[arabic number sign, arabic sign sanah] 7"),
    ],
)
def test_what_has_no_shape_is_named_where_it_stood(written: str, printed: str) -> None:
    lettering = Lettering(*FACES)
    assert lettering.fit(written) == printed
    assert lettering.marked


def test_signs_that_would_turn_the_words_around_them_are_left_out() -> None:
    assert fit("Do \u202enot\u202c \u2066go\u2069") == "Do not go"


@pytest.mark.parametrize("mark", ["\u200f", "\u061c", "\u200e", "\u202e"])
def test_no_mark_turns_a_number_into_another(mark: str) -> None:
    assert fit(f"No. {mark}4567{mark} 123{mark} 999, who wept") == "No. 4567 123 999, who wept"


@pytest.mark.parametrize("written", ["אבא {} אבא", "محمد {} محمد", "{} and ٤٥", "ژینا {}"])
@pytest.mark.parametrize("groups", [("4567", " ", "123", " ", "999"), ("٤٥", "-", "١٢"), ("4", "_", "5", " - ", "6")])
def test_a_number_is_set_apart_from_letters_that_would_turn_its_groups(
    written: str, groups: tuple[str, ...], printer: Printer
) -> None:
    """A reader would else read another number than the one that was looked for."""
    apart = "".join(f"\u200e{each}" if each[0].isdigit() else each for each in groups)
    shown = fit(written.format("".join(groups)))
    assert shown == written.format(f"\u2066{apart}\u2069")
    assert printer.print(content({"heading": shown, "blocks": blocks(shown)}), shown, NOON).startswith(b"%PDF")


def test_an_item_keeps_its_number_where_letters_from_right_to_left_follow() -> None:
    assert blocks(fit("1. 20 אבא\n2) 30 40 אבא")) == [
        {"kind": "numbers", "items": [[1, "20 אבא"], [2, "\u2066\u200e30 \u200e40\u2069 אבא"]]}
    ]


def test_every_sign_that_steers_how_others_are_set_can_be_printed(printer: Printer) -> None:
    steering = [each for each in map(chr, range(0x110000)) if unicodedata.category(each) == "Cf"]
    assert len(steering) > 150
    shown = fit("\n".join(f"He said {each} so." for each in steering))
    assert printer.print(content({"heading": "Signs", "blocks": blocks(shown)}), "Reader", NOON).startswith(b"%PDF")


def test_a_very_long_word_may_be_broken_and_keeps_every_letter(printer: Printer) -> None:
    word = "https://records.example/" + "0123456789abcdef" * 60
    shown = fit(word)
    assert max(map(len, shown.split("\u200b"))) <= LONGEST_WORD
    made = printer.print(content({"heading": shown[:200], "blocks": blocks(shown)}), "Reader", NOON)
    page = PdfReader(BytesIO(made)).pages[0]
    rights: list[float] = []
    page.extract_text(visitor_text=lambda text, cm, tm, font, size: rights.append(tm[4]) if text.strip() else None)
    assert max(rights) < float(page.mediabox.width)
    assert word.replace("/", "") in words(made).replace(" ", "").replace("/", "")


@given(st.text(min_size=1, max_size=80))
@settings(max_examples=150)
@example("\x00\x07\x1b\ud800\ufffe\u2028\u2029")
@example('#panic() "\\u{41}" $x$ *b* _i_ `c` @ref <l> // /* [ ] { } #let #import "/record.typ"')
def test_whatever_was_written_can_be_printed(text: str) -> None:
    lettering = Lettering(*FACES)
    shown = lettering.fit(text)
    section = {"heading": lettering.line(f"Heading {text}"), "blocks": blocks(shown)}
    made = PRINTER.print(content(section), lettering.line(f"Reader {text}"), NOON)
    assert made.startswith(b"%PDF")


PRINTER = Printer("record")


def test_nothing_that_was_written_is_run(printer: Printer) -> None:
    text = '#panic("run") " + read("/record.typ") + " \\" #sys.version $1+1$ *bold* \\u{41}'
    made = printer.print(content({"heading": text, "blocks": blocks(text)}), text, NOON)
    assert words(made).count(text) >= 3  # the heading, the section, and whom it is for


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_string_holds_nothing_but_letters_digits_and_numbers_of_characters(text: str) -> None:
    inside = literal(text)[1:-1].replace("\\u{", "").replace("}", "")
    assert all(each.isascii() and (each.isalnum() or each == " ") for each in inside)


def test_every_letter_that_is_let_through_has_a_shape_in_both_faces() -> None:
    let_through = Lettering(*FACES).letters
    assert all({ord(letter) for letter in let_through} - {0x0A} <= letters_of(face) for face in FACES)
    assert len(let_through) > 5_000
    some = [fit(letter) for letter in sorted(let_through) if letter > " "]
    lines = "\n".join(" ".join(some[at : at + 40]) for at in range(0, len(some), 40))
    PRINTER.print(content({"heading": "All", "blocks": blocks("- " + lines.replace("\n", "\n- "))}), "Reader", NOON)


def test_a_document_is_the_same_bytes_each_time_and_another_for_another_reader() -> None:
    same = [Printer("record").print(content(), "Example CAMHS", NOON) for _ in range(2)]
    assert same[0] == same[1]
    PRINTER.print(content(title="Something else before"), "Somebody else", NOON)
    assert PRINTER.print(content(), "Example CAMHS", NOON) == same[0]
    assert PRINTER.print(content(), "Example Police", NOON) != same[0]


def test_every_page_says_its_marking_whom_it_is_for_and_how_many_there_are(printer: Printer) -> None:
    long = {"heading": "Long", "blocks": blocks("\n\n".join(["A sentence that goes on for a while. " * 8] * 30))}
    pages = PdfReader(BytesIO(printer.print(content(long), "Example CAMHS", NOON))).pages
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        said = page.extract_text()
        for each in ("OFFICIAL-SENSITIVE", "Copy for Example CAMHS", f"Page {number} of {len(pages)}", "Keep this"):
            assert each in said


def test_a_very_long_name_is_said_in_full_once_and_leaves_every_page_its_head(printer: Printer) -> None:
    name = " ".join(f"Agency{number}" for number in range(60))
    long = {"heading": "Long", "blocks": blocks("\n\n".join(["A sentence that goes on for a while. " * 8] * 30))}
    made = printer.print(content(long), name, NOON)
    assert name in words(made)
    for page in PdfReader(BytesIO(made)).pages:
        tops: list[tuple[float, str]] = []
        page.extract_text(visitor_text=lambda text, cm, tm, font, size, tops=tops: tops.append((tm[5], text)))  # type: ignore[misc]
        assert max(top for top, text in tops if text.strip()) < float(page.mediabox.height) - 20
        assert "OFFICIAL-SENSITIVE" in page.extract_text()
        assert "Agency0 Agency1" in " ".join(page.extract_text().split())


def test_a_table_that_goes_on_begins_each_page_with_its_header(printer: Printer) -> None:
    rows = [[f"Agency {number}", "Yes", "Came, by video", "None arrived"] for number in range(70)]
    table = {"heading": "Who took part", "columns": ["Whose", "Invited", "Took part", "Report"], "rows": rows}
    pages = PdfReader(BytesIO(printer.print(content(participants=table), "Reader", NOON))).pages
    assert [("Whose" in page.extract_text()) for page in pages[:3]] == [True, True, True]


def test_what_cannot_be_printed_says_nothing_of_what_it_was(printer: Printer) -> None:
    with pytest.raises(CannotPrint) as wrong:
        printer.print({"title": "Something secret"}, "Reader", NOON)
    assert "secret" not in str(wrong.value)
    assert wrong.value.__cause__ is None


def test_a_fault_of_the_printers_own_costs_one_document_and_not_whoever_prints() -> None:
    class PanicException(BaseException):
        """As the library has it: no `Exception`."""

    class Broken:
        def compile(self, *_: object, **__: object) -> bytes:
            raise PanicException("Something secret")

    printer = Printer("record")
    printer.compiler = Broken()  # type: ignore[assignment]
    with pytest.raises(CannotPrint, match=r"^PanicException$"):
        printer.print(content(), "Reader", NOON)
    assert printer.print(content(), "Reader", NOON).startswith(b"%PDF")
