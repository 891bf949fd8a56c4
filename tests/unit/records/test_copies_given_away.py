"""What free text gives away: names, numbers and addresses that a reader may not have, however they are written."""

from __future__ import annotations

import pytest

from services.records.rules.forbidden import forbidden_to
from services.records.rules.given_away import (
    ADDRESS,
    ANOTHERS_NAME,
    NUMBER,
    PLACEMENT,
    POSTCODE,
    RELATIVES_NAME,
    TELEPHONE,
    given_away,
)
from services.records.rules.record import Matter, Reader
from tests.events import nhs_number
from tests.unit.records.people import agency, child, matter, person, relative

ONE, TWO, NOBODYS = nhs_number(1), nhs_number(2), nhs_number(77)
CHILDREN = (
    child("c1", initials="AB", names=("Robin",)),
    child(
        "c2",
        initials="KD",
        names=("Tamsin",),
        placement_words=("Oakmere House Fostering Ltd", "carers@oakmere.example"),
        placed_with="home-1",
    ),
    child("c3", initials="MZ", names=("May",)),
)
PEOPLE = (
    relative("p1", {"c1": "mother", "c2": "mother", "c3": "mother"}, name="Nadia Brennan"),
    relative("p2", {"c1": "father"}, name="Tomasz Brennan"),
    relative("p3", {"c2": "father", "c3": "father"}, name="Mr Callum O'Rourke"),
    relative("p4", {"c1": "grandmother"}, name="Edith Fry", not_with=frozenset({"p2"})),
)
ABOUT = matter(CHILDREN, PEOPLE)
FATHER, MOTHER = person("p2", "c1", name="Tomasz Brennan"), person("p1", "c1", "c2", "c3", name="Nadia Brennan")
CAMHS, SOCIAL_CARE = agency("camhs-1", "c1"), agency("childrens-social-care-1", "c1", "c2", "c3")


def found(text: str, reader: Reader = FATHER, about: Matter = ABOUT, heading: str = "Summary") -> tuple[str, ...]:
    return given_away(heading, text, forbidden_to(reader, about))


def spaced(number: str, between: str) -> str:
    return f"{number[:3]}{between}{number[3:6]}{between}{number[6:]}"


@pytest.mark.parametrize(
    "written",
    [
        TWO,
        spaced(TWO, " "),
        spaced(TWO, "-"),
        spaced(TWO, "\u00a0"),
        spaced(TWO, "\u200b"),
        spaced(TWO, "\u2011"),
        spaced(TWO, "\n"),
        spaced(TWO, " / "),
        "\u00ad".join(TWO),
        " ".join(TWO),
        TWO.translate({ord("0") + n: ord("０") + n for n in range(10)}),
        TWO.translate({ord("0") + n: ord("٠") + n for n in range(10)}),
        TWO.translate({ord("0") + n: ord("۰") + n for n in range(10)}),
        TWO.replace("0", "O").replace("1", "l"),
        spaced(TWO, " – "),
        spaced(TWO, "·"),
        f"12 {spaced(TWO, ' ')}",
        f"{TWO}7",
    ],
)
def test_the_nhs_number_of_another_child_is_found_however_it_is_written(written: str) -> None:
    for reader in (FATHER, CAMHS):
        assert found(f"Number: {written}.", reader) == (NUMBER,)
        assert found("Nothing.", reader, heading=written) == (NUMBER,)


def test_a_number_that_belongs_to_nobody_known_is_found_by_its_check_digit() -> None:
    wrong = NOBODYS[:9] + str((int(NOBODYS[9]) + 1) % 10)
    for reader in (FATHER, MOTHER, CAMHS):
        assert found(f"Number {spaced(NOBODYS, ' ')}.", reader) == (NUMBER,)
        assert found(f"Number {NOBODYS}.", reader) == (NUMBER,)
        for between in ("/", "\u202f", "–", "·", ": ", ", ", "_", " / "):
            assert found(f"Number {spaced(NOBODYS, between)}.", reader) == (NUMBER,)
        assert found(f"Number ({NOBODYS[:3]}) {NOBODYS[3:6]} {NOBODYS[6:]}.", reader) == (NUMBER,)
        assert found(f"Number {spaced(NOBODYS, ' ').replace('0', 'O')}.", reader) == (NUMBER,)
        assert found(f"Number {wrong}.", reader) == ()


