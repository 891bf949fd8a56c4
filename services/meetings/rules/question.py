"""One meeting's question: who must be there? With what is known, and the asks that rules have found so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from schemas.policy import MeetingKind, Policy, PolicyToday
from services.directory.rules import (
    Agency,
    Bounces,
    Cause,
    Child,
    Involvement,
    Relationship,
    Relative,
    returned,
)
from services.meetings.rules.entry import (
    ASKED_BEFORE,
    CAME_BACK,
    DECIDED_BY_A_PERSON,
    INVITED,
    NO_AGENCY_KNOWN,
    NO_USABLE_ADDRESS,
    NOT_INVITED,
    SEVERAL_AGENCIES,
    Back,
    EarlierMeeting,
    Entry,
    Reason,
)
from services.meetings.rules.meeting import DoNotInvite, Meeting
from services.meetings.rules.words import relation

SELF = "self"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known when the question was asked. `before` are the entries that stood until then; `bounced` are the
    addresses that gave back what was sent about this meeting, or cannot be reached about any; `family_addresses` are
    those, in small letters, that relatives of the children and of their households gave.
    """

    children: Mapping[str, Child]
    families: Mapping[str, Sequence[Child]]
    relatives: Sequence[Relative]
    involvements: Mapping[str, Sequence[Involvement]]
    agencies: Mapping[str, Agency]
    by_authority: Mapping[tuple[str, str], Sequence[Agency]]
    earlier: Sequence[EarlierMeeting] = ()
    before: Sequence[Entry] = ()
    bounced: Bounces = field(default_factory=dict)
    family_addresses: frozenset[str] = frozenset()


@dataclass(slots=True)
class Ask:
    """One reason to ask one agency, before the reasons for the same agency are put together.

    Without an agency it is a gap: a kind that is expected and not found, `area_wide` where it was looked for in an
    authority rather than for one child. `why_not` says why it is not asked after all. `settles` says for whom the ask
    answers an expectation of its kind: for its child, or as far as the meeting as a whole goes. `team_id` and `status`
    choose the team where no involvement does.
    """

    kind: str
    agency_id: str | None
    reason: Reason
    involvement: Involvement | None = None
    team_id: str | None = None
    status: str | None = None
    transition: bool = False
    counts: bool = True
    why_not: str | None = None
    settles: Literal["child", "meeting"] | None = None
    area_wide: bool = False


