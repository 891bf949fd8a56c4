"""Where a child lives, or a parent has found refuge, is found by whatever a register has of its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.directory.rules import Agency, Team
from services.participation.rules.register import noted
from services.records.readers import Known, of_meeting
from services.records.rules.forbidden import forbidden_to
from services.records.rules.given_away import PLACEMENT, given_away
from services.records.rules.record import Matter, PersonFacts, Place, Reader
from tests.unit.meetings import partnership
from tests.unit.records.people import agency, child, matter, person, relative

FATHER, SCHOOL, SOCIAL_CARE = (
    person("p2", "c1", name="Tomasz Nowak"),
    agency("school-1", "c1", name="Elm Road School"),
    agency("childrens-social-care-1", "c1"),
)
TOMASZ = relative("p2", {"c1": "father"}, name="Tomasz Nowak")


def found(text: str, about: Matter, reader: Reader = FATHER) -> tuple[str, ...]:
    return given_away("Views", text, forbidden_to(reader, about))


def placed(*names: str, agencies: frozenset[str] = frozenset()) -> Matter:
    """The reader's child is placed with an agency that has these names."""
    children = [child("c1", names=("Robin",), placement_words=names, placed_with="home-1")]
    return matter(children, [TOMASZ], agency_names=agencies)


def fled(name: str) -> Matter:
    """A domestic abuse service of this name is around the meeting."""
    return matter(
        [child("c1", names=("Robin",))], [TOMASZ], places=(Place("domestic-abuse-1", "domestic_abuse", (name,)),)
    )


@pytest.mark.parametrize(
    "name",
    [
        *("Oakmere House (Acme Care Ltd)", "Oakmere House, Lincoln", "Oakmere Children's Home Lincoln"),
        *("Acme Care - Oakmere House", "Acme Care Ltd t/a Oakmere House", "Acme Care Oakmere House Lincoln"),
        *("Oakmere House – Acme Care", "Acme Care: Oakmere", "Oakmere Grange", "Oakmere/Acme"),
    ],
)
def test_a_home_is_found_by_its_own_name_whatever_else_a_register_has_of_it(name: str) -> None:
    for reader in (FATHER, SCHOOL):
        for text in ("AB lives at Oakmere House.", "AB's place at OAKMERE is safe.", "Oakmere's staff came."):
            assert found(text, placed(name), reader) == (PLACEMENT,), text
    assert found("AB lives at Oakmere House.", placed(name), SOCIAL_CARE) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Haven House (Acme Care Ltd)", "She is at Haven House."),
        ("Acme Care Ltd, Haven House, Lincoln", "She is with Acme."),
        ("Rose & Crown House (Acme)", "At the Rose and Crown."),
        ("St Mary's House, Lincoln", "She is at Saint Mary's."),
        ("Rosewood Refuge", "Mother is at Rosewood."),
        ("Living Without Abuse (LWA)", "Mother is with L.W.A. now."),
        ("LWA - Living Without Abuse", "Mother is with LWA."),
        ("Acme Women's Refuge Rosewood", "Mother is at Rosewood."),
    ],
)
def test_each_part_of_the_name_of_a_home_is_looked_for(name: str, text: str) -> None:
    assert found(text, placed(name)) == found(text, fled(name)) == (PLACEMENT,)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Oakmere House, Lincoln", "Lincoln police came."),
        *((f"Oakmere House, {town}", f"School is in {town}.") for town in ("Hinckley", "Oadby", "Melton Mowbray")),
        ("Acme Care (Market Harborough)", "He works in Market Harborough. Harborough is near."),
        ("Oakmere House, Ashby-de-la-Zouch", "Ashby is near Coalville. He is in Ashby de la Zouch."),
        ("Oakmere House, North Yorkshire", "North Yorkshire Police came to the house."),
        ("Acme Children's Home Lincoln (registered)", "It is a children's home in Lincoln. Children need care."),
        ("St Mary's House, Lincoln", "Mary came."),
        ("Acme Care - Family Services", "Family services came. Services are busy."),
        ("Acme Care (IDVA)", "The IDVA wrote."),
        ("Acme National Fostering Associates (ACID)", "National and five associates came. It was an acid."),
        ("Acme Care t/a Stay Close", "Stay with him. Close it."),
        ("Oakmere House, Nowak Road", "Tomasz Nowak came along the road. Elm Road School wrote."),
    ],
)
def test_towns_and_words_of_many_names_are_no_name_of_a_home(name: str, text: str) -> None:
    for reader in (FATHER, SCHOOL):
        assert found(text, placed(name), reader) == found(text, fled(name), reader) == ()


