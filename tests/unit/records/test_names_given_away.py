"""Names that a reader may not have are found however they are spelt, and other words are left alone."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from services.records.rules.forbidden import forbidden_to
from services.records.rules.given_away import ANOTHERS_NAME, PLACEMENT, RELATIVES_NAME, given_away
from services.records.rules.plain_text import AS_CAPITALS, WAYS, plain
from services.records.rules.record import Matter, Reader
from tests.unit.records.people import agency, child, matter, person, relative

FATHER, SCHOOL = person("p2", "c1", name="Tomasz Nowak"), agency("school-1", "c1")
TOMASZ = relative("p2", {"c1": "father"}, name="Tomasz Nowak")


def found(text: str, about: Matter, reader: Reader = FATHER) -> tuple[str, ...]:
    return given_away("Views", text, forbidden_to(reader, about))


def placed(name: str) -> Matter:
    """The reader's child is placed with an agency of this name."""
    return matter([child("c1", names=("Robin",), placement_words=(name,), placed_with="home-1")], [TOMASZ])


def related(name: str, *others: str) -> Matter:
    """Somebody of this name is the father of a half-brother; the others are grandparents of the reader's own child."""
    known = [relative(f"q{number}", {"c1": "grandmother"}, name=each) for number, each in enumerate(others)]
    children = [child("c1", names=("Robin",)), child("c2", initials="ZQ")]
    return matter(children, [TOMASZ, relative("p3", {"c2": "father"}, name=name), *known])


def brother(name: str) -> Matter:
    """A half-brother has this name."""
    return matter([child("c1", names=("Robin",)), child("c2", initials="ZQ", names=(name,))], [TOMASZ])


def each_of(cases: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in cases.items() for text in texts]


PLACES = {
    "St Marys House": ["St Mary's House", "St Mary’s", "Saint Marys", "St. Mary House", "ST MARYS", "St Mary s House"],
    "St Mary's House": ["St Marys now", "St Mary's", "St Mary`s", "Saint Mary's", "St Mary"],
    "Kings Lodge": ["King's Lodge", "Kings", "King Lodge", "King‘s Lodge", "Kingʼs Lodge", "King´s Lodge"],
    "Bishops Court": ["Bishop's Court", "Bishop′s Court", "Bishop＇s Court", "Bishops' Court", "Bishop Court"],
    "Bishop's Court": ["Bishops Court", "BISHOPS COURT", "Bishop Court"],
    "Queen's Road House": ["Queens Road House", "Queens' Road", "Queen Road House"],
    "All Saints' House": ["All Saints House", "All Saint's House", "All Saints"],
    "St. John's": ["St Johns", "St John's", "Saint John"],
    "Rose & Crown House": ["Rose and Crown", "Rose & Crown"],
    "Hope and Glory": ["Hope & Glory", "Hope and Glory House"],
    "The Willows Children's Home": ["Willows", "The Willow's"],
    "Meadow Bank House": ["Meadowbank", "Meadow Bank's"],
}


@pytest.mark.parametrize(("name", "written"), each_of(PLACES))
def test_where_a_child_is_placed_is_found_with_an_apostrophe_or_without(name: str, written: str) -> None:
    for reader in (FATHER, SCHOOL):
        assert found(f"She moved to {written}.", placed(name), reader) == (PLACEMENT,)


@pytest.mark.parametrize(
    ("name", "text"),
    each_of(
        {
            "Kings Lodge": ["It is a lodge.", "Baking's fun.", "They were talking's end."],
            "St Mary's House": ["Mary came.", "They stay at a house."],
            "Women's Refuge Rosewood": ["It is a women's refuge.", "She asked for a refuge."],
        }
    ),
)
def test_words_of_the_name_of_a_place_name_no_place(name: str, text: str) -> None:
    assert found(text, placed(name)) == ()


