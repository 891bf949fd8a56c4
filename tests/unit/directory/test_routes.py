"""Which address of an agency is the right one for one child."""

from __future__ import annotations

from datetime import date

import pytest

from services.directory.rules import Agency, Cause, Channel, Child, Involvement, Route, Team, route, secure_address

CAUSE = Cause("/tests", "e1")


def channel(address: str, *, secure: bool = True, kind: str = "email", verified_on: date | None = None) -> Channel:
    return Channel(kind, address, secure, verified_on)


def team(team_id: str, *serves: str, secure: bool = True) -> Team:
    return Team(team_id, f"the {team_id} team", serves, (channel(f"{team_id}@nhs.example", secure=secure),))


def camhs(*teams: Team, channels: tuple[Channel, ...] = (channel("camhs@nhs.example"),)) -> Agency:
    return Agency("camhs-1", "camhs", "Example CAMHS", "leicester", channels, teams, None, CAUSE)


TEAMS = (
    team("community", "open"),
    team("duty", "waiting"),
    team("young-people", "looked_after", "adopted"),
    team("eating", "eating_disorder"),
    team("next-step", "transition"),
)


@pytest.mark.parametrize(
    ("named", "circumstances", "status", "team_id"),
    [
        (None, (), "waiting", "duty"),
        (None, (), "open", "community"),
        (None, ("looked_after",), "waiting", "young-people"),
        (None, ("eating_disorder",), "open", "eating"),
        ("community", ("looked_after",), "waiting", "community"),
        ("duty", (), "open", "duty"),
        (None, ("home_educated",), "open", "community"),
        (None, ("transition",), None, "next-step"),
    ],
)
def test_a_team_named_beats_a_circumstance_which_beats_a_status(
    named: str | None, circumstances: tuple[str, ...], status: str | None, team_id: str
) -> None:
    assert route(camhs(*TEAMS), named, circumstances, status).team_id == team_id


def test_a_child_who_has_just_been_referred_goes_to_the_team_for_the_waiting_list() -> None:
    assert route(camhs(*TEAMS), None, (), "referred").team_id == "duty"


def test_a_team_for_referrals_comes_before_the_team_for_the_waiting_list() -> None:
    assert route(camhs(*TEAMS, team("front-door", "referred")), None, (), "referred").team_id == "front-door"


def test_no_status_and_no_circumstance_goes_to_the_agencys_own_address() -> None:
    assert route(camhs(*TEAMS), None, (), None) == Route(None, "camhs@nhs.example", "")


def test_the_agencys_own_order_of_teams_decides_between_circumstances_not_the_childs() -> None:
    for circumstances in (("looked_after", "eating_disorder"), ("eating_disorder", "looked_after")):
        assert route(camhs(*TEAMS), None, circumstances, "open").team_id == "young-people"


def test_a_team_without_a_secure_address_is_passed_over_and_the_text_says_so() -> None:
    agency = camhs(team("young-people", "looked_after", secure=False), team("duty", "waiting"))
    assert route(agency, None, ("looked_after",), "waiting") == Route(
        "duty",
        "duty@nhs.example",
        "The young-people team has no secure e-mail address on record. "
        "It goes to the duty team, which serves those on the waiting list.",
    )


def test_without_a_secure_team_the_agencys_own_address_is_the_last_resort() -> None:
    found = route(camhs(team("duty", "waiting", secure=False)), None, (), "waiting")
    assert (found.team_id, found.address) == (None, "camhs@nhs.example")
    assert found.text.endswith("It goes to the agency's own address.")


def test_without_any_secure_address_there_is_none() -> None:
    found = route(camhs(channels=(channel("camhs@mail.example", secure=False),)), None, (), "open")
    assert found == Route(None, None, "Example CAMHS has no secure e-mail address on record.")


def test_a_team_that_the_agency_does_not_have_is_named_in_the_text() -> None:
    found = route(camhs(*TEAMS), "closed-team", (), None)
    assert found.text == "Example CAMHS has no team closed-team on record. It goes to the agency's own address."


@pytest.mark.parametrize(
    ("served", "words"), [("adopted", "adopted children"), ("deaf", "those with the circumstance")]
)
def test_the_text_says_whom_the_team_serves(served: str, words: str) -> None:
    found = route(camhs(team("special", served)), None, (served,), "open")
    assert found.text.startswith(f"It goes to the special team, which serves {words}")


def test_only_secure_e_mail_is_an_address_and_the_latest_verified_comes_first() -> None:
    channels = [
        channel("portal", kind="portal"),
        channel("open@mail.example", secure=False, verified_on=date(2026, 1, 3)),
        channel("old@nhs.example", verified_on=date(2025, 1, 1)),
        channel("new@nhs.example", verified_on=date(2026, 1, 1)),
        channel("never@nhs.example"),
    ]
    assert secure_address(channels) == "new@nhs.example"


def child(born: date | None, expected: date | None = None) -> Child:
    return Child("c1", "f1", "leicester", "AB", None, born, expected, None, None, (), None, (), CAUSE)


def test_a_child_whose_due_date_has_passed_without_a_birth_recorded_is_still_unborn() -> None:
    assert child(None, date(2026, 1, 1)).unborn_on(date(2026, 3, 1))


def test_a_child_is_not_unborn_where_neither_birth_nor_due_date_is_known() -> None:
    assert not child(None).unborn_on(date(2026, 3, 1))


def test_before_the_date_of_birth_a_child_is_unborn_and_has_no_age() -> None:
    early = child(date(2026, 3, 2))
    assert early.unborn_on(date(2026, 3, 1))
    assert early.months_old_on(date(2026, 3, 1)) is None


@pytest.mark.parametrize(
    ("born", "day", "months"),
    [
        (date(2008, 9, 15), date(2026, 3, 14), 209),
        (date(2008, 9, 15), date(2026, 3, 15), 210),
        (date(2024, 2, 29), date(2025, 2, 28), 11),
        (date(2024, 2, 29), date(2025, 3, 1), 12),
    ],
)
def test_age_is_counted_in_whole_months(born: date, day: date, months: int) -> None:
    assert child(born).months_old_on(day) == months


@pytest.mark.parametrize(
    ("status", "until", "counts"),
    [
        ("waiting", None, True),
        ("referred", None, True),
        ("open", None, True),
        ("closed", None, False),
        ("open", date(2026, 4, 1), True),
        ("open", date(2026, 3, 31), False),
    ],
)
def test_an_involvement_counts_in_any_status_but_closed_until_its_end(
    status: str, until: date | None, counts: bool
) -> None:
    some = Involvement("i", "c1", "a", "camhs", status, date(2025, 1, 1), until, None, None, None, CAUSE)
    assert some.counts_on(date(2026, 4, 1)) is counts