def test_a_word_of_the_name_of_an_agency_that_took_part_is_no_sign_of_a_home() -> None:
    named = "Mablethorpe Academy wrote."
    assert found(named, placed("Oakmere House, Mablethorpe")) == (PLACEMENT,)
    assert found(named, placed("Oakmere House, Mablethorpe", agencies=frozenset({"Mablethorpe Academy"}))) == ()
    assert found("Elm Road School wrote.", placed("Oakmere House, Elm Road"), SCHOOL) == ()


@pytest.mark.parametrize(
    ("name", "other", "theirs", "the_homes"),
    [
        (
            "Oakfield (Acme Care)",
            "Oakfield Primary School",
            "Oakfield Primary School, or Oakfield School",
            "at Oakfield",
        ),
        ("Willow Bank (Acme)", "Willow Bank Primary School", "WILLOW BANK PRIMARY", "at Willow Bank. School is fine"),
        ("Oakmere House, Elm Road", "Oakmere School", "Oakmere School", "Oakmere is near. Oakmere House"),
        ("Willow Bank", "The Willow Bank School", "The Willow Bank School", "at the Willow Bank"),
        ("St Mary's House", "Saint Mary's Primary School", "St. Mary's primary school", "St Mary's"),
        ("Oakfield Lodge", "Oakfield House", "a house", "Oakfield House"),
        ("Oakfield School House", "Oakfield School", "a school", "Oakfield School House"),
    ],
)
def test_what_an_agency_is_called_as_well_is_read_as_its_name_and_alone_as_the_homes(
    name: str, other: str, theirs: str, the_homes: str
) -> None:
    about = placed(name, agencies=frozenset({other}))
    for reader in (FATHER, SCHOOL):
        assert found(f"We asked {theirs} then.", about, reader) == ()
        assert found(f"AB lives {the_homes}.", about, reader) == (PLACEMENT,)


@pytest.mark.parametrize("name", ["Nowak House", "Acme Care (Nowak)", "Nowak Court", "Oakmere House, Nowak Road"])
def test_a_home_that_is_called_as_somebody_of_the_family_is_found_and_they_are_named(name: str) -> None:
    about = matter(
        [child("c1", names=("Robin",), placement_words=(name,), placed_with="home-1"), child("c2", initials="AT")],
        [TOMASZ],
    )
    for text in (
        "Mr Nowak came, and mr nowak.",
        "Tomasz Nowak's view.",
        "T. Nowak, MR. NOWAK and T Nowak",
        "Robin Nowak",
    ):
        assert found(text, about) == found(text, about, SCHOOL) == (), text
    for text in (
        "AB lives at Nowak. At Nowak he is well.",
        "He will miss Nowak.",
        "Mr Nowak's house is not Nowak.",
        f"AB lives at {name}.",
        "At Nowak house.",
    ):
        assert found(text, about) == found(text, about, SCHOOL) == (PLACEMENT,), text


def test_a_home_that_is_called_by_a_first_name_of_the_family_is_found_and_they_are_named() -> None:
    about = placed("Tomasz House")
    assert found("Tomasz came, and Tomasz Nowak's mother. We asked Tomasz.", about) == ()
    for text in ("AB lives at Tomasz.", "Tomasz House is near.", "Tomasz's house is near.", "He moved to Tomasz."):
        assert found(text, about) == found(text, about, SCHOOL) == (PLACEMENT,), text


