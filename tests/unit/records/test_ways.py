"""By which addresses and mailboxes an agency may be written to for one of its teams."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from services.directory.rules import Agency, Cause, Channel, Team
from services.records.ways import ways_to


def channel(address: str, kind: str = "email", *, secure: bool = True) -> Channel:
    return Channel(kind, address, secure)


DUTY = Team("duty", "the duty team", (), (channel("duty@trust.example"), channel("X26DUTY", "mesh")))
OTHER = Team("other", "the other team", (), (channel("other@trust.example"),))
OWN = (channel("front@trust.example"), channel("open@trust.example", secure=False), channel("X26OWN", "mesh"))
TRUST = Agency("camhs-1", "camhs", "Example CAMHS", None, OWN, (OTHER, DUTY), None, Cause("/tests", "e1"))


def addresses(agency: Agency | None, team_id: str | None, kind: str = "email") -> list[str]:
    return [each.address for each in ways_to(agency, team_id, kind)]


def test_the_team_that_was_asked_comes_before_its_agency_and_no_other_team_is_written_to() -> None:
    assert addresses(TRUST, "duty") == ["duty@trust.example", "front@trust.example"]
    assert addresses(TRUST, None) == ["front@trust.example"]


def test_what_goes_by_one_channel_goes_to_no_address_of_another() -> None:
    assert addresses(TRUST, "duty", "mesh") == ["X26DUTY", "X26OWN"]


def test_nothing_goes_to_an_agency_that_is_closing_or_is_not_on_record() -> None:
    assert addresses(replace(TRUST, closed_on=date(2026, 1, 5)), "duty") == []
    assert addresses(None, "duty") == []


def test_every_way_of_an_agency_is_its_own_and_then_those_of_its_teams() -> None:
    assert TRUST.every_channel == (*OWN, *OTHER.channels, *DUTY.channels)