@dataclass(slots=True)
class Question:
    """One meeting's resolution while it is worked out. What it hands out is in an order of its own, whatever the
    order of the facts.
    """

    meeting: Meeting
    facts: Facts
    today: PolicyToday
    policy: Policy
    kind: MeetingKind = field(init=False)
    children: list[Child] = field(init=False)
    relatives: list[Relative] = field(init=False)
    selves: dict[str, str] = field(init=False)
    excluded: frozenset[str | None] = field(init=False)
    asks: list[Ask] = field(default_factory=list)
    local_asks: list[tuple[Ask, str]] = field(default_factory=list)
    _parents: dict[str, list[tuple[Relative, str]]] = field(default_factory=dict)
    _involvements: dict[str, list[Involvement]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.facts.children
        self.kind = self.today.kind(self.meeting.kind)
        self.children = [known[each] for each in self.meeting.child_ids if each in known]
        self.relatives = sorted(self.facts.relatives, key=lambda relative: relative.person_id)
        self.excluded = frozenset(each.agency_id for each in self.meeting.do_not_invite)
        self.selves = {}
        for relative in self.relatives:
            for tie in relative.relationships:
                if tie.kind == SELF:
                    self.selves.setdefault(tie.child_id, relative.person_id)

    def involvements(self, person_id: str) -> list[Involvement]:
        """Every involvement of a person, closed ones too."""
        if person_id not in self._involvements:
            some = self.facts.involvements.get(person_id, ())
            self._involvements[person_id] = sorted(some, key=lambda each: (each.since, each.involvement_id))
        return self._involvements[person_id]

    def counting(self, person_id: str) -> list[Involvement]:
        """The involvements of a person that are anything but closed on the day of the meeting."""
        return [each for each in self.involvements(person_id) if each.counts_on(self.meeting.day)]

    def parents(self, child: Child) -> list[tuple[Relative, str]]:
        """The child's parents and carers, each with what they are to the child."""
        if child.child_id not in self._parents:
            self._parents[child.child_id] = [
                (relative, relation(ties[0].kind))
                for relative in self.relatives
                if (ties := [tie for tie in relative.relationships if self._makes_a_parent(tie, child)])
            ]
        return self._parents[child.child_id]

    def _makes_a_parent(self, tie: Relationship, child: Child) -> bool:
        return (
            tie.child_id == child.child_id
            and tie.kind != SELF
            and (tie.parental_responsibility or tie.kind in self.policy.groups.parents)
        )

    def is_closed(self, agency: Agency) -> bool:
        """Whether the agency is closed on the day of the meeting."""
        return agency.closed_on is not None and agency.closed_on <= self.meeting.day

    def name(self, agency_id: str) -> str:
        """The agency's name; where it is not recorded, its id."""
        agency = self.facts.agencies.get(agency_id)
        return agency.name if agency else f"Agency {agency_id}"

    def kind_of(self, agency_id: str) -> str:
        """The kind of an agency; `other` for one that is not recorded."""
        agency = self.facts.agencies.get(agency_id)
        return agency.kind if agency else "other"

    def ask_local(self, ask: Ask, authority: str) -> None:
        """Ask the one agency of the ask's kind in an authority, or else the one that belongs to no authority, such as
        a police force for several. Which one that is is settled when it is known who is asked otherwise.
        """
        self.local_asks.append((ask, authority))

    def settle_local_asks(self) -> None:
        """Find the agencies that are asked as those of an authority.

        Where there are several, those that are asked otherwise or were asked before; where that leaves none, a person
        has to say which.
        """
        named = self._named()
        for ask, authority in self.local_asks:
            found: list[Agency] = []
            for area in (authority, ""):
                local = self.facts.by_authority.get((ask.kind, area), ())
                found = found or [agency for agency in local if not self.is_closed(agency)]
            found.sort(key=lambda agency: agency.agency_id)
            found = [agency for agency in found if agency.agency_id not in self.excluded] or found
            chosen = found if len(found) == 1 else [agency for agency in found if agency.agency_id in named]
            if chosen:
                self.asks += [_asking(ask, agency) for agency in chosen]
            else:
                self.asks.append(self._gap(ask, found, authority))

    def _gap(self, ask: Ask, found: Sequence[Agency], authority: str) -> Ask:
        called = self.policy.agency_name(ask.kind)
        if found:
            text = f"{len(found)} agencies are recorded for {called} in {authority}: say which one to ask."
        else:
            text = f"No agency is recorded for {called} in {authority}."
        causes = (*ask.reason.causes, *(agency.cause for agency in found))
        reason = Reason(ask.reason.rule, f"{ask.reason.text} {text}", causes, ask.reason.child_id)
        why_not = SEVERAL_AGENCIES if found else NO_AGENCY_KNOWN
        return Ask(ask.kind, None, reason, why_not=why_not, area_wide=True)

    def _named(self) -> set[str]:
        """The agencies that are asked for a reason of their own, or were asked to this meeting or one before it."""
        entries = list(self.facts.before)
        for past in self.facts.earlier:
            if past.meeting.starts_at < self.meeting.starts_at or past.meeting.meeting_id == self.meeting.follows:
                entries += past.entries
        asked = {entry.agency_id for entry in entries if entry.agency_id and self.was_asked(entry)}
        return asked | {ask.agency_id for ask in self.asks if ask.agency_id and ask.why_not is None}

    def was_asked(self, entry: Entry) -> bool:
        """Whether an entry that stood before was asked, then or once. What a person took back does not come back by
        itself when the decision is lifted, but is named for as long as it stands.
        """
        if entry.decision == INVITED:
            return True
        if all(reason.rule != ASKED_BEFORE for reason in entry.reasons):
            return False
        return entry.why_not not in DECIDED_BY_A_PERSON or self.decision(entry) is not None

    def came_back(self, entry: Entry, addresses: Iterable[str], text: str, causes: tuple[Cause, ...]) -> Entry:
        """The entry of a party all of whose addresses gave mail back.

        Who has an invitation at one of these keeps it, undelivered: an exception says so until there is another
        address. Who has none is not asked, which is an exception as well.
        """
        stands = next((each.address for each in self.facts.before if each.party == entry.party), None)
        if stands is None or stands not in set(addresses):
            reason = Reason("no_usable_address", text, causes)
            return replace(
                entry,
                decision=NOT_INVITED,
                why_not=NO_USABLE_ADDRESS,
                reasons=(*entry.reasons, reason),
                address=None,
                attention=None,
                counts_for_quoracy=False,
            )
        bounce = self.facts.bounced[stands.lower()]
        back: Back = "for_good" if returned(bounce.status).gives_up else "this_time"
        return replace(entry, reasons=(*entry.reasons, Reason(CAME_BACK, text, causes)), address=stands, back=back)

    def names(self, entry: Entry) -> set[str]:
        """The ids that name the agency or person of an entry: a child in person is named by the child's id as well."""
        if entry.person_id is None:
            return {entry.agency_id} if entry.agency_id else set()
        return {entry.person_id} | {child_id for child_id, person in self.selves.items() if person == entry.person_id}

    def decision(self, entry: Entry, meeting: Meeting | None = None) -> DoNotInvite | None:
        """The decision of a person that this one is not to be asked to the meeting (None: to this one), if there is
        one.
        """
        for each in (meeting or self.meeting).do_not_invite:
            named = each.agency_id if entry.person_id is None else each.person_id
            if named is not None and named in self.names(entry):
                return each
        return None


def _asking(ask: Ask, agency: Agency) -> Ask:
    """The ask of one agency that was found in an authority."""
    reason = ask.reason
    because = Reason(reason.rule, reason.text, (*reason.causes, agency.cause), reason.child_id)
    return Ask(ask.kind, agency.agency_id, because, status=ask.status, counts=ask.counts)