SPELT = {
    "Piotr Rogers": ["Mr Roger's", "Mr Rogers'", "MR ROGER’S"],
    "Anna Jenkins": ["Ms Jenkin's house", "Jenkins's"],
    "Lee Weißmann": ["Mr Weißmann", "WEISSMANN", "Weissmann", "WEIẞMANN", "weißmann"],
    "Jürgen Strauß": ["Strauß", "STRAUSS", "Strauss", "Juergen", "JÜRGEN", "Ju\u0308rgen", "Jurgen"],
    "Hans Mueller": ["Müller", "MÜLLER"],
    "Оксана Шевченко": ["ШЕВЧЕНКО", "Оксана", "ОКСАНА", "шевченко"],
    "ТАРАС КОВАЛЬ": ["Тарас", "коваль"],
    "Νίκος Παπάς": ["ΠΑΠΑΣ", "Παπάς", "ΝΙΚΟΣ", "νίκος"],
    "Ivan Barnett": ["Iνan", "ΙVAN", "Вarnett", "bаrnett", "BΑRNETT"],
    "Søren Ægir": ["Aegir", "Ægir", "ÆGIR", "Soren", "Soeren"],
    "Åse Bøe": ["ase", "Aase", "A\u030ase", "Boe", "BØE"],
    "İpek Işık": ["IŞIK", "ışık", "ipek", "İPEK", "isik"],
    "Łucja Żółć": ["lucja", "ŁUCJA", "Zolc", "Zo\u0301łc\u0301"],
    "Ionuț Ţepeș": ["Ionut", "IONUŢ", "Tepes", "Țepeş"],
    "Ng Vo": ["Mr Vo", "NgVo"],
    "李 小龙": ["小龙来了", "李先生"],
    "محمد علي": ["محـمد", "علی", "مُحَمَّد"],
    "María-José Núñez": ["Maria Jose", "MariaJose", "Nunez", "MARÍA"],
    "Muhammad Al-Hassan": ["alhassan", "Al Hassan", "Al\u2011Hassan", "AL\u00a0HASSAN", "al\nhassan", "Al-\nHassan"],
    "Muhammad Alhassan": ["Al-Hassan", "Al Hassan", "al hassan"],
    "Muhammad Al Hassan": ["Alhassan", "al-hassan"],
    "Mc Donald Ian": ["McDonald", "MCDONALD", "Mc-Donald"],
    "Ian McDonald": ["Mc Donald", "mc donald", "MCDONALD"],
    "Ian Macdonald": ["Mac Donald", "MacDonald"],
    "Jo-Ann Lee": ["JoAnn", "Joann", "Jo Ann"],
    "Joann Lee": ["Jo-Ann", "Jo Ann", "JoAnn"],
    "Liam O'Brien": [
        "OBrien",
        "O Brien",
        "O’Brien",
        "O´Brien",
        "O`Brien",
        "Oʼbrien",
        "O. Brien",
        "O′Brien",
        "O＇Brien",
    ],
    "Liam OBrien": ["O'Brien", "O Brien"],
    "Liam Obrien": ["O'Brien", "O Brien", "O‘Brien"],
    "D'Arcy Bell": ["Darcy", "D Arcy"],
    "Anna Smith-Jones": ["Mrs Smith", "Jones", "smithjones", "Smith–Jones", "SMITH\u00adJONES"],
    "Callum Fairweather": ["Fair-\nweather", "Fair-\n  weather", "Ｆairweather", "ꜰairweather", "Fair\u2060weather"],
    "Nadia Fairweather": ["Fairweather¹", "Fairweathers house", "fairweather_notes.docx", "F/a/i/r/w/e/a/t/h/e/r"],
}


@pytest.mark.parametrize(("name", "written"), each_of(SPELT))
def test_the_name_of_a_relative_is_found_however_it_is_spelt(name: str, written: str) -> None:
    assert found(f"We saw {written} then.", related(name)) == (RELATIVES_NAME,)