@pytest.mark.parametrize(
    ("name", "named", "not_named"),
    [
        ("Stay Safe", "Stay Safe wrote.", "AB needs a plan to stay safe. Stay safe. Safe to stay."),
        ("Next Steps", "She is with NEXT STEPS.", "The next steps are these. Next steps."),
        ("Hope for All", "She asked Hope for All.", "There is hope for all. Hope for all of us."),
        ("Living Without Abuse", "She asked Living without Abuse.", "She is living without abuse."),
        ("Haven", "She is at the Haven.", "It is a safe haven."),
        ("Sanctuary House", "She is at Sanctuary.", "It was no sanctuary."),
        ("Green Bank House", "She is at Greenbank.", "They went to a green bank. Green banks."),
        ("Green Bank House", "She is at Green bank.", "Green bank and all."),
    ],
)
def test_the_name_of_a_place_in_words_of_every_day_counts_with_capitals(name: str, named: str, not_named: str) -> None:
    for about in (placed(name), fled(name)):
        assert found(named, about) == found(named, about, SCHOOL) == (PLACEMENT,)
        assert found(not_named, about) == found(not_named, about, SCHOOL) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("Hope House", each) for each in ("Hope house is where he lives.", "He lives at hope house.")),
        *(("Hope House Lincoln", each) for each in ("He lives at hope house.", "He lives at Hope House.")),
        *(("Acme Hope House", each) for each in ("He lives at hope house.", "He lives at Hope House.")),
        *(("Bridge House Children's Home", each) for each in ("Bridge house is near.", "He is at Bridge House.")),
        *(("Women's Aid", each) for each in ("She is with women's aid.", "womens aid", "Women's aid is near.")),
        ("Kings Lodge", "He lives at kings lodge."),
        ("Oxford House", "He lives at oxford house."),
        ("Castle Court", "He lives at castle court."),
        ("Women's Aid Lincoln", "She is with women's aid."),
    ],
)
def test_a_house_that_is_called_by_words_of_every_day_is_found_in_small_letters_too(name: str, text: str) -> None:
    for about in (placed(name), fled(name)):
        assert found(text, about) == found(text, about, SCHOOL) == (PLACEMENT,)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Safe House", "She needs a safe house, as safe a home as any."),
        ("New Home", "It is a new home, and a care home. New home is found."),
        ("Family House", "They left the family house for a family court."),
        ("Coming Home", "He is coming home."),
        ("Acme Women's Refuge Rosewood", "She asked for a women's refuge."),
        ("Hope House", "Hope is there. He has hope for a house, and aid."),
        ("First Aid", "They gave first aid, legal aid and a hearing aid."),
        ("Lincoln House Care", "The house in Lincoln. Lincoln police. In care."),
    ],
)
def test_a_house_as_every_sentence_has_it_is_no_name_of_one(name: str, text: str) -> None:
    for reader in (FATHER, SCHOOL):
        assert found(text, fled(name), reader) == ()


def test_a_name_that_no_sentence_holds_is_found_in_small_letters_too() -> None:
    assert found("AB lives at oakfield.", placed("Oakfield (Acme Care)")) == (PLACEMENT,)
    assert found("AB lives at oakfield.", placed("Oakfield, Lincoln")) == (PLACEMENT,)
    assert found("she is at oakmere house.", placed("Oakmere House")) == (PLACEMENT,)
    assert found("she is at the willows, or orchard house.", placed("The Willows", "Orchard House")) == (PLACEMENT,)
    assert found("she is at kings court home 2.", placed("Kings Court Home 2")) == (PLACEMENT,)


def fostered(*others: PersonFacts) -> Matter:
    """The reader's child is placed with Grace Okafor; the others are on record too."""
    children, carer = [child("c1"), child("c2")], relative("p7", {"c1": "foster_carer"}, name="Grace Okafor")
    return matter(children, [TOMASZ, carer, *others], foster_carers=frozenset({"foster_carer"}))


@pytest.mark.parametrize("kind", ["other", "partner_of_parent", "carer", "sibling", "grandmother"])
def test_the_surname_of_foster_carers_is_not_free_because_somebody_of_their_household_is_on_record(kind: str) -> None:
    for about in (fostered(), fostered(relative("p8", {"c1": kind}, name="Tim Okafor"))):
        for reader in (FATHER, SCHOOL):
            assert found("AB lives with Mrs Okafor.", about, reader) == (PLACEMENT,)
        assert found("AB lives with Mrs Okafor.", about, SOCIAL_CARE) == ()


