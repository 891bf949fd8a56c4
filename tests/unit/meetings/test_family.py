"""Which members of the family are asked, and what a person decides first."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.meetings.partnership import (
    DAY,
    POLICY,
    Partnership,
    because,
    cause,
    child,
    meeting,
    not_to_be_asked,
    relative,
    rules,
    tie,
    unborn,
)

KINDS = POLICY.on(DAY).kinds
FII = ("fabricated_or_induced_illness",)
ONESELF = relative("p9", tie(kind="self", responsible=False))


def persons(there: Partnership, kind: str = "initial_conference") -> set[str | None]:
    """The persons who have an entry at all."""
    return {entry.person_id for entry in there.ask(kind).entries} - {None}


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("strategy_discussion", False),
        ("professionals", False),
        ("missing_trigger", False),
        ("initial_conference", True),
        ("review_conference", True),
        ("pre_birth_conference", True),
        ("transfer_in_conference", True),
        ("core_group", True),
        ("child_in_need_review", True),
        ("looked_after_review", True),
    ],
)
def test_family_is_asked_to_conferences_core_groups_and_reviews_and_never_to_a_strategy_discussion(
    kind: str, asked: bool
) -> None:
    there = Partnership(relatives=[relative("p1"), ONESELF])
    assert ({"p1", "p9"} <= there.ask(kind).invited()) is asked
    assert bool(persons(there, kind)) is asked


@pytest.mark.parametrize("kind", sorted(name for name in KINDS if KINDS[name].family == "never"))
def test_a_kind_that_never_asks_family_has_no_entry_for_any_of_them(kind: str) -> None:
    there = Partnership(relatives=[relative("p1"), relative("p2", not_with=["p1"]), ONESELF])
    assert persons(there, kind) == set()


def test_the_reason_says_who_somebody_is_to_which_child() -> None:
    reason = because(Partnership(relatives=[relative("p1")]).ask().one("p1"), "family")
    assert reason.text == (
        "Parents and carers belong in a meeting of this kind: this is A1's mother, who has parental responsibility."
    )
    assert (reason.causes, reason.child_id) == ((cause("p1"),), "c1")


@pytest.mark.parametrize(
    ("kind", "responsible", "asked"),
    [
        ("father", False, True),
        ("partner_of_parent", False, True),
        ("foster_carer", False, True),
        ("grandmother", True, True),
        ("grandmother", False, False),
        ("sibling", False, False),
    ],
)
def test_parents_carers_and_holders_of_responsibility_are_asked(kind: str, responsible: bool, asked: bool) -> None:
    there = Partnership(relatives=[relative("p1", tie(kind=kind, responsible=responsible))])
    assert ("p1" in there.ask().invited()) is asked


def test_a_parent_is_asked_about_their_own_children_only() -> None:
    there = Partnership(
        children=[child("c1"), child("c2")],
        relatives=[relative("p1", tie("c1"), tie("c2")), relative("p2", tie("c2", "father"))],
    )
    answer = there.ask()
    assert answer.one("p1").child_ids == ("c1", "c2")
    assert answer.one("p2").child_ids == ("c2",)


def test_two_ties_to_one_child_make_one_reason() -> None:
    there = Partnership(relatives=[relative("p1", tie(kind="mother"), tie(kind="carer"))])
    entry = there.ask().one("p1")
    assert rules(entry) == ["family"]
    assert entry.child_ids == ("c1",)


def test_who_has_given_no_address_is_named_for_the_coordinator_to_write_to() -> None:
    entry = Partnership(relatives=[relative("p1", email=None)]).ask().one("p1")
    assert (entry.decision, entry.why_not) == ("not_invited", "no_usable_address")
    assert because(entry, "no_usable_address").text == (
        "This member of the family has given no e-mail address for this: write another way."
    )


def test_family_does_not_count_for_quoracy() -> None:
    assert not Partnership(relatives=[relative("p1")]).ask().one("p1").counts_for_quoracy


@pytest.mark.parametrize(("born", "asked"), [(date(2016, 4, 1), True), (date(2016, 4, 2), False)])
def test_the_child_is_asked_in_person_from_the_age_that_the_area_has_set(born: date, asked: bool) -> None:
    there = Partnership(children=[child(date_of_birth=born)], relatives=[ONESELF])
    assert ("p9" in there.ask().invited()) is asked


def test_the_childs_own_message_goes_to_the_address_that_is_theirs() -> None:
    entry = Partnership(relatives=[ONESELF]).ask().one("p9")
    assert (entry.kind, entry.address) == ("child", "p9@family.example")
    assert because(entry, "child_in_person").text == (
        "The meeting is about A1, who will be 11 years old: from 10 years on a child belongs in the room."
    )


def test_a_child_without_an_address_of_their_own_is_named_for_the_coordinator() -> None:
    entry = Partnership().ask().one("c1")
    assert (entry.kind, entry.decision, entry.why_not) == ("child", "not_invited", "no_usable_address")


def test_a_child_whose_age_is_not_known_is_asked_where_an_address_of_their_own_is() -> None:
    there = Partnership(children=[child(date_of_birth=None)], relatives=[ONESELF])
    assert "p9" in there.ask().invited()
    there.relatives = []
    assert persons(there) == set()


def test_nobody_is_asked_in_person_before_birth() -> None:
    assert persons(Partnership(children=[unborn()]), "pre_birth_conference") == set()


def test_a_young_mother_who_is_a_child_of_the_meeting_is_asked_once_as_the_child() -> None:
    both = relative("p9", tie("c1", "self", False), tie("c2", "mother"))
    for children in ([child("c1"), unborn("c2")], [unborn("c2"), child("c1")]):
        entry = Partnership(children=children, relatives=[both]).ask("pre_birth_conference").one("p9")
        assert entry.kind == "child"
        assert set(entry.child_ids) == {"c1", "c2"}


def test_a_person_whom_the_chair_excludes_is_not_asked_and_the_reason_says_by_whom_and_why() -> None:
    there = Partnership(relatives=[relative("p1"), relative("p2", tie(kind="father"))])
    answer = there.ask(meeting(do_not_invite=(not_to_be_asked("p1", person=True),)))
    entry = answer.one("p1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "chairs_restriction", None)
    assert because(entry, "do_not_invite").text == (
        "Not to be asked, by decision, since the chair has restricted who comes: As agreed."
    )
    assert "p2" in answer.invited()


@pytest.mark.parametrize("name", ["c1", "p9"])
def test_a_child_is_excluded_by_either_of_their_ids(name: str) -> None:
    there = Partnership(relatives=[ONESELF])
    answer = there.ask(meeting(do_not_invite=(not_to_be_asked(name, "childs_wish", person=True),)))
    assert answer.one("p9").why_not == "childs_wish"


@pytest.mark.parametrize("one_sided", [True, False])
def test_two_people_who_are_not_to_be_in_one_room_are_both_left_to_the_chair(one_sided: bool) -> None:
    there = Partnership(
        relatives=[
            relative("p1", not_with=["p2"]),
            relative("p2", tie(kind="father"), not_with=[] if one_sided else ["p1"]),
        ]
    )
    answer = there.ask()
    assert {answer.one("p1").why_not, answer.one("p2").why_not} == {"not_with"}
    assert because(answer.one("p2"), "not_with").text == (
        "Two people who are not to be in one room would both be asked: the chair decides how."
    )


def test_where_one_of_them_is_excluded_the_other_is_asked() -> None:
    there = Partnership(relatives=[relative("p1"), relative("p2", tie(kind="father"), not_with=["p1"])])
    answer = there.ask(meeting(do_not_invite=(not_to_be_asked("p2", person=True),)))
    assert answer.one("p1").decision == "invited"


def test_where_the_other_is_no_member_of_this_meeting_nobody_is_held_back() -> None:
    assert Partnership(relatives=[relative("p1", not_with=["p7"])]).ask().one("p1").decision == "invited"


def test_a_child_in_person_is_kept_apart_by_the_id_of_the_child_too() -> None:
    there = Partnership(relatives=[ONESELF, relative("p2", tie(kind="father"), not_with=["c1"])])
    answer = there.ask()
    assert {answer.one("p9").why_not, answer.one("p2").why_not} == {"not_with"}


@pytest.mark.parametrize("flagged", ["the child", "a brother or sister whom the meeting does not name"])
def test_with_suspected_induced_illness_nothing_goes_to_any_member_of_the_family(flagged: str) -> None:
    there = Partnership(relatives=[relative("p1"), relative("p2", tie(kind="father")), ONESELF])
    if flagged == "the child":
        there.children = [child(flags=FII)]
    else:
        there.household = [child("c2", flags=FII)]
    answer = there.ask()
    for person in ("p1", "p2", "p9"):
        entry = answer.one(person)
        assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "held_for_a_person", None)
        assert because(entry, "illness_flag").text == (
            "Nothing goes to the family by itself: "
            "the strategy discussion decides what they are told, by whom and when."
        )


def test_professionals_are_asked_all_the_same_with_suspected_induced_illness() -> None:
    assert "police-1" in Partnership(children=[child(flags=FII)]).ask().invited()