@pytest.mark.parametrize(
    ("name", "written"),
    each_of(
        {
            "Weiß": ["Weiß hit him", "WEISS"],
            "Nicos": ["Nico's school", "Nicos' school"],
            "Nico": ["Nicos school", "NICO'S"],
            "Mary-Jane": ["MaryJane", "Mary Jane", "Maryjane", "Mary\u2010Jane"],
            "Will": ["Will's view", "the view of Wills school"],
            "Bo": ["Bo's view"],
        }
    ),
)
def test_the_name_of_a_brother_is_found_however_it_is_spelt(name: str, written: str) -> None:
    assert found(f"Then {written}.", brother(name)) == (ANOTHERS_NAME,)


@pytest.mark.parametrize(
    ("name", "text"),
    each_of(
        {
            "Don Fry": ["Don't go there.", "They don't."],
            "Hasan Isa": ["She has an opinion.", "What She Has An Opinion On", "IS A WORRY", "What is a plan?"],
            "Ann Forrest": ["There is time for rest.", "For Rest And Play"],
            "Will Grant": ["They are willing, and granted it."],
            "Step-dad Lee": ["He gets on with his step-dad.", "His stepdad, or step dad, came."],
            "Step-Mum": ["Her stepmum came.", "Her step-mum came."],
            "Mother-in-law": ["In all, her mother came."],
            "Not recorded": ["The visit was not recorded.", "NOT RECORDED"],
            "Name not yet known": ["It is not yet known."],
            "Alleged father": ["The alleged incident.", "Alleged harm."],
            "Callum Fry (deceased)": ["The grandfather is deceased."],
            "Callum Fry (also known as Cal)": ["He also came. As agreed, it is known. Also, he left."],
            "Details withheld": ["Details are in the plan, and were withheld."],
            "Mother's boyfriend": ["A boyfriend came."],
            "No information": ["No information was given."],
            "Ann School": ["AB likes school."],
            "Tim Court": ["It went to court."],
            "Ben Care": ["A plan for her care."],
            "Jon Police": ["He told the police."],
            "Roy Hunt": ["They hunt for a house."],
            "Father's partner": ["We heard the father's view.", "His mother's partner."],
            "William Ek": ["Ms Williams came.", "williams"],
            "So-An Do": ["It took so an hour."],
            "Mark Ek": ["Marks were seen.", "There were marks."],
        }
    ),
)
def test_other_words_of_the_same_letters_are_no_names(name: str, text: str) -> None:
    assert found(text, related(name)) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    each_of(
        {
            "Step-dad Lee": ["Lee came."],
            "Callum Fry (also known as Cal)": ["Cal came.", "fry", "Callum"],
            "Alleged father Roy Hunt": ["Mr Hunt came.", "roy"],
            "Ann School": ["Mrs School came.", "ann school", "mrs school", "mrs. school"],
            "Father-Smithson": ["Mr Father-Smithson", "smithson"],
        }
    ),
)
def test_what_is_a_name_beside_words_that_name_nobody_is_found(name: str, text: str) -> None:
    assert found(text, related(name)) == (RELATIVES_NAME,)


CALLED = {
    "Darren Foster": [
        "Mr Foster was",
        "mr foster",
        "Mr. D. Foster",
        "D Foster",
        "Foster, D",
        "MRS FOSTER",
        "Dr Foster's",
    ],
    "Kevin Young": [
        "Mr and Mrs Young",
        "K. Young",
        "K.Young",
        "Young, K.",
        "the Young family",
        "the Youngs",
        "PC Young",
    ],
    "Paul Lord (stepfather)": ["Mr Lord", "P Lord"],
    "Mr Child": ["Mr Child", "Ms. Child", "Nurse Child"],
    "Mr & Mrs Friend": ["Mrs Friend"],
    "Kim To": ["Mr To", "K. To"],
    "Anna Foster-Brown": ["Mrs Foster"],
    "Foster, Darren": ["Mr Foster", "D Foster"],
    "Junior Ek": ["if Junior hit"],
    "An Nguyen": ["when An hit"],
}