def test_the_number_of_a_child_of_ones_own_is_not_given_away() -> None:
    assert found(f"Number {spaced(ONE, ' ')}.") == found(f"Number {ONE}.", CAMHS) == ()
    assert found(f"Numbers {ONE} and {TWO}.", MOTHER) == found(f"{ONE}, {TWO}", SOCIAL_CARE) == ()


@pytest.mark.parametrize("dates", ["2026-04-01 10:30", "from 01-04-2026 to 30-06-2026", "2024 2025 2026", "01/04/2026"])
def test_dates_and_times_are_no_numbers_of_anyone(dates: str) -> None:
    assert found(f"On {dates} at ten.") == found(f"On {dates} at ten.", CAMHS) == ()


@pytest.mark.parametrize(
    "written",
    ["Tamsin", "tamsin", "TAMSIN", "Tamsin's", "Tam\u00adsin", "Tam\u200bsin", "Ｔａｍｓｉｎ", "Tam-\nsin", "Tam\nsin"]  # noqa: RUF005
    + ["T a m s i n", "Tаmsin", "Tamsín", "(Tamsin)", "K.D. Brennan", "KD Brennan", "K. O'Rourke", "KD", "K.D."],
)
def test_the_name_of_another_child_is_found_however_it_is_written(written: str) -> None:
    assert found(f"Then {written} came home.") == (ANOTHERS_NAME,) or RELATIVES_NAME in found(f"Then {written} came.")
    assert found("Nothing.", heading=f"About {written}")


@pytest.mark.parametrize("text", ["They may come.", "Maybe later.", "It is a mayor's garden.", "TAMSINE is a river."])
def test_a_name_is_found_as_a_word_and_not_in_others(text: str) -> None:
    assert found(text) == ()


@pytest.mark.parametrize("text", ["May was upset.", "This is for MAY.", "We heard May's view.", "It is due in May."])
def test_a_name_that_is_a_word_too_counts_where_it_has_a_capital(text: str) -> None:
    assert found(text) == (ANOTHERS_NAME,)


def test_the_names_of_ones_own_children_are_not_given_away() -> None:
    assert found("Robin, or AB, was upset; Robin Brennan said so.") == ()
    assert found("Robin, Tamsin and May; KD, MZ.", MOTHER) == ()


@pytest.mark.parametrize(
    "written",
    ["Callum O'Rourke", "callum orourke", "O’Rourke", "Callum", "CALLUM\nO'ROURKE", "Callum\u00a0O'Rourke"]  # noqa: RUF005
    + ["Mr O'Rourke's", "Callum\u2060 \ufeffO'Rourke", "Callum-O'Rourke"],
)
def test_the_name_of_a_relative_of_no_child_of_theirs_is_found(written: str) -> None:
    assert found(f"We spoke with {written} at home.") == (RELATIVES_NAME,)
    assert found(f"We spoke with {written} at home.", MOTHER) == ()


def test_whom_they_are_not_to_be_with_is_not_named_to_either() -> None:
    assert found("Edith Fry looks after AB.") == found("Mrs Fry does.") == (RELATIVES_NAME,)
    grandmother = person("p4", "c1", name="Edith Fry")
    assert found("Tomasz came late.", grandmother) == (RELATIVES_NAME,)
    assert found("Mr Brennan came late.", grandmother) == ()  # the mother's name too, who may be named to her


def test_what_a_person_is_called_for_what_they_are_names_nobody() -> None:
    about = matter((child("c1"), child("c2", initials="KD")), [relative("p3", {"c2": "father"}, name="Unknown father")])
    assert found("The father is unknown to us.", person("p2", "c1"), about) == ()


def test_family_gets_no_address_but_their_own() -> None:
    assert found("Write to p2@family.example. We will.") == found("Write to P2@family.example") == ()
    for address in ("p3@family.example", "gp@nhs.example", "p3 @ family . example", "p3@family\u200b.example"):
        assert ADDRESS in found(f"Write to {address} or p2@family.example.")
    assert found("Write to ap2@family.example or p2@family.example.uk") == (ADDRESS,)