def test_the_surname_of_foster_carers_is_free_for_those_who_know_somebody_of_that_name_otherwise() -> None:
    both = frozenset({"c1", "c2"})
    for known in (
        relative("p8", {"c1": "mother"}, name="Ann Okafor"),
        relative("p8", {"c1": "other"}, name="Ann Okafor", responsible_for=frozenset({"c1"})),
        relative("p8", {"c1": "uncle", "c2": "uncle"}, name="Ann Okafor"),
    ):
        for reader in (person("p2", *both, name="Tomasz Nowak"), agency("school-1", *both)):
            assert found("Ms Okafor came.", fostered(known), reader) == ()
            assert found("Grace Okafor came.", fostered(known), reader) == (PLACEMENT,)
            assert found("Mrs G Okafor came.", fostered(known), reader) == (PLACEMENT,)


def test_a_home_that_is_a_team_of_a_company_and_a_refuge_that_is_one_of_a_charity_are_looked_for() -> None:
    homes = _agency("placement-1", "Acme Care Ltd", "placement", "Oakmere House", "Night team")
    charity = _agency("domestic-abuse-1", "County Domestic Abuse Services", "domestic_abuse", "Rosewood Refuge")
    about = _around("placement-1", homes, charity)
    for text in ("She lives at Oakmere House.", "Mother is at the Rosewood Refuge.", "She is with Acme."):
        assert found(text, about) == found(text, about, SCHOOL) == (PLACEMENT,)
        assert found(text, about, SOCIAL_CARE) == ()
    assert found("The team came at night.", about) == ()


def test_teams_that_are_called_for_what_they_do_say_of_nobody_where_they_live() -> None:
    called = (
        "Duty Team",
        "Counselling",
        "Education",
        "Children & Young People's Service",
        "Night team",
        "Lincoln Team 2",
    )
    homes = _agency("placement-1", "Acme Care Ltd", "placement", *called, "Haven", "North Lodge", "Oakmere")
    refuge = _agency("domestic-abuse-1", "County Domestic Abuse Services", "domestic_abuse", *called, "Bridge")
    about = _around("placement-1", homes, refuge)
    for reader in (FATHER, SCHOOL):
        for text in (
            "Education. Counselling is offered by CAMHS in Lincoln.",
            "Ring the Duty Team, or Lincoln Police.",
        ):
            assert found(text, about, reader) == ()
        for text in ("at Haven.", "at the Bridge.", "at north lodge.", "at Oakmere.", "with Acme."):
            assert found(f"She is {text}", about, reader) == (PLACEMENT,), text


def test_a_home_of_the_council_that_is_a_team_of_its_social_care_is_looked_for_and_none_of_its_other_teams() -> None:
    council = _agency("council-1", "Acme Council", "childrens_social_care", "Oakmere House", "Elm Locality Team")
    about = _around("council-1", council)
    assert found("She lives at Oakmere House.", about) == found("At Oakmere.", about, SCHOOL) == (PLACEMENT,)
    assert found("Acme Council's Elm Locality Team wrote.", about) == ()


def _around(placed_with: str, *some: Agency) -> Matter:
    """A meeting about a child who is placed with an agency, and has to do with a domestic abuse service."""
    children = {"c1": partnership.child(placement=partnership.placed(agency_id=placed_with))}
    involved = (partnership.involvement("domestic-abuse-1"),)
    known = Known(children, {}, {each.agency_id: each for each in some}, (), frozenset(), involvements=involved)
    return of_meeting(partnership.meeting(), [], noted([]), known, partnership.POLICY).matter


def _agency(agency_id: str, name: str, kind: str, *teams: str) -> Agency:
    some = tuple(Team(each, each, (), ()) for each in teams)
    return Agency(agency_id, kind, name, partnership.HERE, (), some, None, partnership.cause(agency_id))


@pytest.mark.parametrize("other", ["other", "grandmother"])
def test_a_foster_carer_who_has_another_tie_to_the_same_child_is_a_foster_carer_whichever_is_told_first(
    other: str,
) -> None:
    some = [partnership.tie("c1", other, False), partnership.tie("c1", "foster_carer", False)]
    for ties in (some, some[::-1]):
        carer = replace(partnership.relative("p7", *ties), name="Grace Okafor")
        known = Known({"c1": partnership.child()}, {"p7": carer}, {}, (), frozenset())
        about = of_meeting(partnership.meeting(), [], noted([]), known, partnership.POLICY).matter
        assert found("AB lives with Mrs Okafor.", about) == found("Grace came.", about, SCHOOL) == (PLACEMENT,)
        assert found("AB lives with Mrs Okafor.", about, SOCIAL_CARE) == ()
