"""The facts that the directory holds, and which address of an agency is the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Cause:
    """The event behind a fact."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach an agency or a team; only `secure` ones may receive anything."""

    kind: str
    address: str
    secure: bool
    verified_on: date | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """A team of an agency, and the routes that it serves: a status, a circumstance, or `transition`."""

    team_id: str
    name: str
    serves: tuple[str, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency as recorded."""

    agency_id: str
    kind: str
    name: str
    authority: str | None
    channels: tuple[Channel, ...]
    teams: tuple[Team, ...]
    closed_on: date | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a looked-after child lives."""

    agency_id: str | None
    authority: str
    since: date


@dataclass(frozen=True, slots=True)
class Child:
    """A child as recorded. `in_hospital` is the admission that no discharge has followed yet."""

    child_id: str
    family_id: str
    authority: str
    initials: str
    nhs_number: str | None
    date_of_birth: date | None
    expected_on: date | None
    preferred_name: str | None
    pronouns: str | None
    circumstances: tuple[str, ...]
    placement: Placement | None
    flags: tuple[str, ...]
    cause: Cause
    in_hospital: Cause | None = None

    def unborn_on(self, day: date) -> bool:
        """Whether the child is not born yet on `day`: a due date that has passed without a birth recorded counts
        too.
        """
        if self.date_of_birth is not None:
            return self.date_of_birth > day
        return self.expected_on is not None

    def months_old_on(self, day: date) -> int | None:
        """Whole months of age on `day`; None where no date of birth is known, or the child is not born yet."""
        born = self.date_of_birth
        if born is None or born > day:
            return None
        return (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a relative is to one child."""

    child_id: str
    kind: str
    parental_responsibility: bool


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative, or with the relationship `self` the child in person."""

    person_id: str
    family_id: str
    relationships: tuple[Relationship, ...]
    name: str
    email: str | None
    needs: tuple[str, ...]
    not_with: tuple[str, ...]
    cause: Cause


@dataclass(frozen=True, slots=True)
class Involvement:
    """An agency's service to a child or a relative. `waiting` and `referred` are as much an involvement as `open`."""

    involvement_id: str
    person_id: str
    agency_id: str
    service: str
    status: str
    since: date
    until: date | None
    team_id: str | None
    key_worker: str | None
    direct_contact: bool | None
    cause: Cause

    @property
    def waits(self) -> bool:
        """Whether the person waits for the service and is not seen by it yet."""
        return self.status in {"waiting", "referred"}

    def counts_on(self, day: date) -> bool:
        """Whether it is anything but closed on `day`."""
        return self.status != "closed" and not self.ends_before(day)

    def ends_before(self, day: date) -> bool:
        """Whether it is recorded with an end that comes before `day`."""
        return self.until is not None and self.until < day


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message to an agency goes: a team or none, an address or none, and why there, in sentences.

    `text` is empty where it goes to the agency's own address and no team was looked at.
    """

    team_id: str | None
    address: str | None
    text: str


# Routes in words, as they follow "which serves".
_SERVED = {
    "open": "those who are open to it",
    "waiting": "those on the waiting list",
    "referred": "those who have been referred",
    "transition": "young people who move on to adult services",
    "looked_after": "looked-after children",
    "adopted": "adopted children",
    "unaccompanied": "unaccompanied children",
    "homeless": "homeless children",
    "youth_justice": "children in the youth justice system",
    "eating_disorder": "children with an eating disorder",
}

# A status of an involvement → the routes that serve it. Who has just been referred waits as well.
_ROUTES = {"referred": ("referred", "waiting")}


def secure_address(channels: Iterable[Channel]) -> str | None:
    """The first secure e-mail address, the most recently verified before the others; None where there is none."""
    usable = [channel for channel in channels if channel.kind == "email" and channel.secure]
    usable.sort(key=lambda channel: channel.verified_on or date.min, reverse=True)
    return usable[0].address if usable else None


def secure_addresses(agency: Agency) -> frozenset[str]:
    """Every e-mail address of an agency and its teams that may receive something."""
    own = (agency.channels, *(team.channels for team in agency.teams))
    return frozenset(each.address for some in own for each in some if each.kind == "email" and each.secure)


def route(agency: Agency, team_id: str | None, circumstances: Iterable[str], status: str | None) -> Route:
    """Which address of `agency` is the right one for one child.

    A team named on the involvement beats a team that serves one of the child's circumstances, which beats a team that
    serves the status of the involvement; the agency's own channels are the last resort. Where several teams would do,
    the order in which the agency lists them decides. A team without a secure address is passed over for the next, and
    the text says so.

    Source: the contract's catalogue ("serves"); rules of the field, seeds 19 and 20.
    """
    passed_over = ""
    if agency.teams:
        for team, why in _teams(agency, team_id, frozenset(circumstances), status):
            address = secure_address(team.channels)
            if address is not None:
                return Route(team.team_id, address, f"{passed_over}It goes to {team.name}, {why}.")
            passed_over += f"{team.name[:1].upper()}{team.name[1:]} has no secure e-mail address on record. "
        if team_id is not None and all(team.team_id != team_id for team in agency.teams):
            passed_over += f"{agency.name} has no team {team_id} on record. "
    address = secure_address(agency.channels)
    if address is None:
        return Route(None, None, f"{passed_over}{agency.name} has no secure e-mail address on record.")
    return Route(None, address, f"{passed_over}It goes to the agency's own address." if passed_over else "")


def _teams(
    agency: Agency, team_id: str | None, circumstances: frozenset[str], status: str | None
) -> Iterator[tuple[Team, str]]:
    """The teams that would do, the best first, each with why."""
    for team in agency.teams:
        if team.team_id == team_id:
            yield team, "the team that is named for this"
    for team in agency.teams:
        for served in team.serves:
            if served in circumstances:
                yield team, _serves(served)
    for wanted in _ROUTES.get(status, (status,)) if status else ():
        for team in agency.teams:
            if wanted in team.serves:
                yield team, _serves(wanted)


def _serves(served: str) -> str:
    words = served.replace("_", " ")
    return f"which serves {_SERVED.get(served) or f'those with the circumstance {words}'}"
