"""An invented partnership, for the rules of resolution: what a test does not say is there and unremarkable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from schemas.policy import Policy
from services.directory.rules import (
    Agency,
    Bounce,
    Cause,
    Channel,
    Child,
    Involvement,
    Placement,
    Relationship,
    Relative,
    Team,
    latest_bounces,
)
from services.meetings.policy import load_policy
from services.meetings.rules import (
    DoNotInvite,
    EarlierMeeting,
    Entry,
    Facts,
    Meeting,
    Reason,
    Resolution,
    resolve,
)

POLICY = load_policy()
DAY = date(2026, 4, 1)
SINCE = date(2025, 9, 1)
HERE, ELSEWHERE = "leicester", "rutland"


def cause(of: str) -> Cause:
    """The event that said it."""
    return Cause("/tests", of)


def channel(address: str, secure: bool = True) -> Channel:
    return Channel("email", address, secure)


def team(team_id: str, *serves: str, secure: bool = True) -> Team:
    return Team(team_id, f"the {team_id} team", serves, (channel(f"{team_id}@teams.example", secure),))


def agency(
    agency_id: str,
    kind: str | None = None,
    *,
    authority: str | None = HERE,
    teams: Sequence[Team] = (),
    secure: bool = True,
    closed_on: date | None = None,
) -> Agency:
    """An agency whose kind is its id without a number, unless given."""
    kind = kind or agency_id.rsplit("-", 1)[0]
    address = channel(f"{agency_id}@agencies.example", secure)
    return Agency(
        agency_id, kind, f"Agency {agency_id}", authority, (address,), tuple(teams), closed_on, cause(agency_id)
    )


def child(child_id: str = "c1", **more: Any) -> Child:
    """A child of eleven at the meeting, unless told otherwise."""
    plain: dict[str, Any] = {
        "child_id": child_id,
        "family_id": "f1",
        "authority": HERE,
        "initials": f"A{child_id.removeprefix('c')}",
        "nhs_number": None,
        "date_of_birth": date(2014, 5, 5),
        "expected_on": None,
        "preferred_name": None,
        "pronouns": None,
        "circumstances": (),
        "placement": None,
        "flags": (),
        "cause": cause(child_id),
    }
    return Child(**plain | more)


def unborn(child_id: str = "c1", **more: Any) -> Child:
    return child(child_id, **{"date_of_birth": None, "expected_on": date(2026, 6, 1)} | more)


def placed(authority: str = ELSEWHERE, agency_id: str | None = None) -> Placement:
    return Placement(agency_id, authority, SINCE)


def tie(child_id: str = "c1", kind: str = "mother", responsible: bool = True) -> Relationship:
    return Relationship(child_id, kind, responsible)


def relative(person_id: str, *ties: Relationship, email: str | None = "", not_with: Sequence[str] = ()) -> Relative:
    email = f"{person_id}@family.example" if email == "" else email
    return Relative(
        person_id, "f1", ties or (tie(),), f"Name {person_id}", email, (), tuple(not_with), cause(person_id)
    )


def involvement(agency_id: str, person_id: str = "c1", status: str = "open", **more: Any) -> Involvement:
    plain: dict[str, Any] = {
        "involvement_id": f"{person_id}+{agency_id}",
        "person_id": person_id,
        "agency_id": agency_id,
        "service": agency_id.rsplit("-", 1)[0],
        "status": status,
        "since": SINCE,
        "until": None,
        "team_id": None,
        "key_worker": None,
        "direct_contact": None,
        "cause": cause(f"{person_id}+{agency_id}"),
    }
    return Involvement(**plain | more)


def bounce(address: str, status: str = "5.1.1") -> Bounce:
    """That an address gave mail back a month before the meeting."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Bounce(address, None, status, at, at.date(), cause(f"bounce of {address}"))


def meeting(kind: str = "initial_conference", *, meeting_id: str = "m1", day: date = DAY, **more: Any) -> Meeting:
    starts_at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    plain: dict[str, Any] = {
        "meeting_id": meeting_id,
        "kind": kind,
        "authority": HERE,
        "partition_key": "f1",
        "state": "scheduled",
        "child_ids": ("c1",),
        "starts_at": starts_at,
        "ends_at": starts_at.replace(hour=12),
        "day": day,
        "follows": None,
        "also_invite": (),
        "do_not_invite": (),
        "cause": cause(meeting_id),
    }
    return Meeting(**plain | more)