@pytest.mark.parametrize(("name", "written"), each_of(CALLED))
def test_a_surname_that_says_nothing_elsewhere_is_found_where_somebody_is_called_by_it(name: str, written: str) -> None:
    assert found(f"They say that {written} came.", related(name)) == (RELATIVES_NAME,)
    foster_carer = relative("p7", {"c1": "foster_carer"}, name=name)
    about = matter([child("c1")], [TOMASZ, foster_carer], foster_carers=frozenset({"foster_carer"}))
    for reader in (FATHER, SCHOOL):
        assert found(f"They say that {written} came.", about, reader) == (PLACEMENT,)


@pytest.mark.parametrize(
    ("name", "text"),
    each_of(
        {
            "Darren Foster": [
                "A foster carer came. Foster care, and Foster Carers; fosters.",
                "They miss foster care, and the foster family.",
            ],
            "Kevin Young": ["Young people came. The young family, and K young.", "A young person."],
            "Anna Child": ["A child came. The Child is well. Child, an only one."],
            "Lee (friend)": ["A friend came. Friends. Friend of his."],
            "Kim To": ["To go, to do. K to go. AB to Mrs Fry, to stay."],
            "An Nguyen": ["An uncle came. He is an uncle.\nAn end."],
            "Young person": ["A young person. Mr Person came. Young Person."],
            "Unknown": ["It is unknown. Unknown."],
        }
    ),
)
def test_what_says_nothing_is_no_surname_where_nobody_is_called_by_it(name: str, text: str) -> None:
    assert found(text, related(name)) == ()


def test_a_surname_that_says_nothing_elsewhere_is_free_where_the_reader_knows_somebody_of_that_name() -> None:
    assert found("Mrs Foster and D. Foster came.", related("Darren Foster", "Dana Foster")) == ()
    assert found("Mr Foster came.", related("Darren Foster", "Foster carer Joe Fry")) == (RELATIVES_NAME,)
    assert found("Mr Foster came, Foster, Darren.", related("Darren Foster", "Joe Foster", "Darren Fry")) != ()


@pytest.mark.parametrize("name", ["Junior", "Foster", "Young", "Junior B"])
def test_a_brother_who_is_called_by_such_a_word_alone_is_found_with_a_capital(name: str) -> None:
    word = name.split()[0]
    assert found(f"Then {word} was hit.", brother(name)) == found(f"{word} was hit.", brother(name)) == (ANOTHERS_NAME,)
    assert found(f"At a {word.lower()} school.", brother(name)) == ()


@pytest.mark.parametrize("name", ["Baby", "Unborn baby", "Child", "Baby boy", "Not known"])
def test_a_brother_who_has_no_name_yet_strikes_nothing(name: str) -> None:
    assert found("Baby is well, and the Child. Unborn Baby, Mr Baby. Known.", brother(name)) == ()


@pytest.mark.parametrize("letters", ["PR", "DC", "EP", "ED", "SG", "LD"])
def test_initials_that_stand_for_something_else_in_this_field_name_nobody_without_a_surname(letters: str) -> None:
    about = matter(
        [child("c1", names=("Robin",)), child("c2", initials=letters)],
        [TOMASZ, relative("p3", {"c2": "father"}, name="Ann Nowak"), relative("p4", {"c1": "uncle"}, name="Ann Nowak")],
    )
    assert found(f"Father has {letters} for Robin.", about) == ()
    assert found(f"{letters} Nowak came.", about) == (ANOTHERS_NAME,)


