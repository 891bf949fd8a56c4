"""The facts that the directory holds, and which address of an agency is the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime


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
    """An agency as recorded; `recorded_at` is the time of the event that says so."""

    agency_id: str
    kind: str
    name: str
    authority: str | None
    channels: tuple[Channel, ...]
    teams: tuple[Team, ...]
    closed_on: date | None
    cause: Cause
    recorded_at: datetime | None = None

    @property
    def every_channel(self) -> tuple[Channel, ...]:
        """Its own channels, then those of its teams."""
        return (*self.channels, *(channel for team in self.teams for channel in team.channels))


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


def as_it_was(versions: Sequence[tuple[datetime, Involvement]], at: datetime, day: date) -> Involvement | None:
    """An involvement as it was at a moment that has passed, which is on `day` in England; None where it had not begun.

    `versions` are all that were recorded, each with the time from which it was so, oldest first. Where none is as old
    as that moment, the first tells of the days before it was recorded too: one that has been closed since was not yet.
    """
    told = [involvement for since, involvement in versions if since <= at]
    involvement = told[-1] if told else versions[0][1]
    if involvement.since > day:
        return None
    if not told and involvement.status == "closed" and involvement.until is not None and involvement.until >= day:
        return replace(involvement, status="open")
    return involvement


@dataclass(frozen=True, slots=True)
class Bounce:
    """That an address gave mail back for good. `meeting_id` names the one meeting for which the address is passed over;
    None: for every meeting. `day` is the date in England.
    """

    address: str
    meeting_id: str | None
    status: str
    at: datetime
    day: date
    cause: Cause


Bounces = Mapping[str, Bounce]
"""The latest bounce of each address, by the address in small letters."""

NONE_BOUNCED: Bounces = {}


def latest_bounces(bounces: Iterable[Bounce]) -> Bounces:
    """The bounce of each address that decides."""
    ordered = sorted(bounces, key=lambda each: (each.at, each.cause.source, each.cause.id))
    return {each.address: each for each in ordered}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message to an agency goes: a team or none, an address or none, and why there, in sentences.

    `text` is empty where it goes to the agency's own address and no team was looked at. `came_back` holds the
    addresses that would do, had they not given mail back, where there is no other; `causes` the bounces that decided.
    """

    team_id: str | None
    address: str | None
    text: str
    came_back: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


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


def _usable(channels: Iterable[Channel]) -> list[Channel]:
    """The secure e-mail channels, the most recently verified before the others."""
    usable = [channel for channel in channels if channel.kind == "email" and channel.secure]
    return sorted(usable, key=lambda channel: channel.verified_on or date.min, reverse=True)


def secure_address(channels: Iterable[Channel]) -> str | None:
    """The first secure e-mail address, the most recently verified before the others; None where there is none."""
    usable = _usable(channels)
    return usable[0].address if usable else None


def secure_addresses(agency: Agency) -> frozenset[str]:
    """Every e-mail address of an agency and its teams that may receive something."""
    return frozenset(each.address for each in agency.every_channel if each.kind == "email" and each.secure)


def bounce_of(agency: Agency, channel: Channel, bounced: Bounces) -> Bounce | None:
    """The bounce for which a channel is passed over; None where it has given nothing back since it was verified.

    It is verified since where a record of the agency that is newer than the bounce names that day or a later one.
    """
    bounce = bounced.get(channel.address.lower())
    if bounce is None:
        return None
    verified = channel.verified_on is not None and channel.verified_on >= bounce.day
    return None if verified and agency.recorded_at is not None and agency.recorded_at > bounce.at else bounce


def route(
    agency: Agency,
    team_id: str | None,
    circumstances: Iterable[str],
    status: str | None,
    bounced: Bounces = NONE_BOUNCED,
) -> Route:
    """Which address of `agency` is the right one for one child.

    A team named on the involvement beats a team that serves one of the child's circumstances, which beats a team that
    serves the status of the involvement; the agency's own channels are the last resort. Where several teams would do,
    the order in which the agency lists them decides. A team without a secure address is passed over for the next, and
    the text says so.

    An address that has given mail back is passed over too, and it stays the same team that is asked: at another address
    of its own, at the agency's, or at that of the next team that would do.

    Source: the contract's catalogue ("serves"); rules of the field, seeds 19 and 20.
    """
    passed_over = ""
    reachable: list[tuple[Team, str]] = []
    if agency.teams:
        for team, why in _teams(agency, team_id, frozenset(circumstances), status):
            if _usable(team.channels):
                reachable.append((team, why))
            elif not reachable:
                passed_over += f"{team.name[:1].upper()}{team.name[1:]} has no secure e-mail address on record. "
        if not reachable and team_id is not None and all(team.team_id != team_id for team in agency.teams):
            passed_over += f"{agency.name} has no team {team_id} on record. "
    if reachable:
        return _way(agency, reachable, passed_over, bounced)
    if not _usable(agency.channels):
        return Route(None, None, f"{passed_over}{agency.name} has no secure e-mail address on record.")
    return _way(agency, [], passed_over, bounced)


