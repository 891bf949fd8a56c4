"""An address that gave mail back is passed over for the next one of the same agency, until it is known to work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.rules import (
    Agency,
    Bounce,
    Bounces,
    Cause,
    Channel,
    Route,
    Team,
    latest_bounces,
    returned,
    route,
    secure_addresses,
)

AGENCY, BOUNCE = Cause("/tests", "agency"), Cause("/tests", "bounce")
AT = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
DAY = date(2026, 3, 4)
TEAM, OWN, SECOND = "duty@nhs.example", "camhs@nhs.example", "second@nhs.example"


def channel(address: str, *, secure: bool = True, verified_on: date | None = None) -> Channel:
    return Channel("email", address, secure, verified_on)


def team(team_id: str, *serves: str, channels: tuple[Channel, ...] | None = None) -> Team:
    own = (channel(f"{team_id}@nhs.example"),) if channels is None else channels
    return Team(team_id, f"the {team_id} team", serves, own)


def camhs(*teams: Team, channels: tuple[Channel, ...] = (channel(OWN),), recorded_at: datetime = AT) -> Agency:
    return Agency("camhs-1", "camhs", "Example CAMHS", "leicester", channels, teams, None, AGENCY, recorded_at)


def bounce(address: str, status: str = "5.1.1", at: datetime = AT, meeting_id: str | None = None) -> Bounce:
    return Bounce(address, meeting_id, status, at, at.date(), BOUNCE)


def came_back(*addresses: str, at: datetime = AT) -> Bounces:
    return latest_bounces(bounce(each, at=at) for each in addresses)


def test_a_second_address_of_the_same_team_comes_before_the_agencys_own() -> None:
    duty = team("duty", "waiting", channels=(channel(TEAM), channel(SECOND)))
    found = route(camhs(duty), None, (), "waiting", came_back(TEAM))
    assert (found.team_id, found.address) == ("duty", SECOND)
    assert "came back (there is no such mailbox), so it goes to another address of its own." in found.text
    assert found.causes == (BOUNCE,)


def test_the_agencys_own_address_stands_in_for_its_team_and_the_team_is_still_who_is_asked() -> None:
    found = route(camhs(team("duty", "waiting")), None, (), "waiting", came_back(TEAM))
    assert (found.team_id, found.address) == ("duty", OWN)
    assert "so it goes to the agency's own address." in found.text


def test_the_next_team_that_would_do_stands_in_where_the_agency_has_no_other_address() -> None:
    teams = (team("eating", "eating_disorder"), team("duty", "waiting"), team("other", "open"))
    circumstances = ("eating_disorder",)
    found = route(camhs(*teams, channels=()), None, circumstances, "waiting", came_back("eating@nhs.example"))
    assert (found.team_id, found.address) == ("eating", TEAM)
    assert "so it goes to the address of the duty team." in found.text


def test_a_team_that_does_not_serve_the_child_never_stands_in() -> None:
    teams = (team("duty", "waiting"), team("other", "open"))
    found = route(camhs(*teams, channels=()), None, (), "waiting", came_back(TEAM))
    assert (found.address, found.came_back) == (None, (TEAM,))


def test_an_address_that_is_not_secure_never_stands_in() -> None:
    own = (channel(OWN, secure=False),)
    found = route(camhs(team("duty", "waiting"), channels=own), None, (), "waiting", came_back(TEAM))
    assert (found.address, found.came_back) == (None, (TEAM,))


def test_where_all_came_back_there_is_none_and_the_text_says_what_to_do() -> None:
    found = route(camhs(team("duty", "waiting")), None, (), "waiting", came_back(TEAM, OWN))
    assert (found.team_id, found.address, found.came_back) == ("duty", None, (TEAM, OWN))
    assert "record another one, or the day on which one of these was found to work." in found.text


def test_letters_small_and_large_name_the_same_address() -> None:
    own = (channel("CAMHS@NHS.example"), channel(SECOND))
    assert route(camhs(channels=own), None, (), None, came_back(OWN)).address == SECOND


@pytest.mark.parametrize(
    ("verified_on", "recorded_after", "works"),
    [
        (None, timedelta(hours=1), False),
        (DAY - timedelta(days=1), timedelta(days=9), False),
        (DAY + timedelta(days=1), timedelta(days=1), True),
        (DAY, timedelta(hours=1), True),
        (DAY, -timedelta(hours=1), False),
        # The record was there before the bounce: a day to come in it is a slip, and would never be over.
        (date(2030, 1, 1), -timedelta(hours=1), False),
    ],
)
def test_it_works_again_where_a_newer_record_says_that_it_was_verified_since(
    verified_on: date | None, recorded_after: timedelta, works: bool
) -> None:
    own = (channel(OWN, verified_on=verified_on), channel(SECOND, verified_on=date(2020, 1, 1)))
    if verified_on is None:
        own = (own[0], channel(SECOND, secure=False))
    found = route(camhs(channels=own, recorded_at=AT + recorded_after), None, (), None, came_back(OWN))
    assert (found.address == OWN) is works


def test_of_two_bounces_of_one_address_the_later_decides() -> None:
    early, late = bounce(OWN, "5.1.1", AT - timedelta(days=9)), bounce(OWN, "5.2.2", AT, "m1")
    assert latest_bounces([late, early]) == latest_bounces([early, late]) == {OWN: late}


@pytest.mark.parametrize(
    ("status", "gives_up", "words"),
    [
        ("5.1.1", True, "there is no such mailbox"),
        ("5.1.2", True, "there is no such mail domain"),
        ("5.1.10", True, "the domain takes no mail"),
        ("5.1.8", False, "the mail server does not accept our address"),
        ("5.1.99", False, "the address was refused"),
        ("5.2.1", True, "the mailbox is closed"),
        ("5.2.2", False, "the mailbox is full"),
        ("5.3.4", False, "the message is too long for the mail system there"),
        ("4.4.7", False, "it could not be delivered in time"),
        ("5.4.1", False, "the mail system there could not be reached"),
        ("5.6.0", False, "what is in the message was refused"),
        ("5.7.1", False, "refused as a matter of policy"),
        ("5.0.0", False, "no reason was given"),
        ("5.999.999", False, "no reason was given"),
    ],
)
def test_what_is_said_of_the_address_gives_it_up_and_what_is_said_of_one_message_does_not(
    status: str, gives_up: bool, words: str
) -> None:
    found = returned(status)
    assert (found.gives_up, found.words) == (gives_up, words)


TEAMS = ("waiting", "open", "looked_after")
ADDRESSES = [f"{place}-{number}@nhs.example" for place in (*TEAMS, "own") for number in (1, 2)]


@st.composite
def agencies(draw: st.DrawFn) -> Agency:
    def some(place: str) -> tuple[Channel, ...]:
        return tuple(
            channel(f"{place}-{number}@nhs.example", secure=draw(st.booleans()))
            for number in (1, 2)[: draw(st.integers(0, 2))]
        )

    teams = [team(each, each, channels=some(each)) for each in draw(st.permutations(TEAMS))[: draw(st.integers(0, 3))]]
    return camhs(*teams, channels=some("own"))


@given(
    agencies(),
    st.sets(st.sampled_from(ADDRESSES)),
    st.sampled_from(["waiting", "open", "referred", None]),
    st.sampled_from([(), ("looked_after",)]),
)
def test_nobody_is_written_to_at_an_address_that_bounced_or_is_not_secure_and_bounces_change_nobody_who_is_asked(
    agency: Agency, gone: set[str], status: str | None, circumstances: tuple[str, ...]
) -> None:
    before = route(agency, None, circumstances, status)
    found = route(agency, None, circumstances, status, came_back(*gone))
    assert found.address not in gone
    assert found.team_id == before.team_id
    assert {found.address, *found.came_back} - {None} <= secure_addresses(agency)
    if before.address is not None and before.address not in gone:
        assert found == before
    # An address of the agency's own always stands in.
    usable = {each.address for each in agency.channels if each.secure} - gone
    if before.address is not None and usable:
        assert found.address is not None


@given(agencies())
def test_where_whatever_is_tried_comes_back_each_address_is_tried_once(agency: Agency) -> None:
    tried: list[str] = []
    found: Route = route(agency, None, (), "waiting")
    while found.address is not None:
        tried.append(found.address)
        found = route(agency, None, (), "waiting", came_back(*tried))
    assert len(tried) == len(set(tried))
    assert set(found.came_back) == set(tried)


def test_a_record_without_the_address_ends_the_matter() -> None:
    moved = replace(camhs(), channels=(channel("new@nhs.example"),))
    assert route(moved, None, (), None, came_back(OWN)) == Route(None, "new@nhs.example", "")