def test_agencies_get_no_address_of_family() -> None:
    assert found("Write to gp@nhs.example.", CAMHS) == ()
    for address in ("p3@family.example", "P3@FAMILY.EXAMPLE", "p3@family.\nexample"):
        assert found(f"Write to {address}.", CAMHS) == (ADDRESS,)


@pytest.mark.parametrize(
    "written",
    ["p3(at)family.example", "p3 [at] family [dot] example", "p3 at family dot example", "p3 {AT} family.example"]  # noqa: RUF005
    + ["p3＠family.example", "p3@family(dot)example", "p3 <at> family . example"]
    + ["p3@family\u200b. example", "p3 @family.example"],
)
def test_an_address_that_no_programme_takes_for_one_is_an_address(written: str) -> None:
    for reader in (FATHER, CAMHS):
        assert found(f"Write to {written} then.", reader) == (ADDRESS,)


@pytest.mark.parametrize(
    "written", ["p3@ family. Example", "p3 (at) family. Example", "p3 at family.example", "P3 AT FAMILY DOT EXAMPLE"]
)
def test_an_address_on_record_is_found_also_where_only_its_letters_tell(written: str) -> None:
    for reader in (FATHER, CAMHS):
        assert found(f"Write to {written} then.", reader) == (ADDRESS,)
    assert found("Write to p2 at family.example, or p2@family.example.") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("We met at home. Then dot came.", "Look at gov.uk.", "It is at 10 Downing.", "Contact ends @ 3.30pm."),
        *("Pick up @15.30, then @ 4.15.", "She is @ school. Then she goes home."),
    ],
)
def test_where_somebody_is_at_is_no_address(text: str) -> None:
    assert found(text) == ()


@pytest.mark.parametrize(
    "written",
    ["LE1 2AB", "le12ab", "SW1A\u00a01AA", "LE1\n2AB", "ＬＥ１ ２ＡＢ", "LE1–2AB", "LE1.2AB", "LE1\u200b2AB"]  # noqa: RUF005
    + ["LE1 OAB", "LEl 2AB", "S01 2AB", "0X1 2JD", "L E 1 2 A B", "L-E-1-2-A-B", "LE 1 2AB", "le 1 2ab", "LE-1-2AB"]
    + [
        "LE1 2 AB",
        "le1 2 ab",
        "LE 1 2 AB",
        "LE12 AB",
        "LE1, 2AB",
        "le1,2ab",
        "LE1/2AB",
        "LE2 1ST",
        "le2 1st",
        "LE 2 1ST",
        *("LE12 7th", "LE2 1st", "LE14th", "le2 1st", "LE2, 1st", "LE10 2hr", "LE 2 1st"),
    ],
)
def test_family_gets_no_postcode(written: str) -> None:
    assert found(f"Lives at {written} now.") == (POSTCODE,)
    assert found(f"Lives at {written} now.", CAMHS) == ()


@pytest.mark.parametrize(
    "text",
    [
        *("is it so old", "S1 out", "NO 1ST PRIZE", "E1 old", "M1 ill", "10 of 20 ill", "B 1 2 is"),
        *(
            "B2 1st floor",
            "Room S1, 2nd floor",
            "AB's 12 2nd",
            "AB 16TH BIRTHDAY",
            "E 10th",
            "M25 at 10",
            "B12 at home",
        ),
        *(
            "AB 12, DE 9",
            "AB (12), DE (9)",
            "AB12, DE9",
            "it's 10 at night",
            "E1 2 at",
            "ab 10 2hr",
            "s47, 3rd June",
            "S47 3rd June",
            "so 12 at",
        ),
    ],
)
def test_other_letters_and_figures_are_no_postcode(text: str) -> None:
    assert found(f"We saw {text}.") == ()