def _way(agency: Agency, teams: Sequence[tuple[Team, str]], passed_over: str, bounced: Bounces) -> Route:
    """The way to the first of these teams, each with why it would do, or where there are none to the agency itself: the
    first address that has given nothing back.
    """
    places = [(agency.channels, "another of its addresses")]
    team_id, name, text = None, agency.name, passed_over
    if teams:
        [(asked, why), *others] = teams
        team_id, name, text = asked.team_id, asked.name, f"{passed_over}It is for {asked.name}, {why}. "
        places = [(asked.channels, "another address of its own"), (agency.channels, "the agency's own address")]
        places += [(team.channels, f"the address of {team.name}") for team, _ in others if team is not asked]
    back: dict[str, Bounce] = {}
    for channels, where in places:
        for channel in _usable(channels):
            bounce = bounce_of(agency, channel, bounced)
            if bounce is not None:
                back.setdefault(channel.address, bounce)
            elif not back:
                own = f"{passed_over}It goes to the agency's own address." if passed_over else ""
                return Route(team_id, channel.address, f"{passed_over}It goes to {name}, {why}." if teams else own)
            else:
                first = next(iter(back.values()))
                text += f"What was sent to {name} came back ({returned(first.status).words}), so it goes to {where}."
                causes = tuple(dict.fromkeys(each.cause for each in back.values()))
                return Route(team_id, channel.address, text, causes=causes)
    words = " and ".join(dict.fromkeys(returned(each.status).words for each in back.values()))
    if len(back) > 1:
        said = f"What was sent to {name} came back from every address that may be used ({words})"
        lost = f"{said}: record another one, or the day on which one of these was found to work."
    else:
        said = f"What was sent to {name} came back ({words}), and there is no other address that may be used"
        lost = f"{said}: record another one, or the day on which this one was found to work."
    return Route(team_id, None, lost, tuple(back), tuple(dict.fromkeys(each.cause for each in back.values())))


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


@dataclass(frozen=True, slots=True)
class Returned:
    """What it means that a message came back. `gives_up`: nothing can be sent to the address until it is put right;
    otherwise it is passed over for the meeting whose message came back, and for no other.
    """

    words: str
    gives_up: bool = False


# The part of a status code after its class, which says whether it was for good, and the event says that better: mail
# that could not be handed on for five days is given back with a 4.
# Source: RFC 3463 sections 3.2 to 3.8; RFC 7505 section 4.2 (a domain that takes no mail), RFC 7372 (authentication).
_RETURNED = {
    "1.0": Returned("the address is not right", gives_up=True),
    "1.1": Returned("there is no such mailbox", gives_up=True),
    "1.2": Returned("there is no such mail domain", gives_up=True),
    "1.3": Returned("the address is not a valid one", gives_up=True),
    "1.4": Returned("the address stands for more than one mailbox", gives_up=True),
    "1.6": Returned("the mailbox has moved, and nobody knows where to", gives_up=True),
    "1.7": Returned("the mail server does not accept our address"),
    "1.8": Returned("the mail server does not accept our address"),
    "1.10": Returned("the domain takes no mail", gives_up=True),
    "2.1": Returned("the mailbox is closed", gives_up=True),
    "2.2": Returned("the mailbox is full"),
    "2.3": Returned("the message is too long for the mailbox"),
    "2.4": Returned("the list of its readers cannot be used"),
    "3.1": Returned("the mail system there has no room"),
    "3.4": Returned("the message is too long for the mail system there"),
    "4.6": Returned("the mail goes round in a circle"),
    "4.7": Returned("it could not be delivered in time"),
}
# The same by the kind of trouble alone.
_KINDS_RETURNED = {
    "1": Returned("the address was refused"),
    "2": Returned("the mailbox did not take it"),
    "3": Returned("the mail system there did not take it"),
    "4": Returned("the mail system there could not be reached"),
    "5": Returned("the mail servers did not understand each other"),
    "6": Returned("what is in the message was refused"),
    "7": Returned("refused as a matter of policy"),
}
_WITHOUT_A_REASON = Returned("no reason was given")


def returned(status: str) -> Returned:
    """What an enhanced status code says of a message that came back for good."""
    _, kind, detail = status.split(".")
    return _RETURNED.get(f"{kind}.{detail}") or _KINDS_RETURNED.get(kind, _WITHOUT_A_REASON)
