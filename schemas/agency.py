"""Agencies, their teams, and the channels that they can be reached by."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator

from schemas.payload import Part, Payload, Provides
from schemas.vocabulary import (
    BareAddress,
    ChannelKind,
    Day,
    Flag,
    Id,
    Kind,
    Line,
    Listed,
    ListedIfAny,
    read_email,
    wrong,
)


class Channel(Part):
    """One way to reach an agency or a team. Nothing may be sent to one that is not `secure`."""

    kind: ChannelKind
    address: BareAddress
    secure: Flag
    verified_on: Day | None = None

    @field_validator("address")
    @classmethod
    def _mail_needs_a_mail_address(cls, address: str, info: ValidationInfo) -> str:
        return read_email(address) if info.data.get("kind") == "email" else address


class Team(Part):
    """A team of an agency. `serves` names routes: a status, a circumstance, or `transition`."""

    team_id: Id
    name: Line
    serves: Listed[Kind]
    channels: Listed[Channel]


class AgencyRecorded(Payload):
    """`quorate.agency.recorded.v1`: an agency as it is from `time` on, whole."""

    agency_id: Id
    kind: Kind
    name: Line
    authority: Line | None = None
    ods_code: Line | None = None
    urn: Line | None = None
    channels: Listed[Channel]
    teams: ListedIfAny[Team] = ()
    closed_on: Day | None = None

    @field_validator("teams")
    @classmethod
    def _each_team_once(cls, teams: tuple[Team, ...]) -> tuple[Team, ...]:
        seen: set[str] = set()
        for index, team in enumerate(teams):
            if team.team_id in seen:
                raise wrong("is the id of an earlier team too: each team once", index, "team_id")
            seen.add(team.team_id)
        return teams

    def provides(self) -> Provides:
        return (("agency", self.agency_id),)