@pytest.mark.parametrize(
    "written",
    ["07700 900123", "+44 7700 900123", "(0116) 496 0123", "0116\u00a0496\u00a00123", "07700/900123"]  # noqa: RUF005
    + ["(+44) 7700 900123", "(+44)(0)7700-900-123", "+44 (0) 116 496 0123", "0044 7700 900123", "447700900123"]
    + ["07700:900:123", "07700_900_123", "07700, 900, 123", "0116/496/0123", "020:7946:0123", "07 700 900 123"]
    + ["(0)116 496 0123", "(0) 116/496/0123", "(0)20 7946 0123", "0 116 496 0123", "0116, 496, 0123"]
    + ["07 70 09 00 12 3", "0 7700 900123", "077009 00123", "0 7 7 0 0 9 0 0 1 2 3", "0-7-7-0-0-9-0-0-1-2-3"]
    + ["0 7 7 0 0   9 0 0   1 2 3", "+ 4 4 7 7 0 0 9 0 0 1 2 3", "0 1 1 6 4 9 6 0 1 2 3", "07700\n900\n123"]
    + ["O7700 900123", "077OO 9OO 123", "O1l6 496 O123", "07700–900–123", "07700·900·123", "٠٧٧٠٠ ٩٠٠١٢٣"],
)
def test_family_gets_no_telephone_number_that_may_be_somebodys_own(written: str) -> None:
    assert found(f"Call {written} any time.") == (TELEPHONE,)
    assert found(f"Call {written} any time.", CAMHS) == ()


@pytest.mark.parametrize("written", ["0800 1111", "0800 555 0123", "0300 555 0123", "999 or 111", "116 123"])
def test_the_number_of_a_service_that_anyone_may_call_is_not_somebodys_own(written: str) -> None:
    assert found(f"Call {written} any time.") == ()


@pytest.mark.parametrize(
    "written",
    ["01/04/2026 10:30", "07/05/2026 - 9.30", "01/04/2026-07/05/2026", "2026-04-01 07:30", "07.05.2026, 12 3"]  # noqa: RUF005
    + ["07:30, 08:15, 09:00", "0, 1, 12, 13, 14 and 15", "0, 1, 12, 13, 14, 15", "2 of 12", "0-7, 8-11, 12-15, 16"]
    + ["0 1 2 3 4 5 6 7 8 9", "0 1 1 0 2 1 0 0 1 2 1 3 3", "1 0 1 1 0 2 1 0 0 1 2 1", "01 02 03 04 05 06"]
    + [
        "07 08 09 10 11 12",
        "aged 7, 11 and 14",
        "0 100 200 300 400",
        "0/100",
        "(0) 100 to 200",
        "£1,200 / £2,400",
        "12/20",
        "0.25 - 0.75, 100",
    ],
)
def test_dates_times_ages_and_scores_are_no_telephone_numbers(written: str) -> None:
    assert found(f"It was {written} then.") == ()


@pytest.mark.parametrize(
    "written",
    ["Oakmere House Fostering Ltd", "oakmere house", "Oakmere", "Oakmere\nHouse", "carers@oakmere.example"],
)
def test_where_a_child_is_placed_is_for_those_who_have_to_know_it(written: str) -> None:
    text = f"Lives with {written} now."
    for reader in (FATHER, MOTHER, CAMHS, agency("school-1", "c2")):
        assert PLACEMENT in found(text, reader), reader.party
    assert found(text, SOCIAL_CARE) == ()
    assert found(text, agency("home-1", "c2", kind="voluntary")) == ()


def test_a_kind_that_may_know_placements_knows_those_of_the_children_it_was_asked_for() -> None:
    assert found("With Oakmere House.", agency("childrens-social-care-2", "c1")) == (PLACEMENT,)


def test_agencies_may_read_the_names_of_the_family() -> None:
    assert found("Callum O'Rourke, Tamsin and May came.", CAMHS) == ()


@pytest.mark.parametrize("long", ["9 ", "a@", "T-\n", "07 1", "0 7", "07/0 ", "K.", "\u200b", "a", " ", "\n"])
def test_a_long_text_of_hostile_shape_is_read_to_its_end(long: str) -> None:
    assert RELATIVES_NAME in found(f"{long * 100_000} Callum.")