def not_to_be_asked(who: str, reason: str = "chairs_restriction", *, person: bool = False) -> DoNotInvite:
    return DoNotInvite(None if person else who, who if person else None, reason, "As agreed.")


# Every kind that the default expects of an authority, so that a test sees only the gaps that it is about.
STANDING = tuple(
    agency(f"{kind}-{number}", kind, authority=authority)
    for number, authority in ((1, HERE), (9, ELSEWHERE))
    for kind in (
        "childrens_social_care",
        "police",
        "health_visiting",
        "school_nursing",
        "midwifery",
        "reviewing_officer",
        "looked_after_health",
    )
)


@dataclass
class Partnership:
    """What is known, as a test builds it up."""

    children: list[Child] = field(default_factory=lambda: [child()])
    agencies: list[Agency] = field(default_factory=list)
    involvements: list[Involvement] = field(default_factory=list)
    relatives: list[Relative] = field(default_factory=list)
    earlier: list[EarlierMeeting] = field(default_factory=list)
    household: list[Child] = field(default_factory=list)
    before: tuple[Entry, ...] = ()
    bounced: list[Bounce] = field(default_factory=list)
    policy: Policy = POLICY

    def __post_init__(self) -> None:
        known = {each.agency_id for each in self.agencies}
        kinds = {(each.kind, each.authority) for each in self.agencies}
        self.agencies += [a for a in STANDING if a.agency_id not in known and (a.kind, a.authority) not in kinds]

    def facts(self) -> Facts:
        by_authority: dict[tuple[str, str], list[Agency]] = {}
        for each in self.agencies:
            by_authority.setdefault((each.kind, each.authority or ""), []).append(each)
        involvements: dict[str, list[Involvement]] = {}
        for some in self.involvements:
            involvements.setdefault(some.person_id, []).append(some)
        families: dict[str, list[Child]] = {}
        for one in (*self.children, *self.household):
            families.setdefault(one.family_id, []).append(one)
        return Facts(
            {each.child_id: each for each in self.children},
            families,
            self.relatives,
            involvements,
            {each.agency_id: each for each in self.agencies},
            by_authority,
            self.earlier,
            self.before,
            latest_bounces(self.bounced),
            frozenset(each.email.lower() for each in self.relatives if each.email),
        )

    def ask(self, kind: str | Meeting = "initial_conference", **more: Any) -> Answer:
        """Who must be at a meeting about all the children, unless the meeting is given."""
        if isinstance(kind, str):
            kind = meeting(kind, **{"child_ids": tuple(each.child_id for each in self.children)} | more)
        return Answer(resolve(kind, self.facts(), self.policy), kind)

    def then(self, answer: Answer) -> None:
        """The meeting took place (or is to), with those who were asked: a later one looks back on it."""
        self.earlier.append(EarlierMeeting(answer.meeting, answer.entries))


@dataclass
class Answer:
    """A resolution, to be asked about."""

    resolution: Resolution
    meeting: Meeting

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.resolution.entries

    def of(self, agency_id: str) -> list[Entry]:
        """The entries of an agency."""
        return [each for each in self.entries if each.agency_id == agency_id]

    def one(self, who: str) -> Entry:
        """The one entry of an agency, a person, or a kind that nobody is recorded for."""
        found = [each for each in self.entries if who in {each.agency_id, each.person_id}] or [
            each for each in self.entries if each.kind == who and each.agency_id is None and each.person_id is None
        ]
        assert len(found) == 1, [each.party for each in self.entries]
        return found[0]

    def invited(self) -> set[str]:
        """The agencies and persons who are asked."""
        return {each.agency_id or each.person_id or "" for each in self.entries if each.decision == "invited"}

    def gaps(self) -> set[str]:
        """The kinds that are expected and that nobody is found for."""
        return {each.kind for each in self.entries if each.agency_id is None and each.person_id is None}

    def teams(self, agency_id: str) -> set[str | None]:
        """The teams of an agency that are asked."""
        return {each.team_id for each in self.of(agency_id) if each.decision == "invited"}


def rules(entry: Entry) -> list[str]:
    return [reason.rule for reason in entry.reasons]


def because(entry: Entry, rule: str) -> Reason:
    """The one reason by this rule."""
    found = [reason for reason in entry.reasons if reason.rule == rule]
    assert len(found) == 1, rules(entry)
    return found[0]


def closed(some: Involvement, on: date = date(2026, 3, 1)) -> Involvement:
    return replace(some, status="closed", until=on)