def test_what_may_be_the_name_of_somebody_whom_the_reader_knows_is_taken_for_it() -> None:
    assert found("Robin's view was heard.", related("Piotr Robins")) == ()
    assert found("Mr Robins came.", related("Piotr Robins")) == (RELATIVES_NAME,)
    assert found("Mrs Rogers came.", related("Roger Ek", "Anna Rogers")) == ()
    assert found("Roger's view was heard.", related("Roger Ek", "Anna Rogers")) == (RELATIVES_NAME,)
    assert found("Anna Maria came.", related("Annamaria Ek", "Anna Fry", "Maria Fry")) == ()
    assert found("Annamaria came.", related("Annamaria Ek", "Anna Fry", "Maria Fry")) == (RELATIVES_NAME,)
    assert found("Mr Al-Hassan came.", related("Sami Al-Hassan", "Omar Al-Hassan")) == ()


KNOWN = ("John Brown", "Mary Smith")


@pytest.mark.parametrize(
    "written",
    [
        *("John Smith", "SMITH, John", "Smith John", "Smith,\nJohn", "J Smith", "J. Smith", "J.Smith", "Mr J. Smith"),
        *(
            "John P Smith",
            "John P. Smith",
            "JOHN PAUL SMITH",
            "John Paul Smith's",
            "Smith, J.",
            "SMITH J",
            "Smith-John",
        ),
    ],
)
def test_a_relative_of_whom_the_reader_knows_each_word_is_found_by_initial_or_surname_first(written: str) -> None:
    for name in ("John Smith", "Mr John Smith", "John Paul Smith"):
        assert found(f"They say that {written} hit the boy.", related(name, *KNOWN)) == (RELATIVES_NAME,)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Mary Smith, John Brown and Robin came.",
            "Mrs Smith, John Brown.",
            "M Smith, John.",
            "Mary Smith\nJohn Brown",
        ),
        *("John and Mary Smith came.", "John. Mary Smith came.", "J. Brown and M. Smith", "Smith's plan is John's."),
    ],
)
def test_words_of_several_whom_the_reader_knows_are_not_the_name_of_another(text: str) -> None:
    assert found(text, related("John Smith", *KNOWN)) == ()


def test_an_initial_that_may_be_somebodys_whom_the_reader_knows_is_taken_for_it() -> None:
    for text in ("J Smith came.", "Smith, J, came."):
        assert found(text, related("John Smith", "John Brown", "Jane Smith")) == ()
        assert found(text, related("John Smith", "John Brown", "Mary Smith")) == (RELATIVES_NAME,)
    assert found("Mrs Smith, I heard, came.", related("Ivan Smith", "Ivan Brown", "Mary Smith")) == ()


def test_a_text_in_plain_letters_is_as_long_in_small_letters() -> None:
    """What was found in small letters is looked at where it stands in the text."""
    some = [
        each for each in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(each) not in {"Cs", "Cn", "Co"}
    ]
    for way in WAYS:
        for each in some:
            read = plain(each, way)
            assert len(read) == len(read.casefold()), hex(ord(each))


@pytest.mark.parametrize(
    "alphabet", ["абвгґдеєжзиіїйклмнопрстуфхцчшщьюяѕј", "αβγδεζηθικλμνξοπρστυφχψω", "aæbcdðeıłøœþüßåşţ"]
)
def test_capitals_read_as_the_small_letters_do(alphabet: str) -> None:
    for each in alphabet:
        assert plain(each.upper(), AS_CAPITALS).casefold() == plain(each, AS_CAPITALS).casefold()


@pytest.mark.parametrize(
    "long", ["o ", "O'", "o-\n", "ob", "Kings ", "'s", "s'", "st", "\u0301", "ß", "李", "Smith ", "John "]
)
def test_a_long_text_of_parts_of_names_is_read_to_its_end(long: str) -> None:
    assert found(f"{long * 100_000} Brien, O Brien.", related("Liam O'Brien")) == (RELATIVES_NAME,)
    assert found(f"{long * 100_000} John P Smith.", related("John Smith", *KNOWN)) == (RELATIVES_NAME,)
    assert found(f"{long * 100_000} at King's Lodge.", placed("Kings Lodge")) == (PLACEMENT,)
