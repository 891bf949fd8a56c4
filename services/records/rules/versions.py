"""What a version of a record means for those who have, or may have, an earlier one: who gets it, who is told what has
changed in their own copy, from whom it is withdrawn, and what is taken back.

Pure: the same versions, recalls and dispatches lead to the same steps whatever order they arrived in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.records.rules.copies import (
    ALL_HELD_BACK,
    IDENTIFIES_ANOTHER,
    NO_ADDRESS,
    NOT_CHECKED,
    NOT_THE_CHAIR,
    SHARED_ADDRESS,
    Copy,
    content_name,
)
from services.records.rules.dispatch import (
    DELIVERED,
    EMAIL,
    GOES,
    IN_DOUBT,
    KEPT,
    LEFT,
    NO_LINK,
    OVERTAKEN,
    RECALLED,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.record import Matter, Reader, Record, Section

FOR_NOW: frozenset[str | None] = frozenset(
    {NOT_CHECKED, NOT_THE_CHAIR, NO_ADDRESS, SHARED_ADDRESS, NO_LINK, ALL_HELD_BACK}
)
"""Why somebody gets nothing yet: an earlier copy is not withdrawn from them on that account, unless it holds what is
theirs no more. What seems to give something away may be a slip of the search, or of the pen: a person looks at it.
"""

# Why a dispatch ended: what was sent is taken back; its reader may have nothing of the version that came after; nothing
# could be sent to its reader about that, so that a person has to reach them.
TAKEN_BACK, WITHDRAWN, NOT_TOLD = "recalled", "withdrawn", "recall_not_told"
NO_READER = "no_reader"  # whoever it was for is no reader of the record any more

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clock of whoever takes something back may be behind."""

What = Literal["write", "withhold", "keep", "overtake", "withdraw", "recall"]


@dataclass(frozen=True, slots=True)
class Recall:
    """That a record is taken back: one version or all that were approved by `at`, from one party or from everyone.
    `known_at` is when that was known here.
    """

    record_id: str
    version: int | None
    agency_id: str | None
    person_id: str | None
    at: datetime
    known_at: datetime | None = None

    def concerns(self, record: Record) -> bool:
        """Whether it is about this version, for somebody at least.

        Two clocks say when something was approved and when it was taken back. Nothing is approved later than it is
        known here, and what was known here before the recall is meant where its time is a little behind.
        """
        if self.version is not None:
            return self.version == record.version
        if record.approved_at <= self.at:
            return True
        if record.known_at is None or self.known_at is None or record.known_at > self.known_at:
            return False
        return min(record.approved_at, record.known_at) <= self.at + CLOCKS_DIFFER

    def is_for(self, agency_id: str | None, person_id: str | None) -> bool:
        """Whether it is about what this party has."""
        if self.agency_id is None and self.person_id is None:
            return True
        return (self.agency_id, self.person_id) in ((agency_id, None), (None, person_id))


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one dispatch. `copy` is what is decided for its reader, where it is decided now; `dispatch` is
    the one that is there, None where it is a new one. `told`: its reader gets a letter that says it is taken back.
    """

    what: What
    copy: Copy | None
    dispatch: Dispatch | None
    why: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs in one reader's copy from the one that they have: headings that are in the copy they get now, and of
    what is not in it any more only how many parts, since its heading may be what they are not to see.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    taken_out: int = 0
    reordered: bool = False

    @property
    def any(self) -> bool:
        """Whether anything differs at all."""
        return bool(self.added or self.changed or self.taken_out or self.reordered)


def may_have(dispatch: Dispatch, unsure: Collection[str] = ()) -> bool:
    """Whether its reader has what was sent, as far as anyone can know. `unsure` are those that a mailer has, or has
    had, in hand without saying how it ended.
    """
    if dispatch.dispatch_id in unsure:
        return True
    arrived = dispatch.delivered_at or dispatch.opened_at or dispatch.confirmed_at
    if dispatch.state == UNDELIVERED:
        return arrived is not None or dispatch.why in {"gave_up", IN_DOUBT}
    return (dispatch.sent_at or arrived) is not None  # what was given up may have been opened since


def parts(record: Record, numbers: Iterable[int]) -> list[tuple[str, str]]:
    """Headings and words of some sections, without regard to how their lines are broken."""
    some = (record.sections[number] for number in numbers)
    return [(_heading(each), " ".join(each.text.split())) for each in some]


def whole(dispatch: Dispatch) -> tuple[int, ...]:
    """The numbers of the sections that were decided to be in a copy."""
    return tuple(int(str(each["number"])) for each in dispatch.decided or () if each["why_not"] is None)


def changes(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> Changes:
    """What differs between two copies, as `parts` gives them: a part with other words under the same heading has
    changed, and so has one with the same words under another heading.
    """
    if list(before) == list(after):
        return Changes()
    gone, come = Counter(before), Counter(after)
    gone, come = gone - come, come - gone
    old, new = list(gone.elements()), [each for each in after if _take(come, each)]
    changed: list[str] = []
    added: list[str] = []
    for heading, text in new:
        match = next((each for each in old if each[0] == heading), None)
        match = match or next((each for each in old if each[1] == text and text), None)
        if match is None:
            added.append(heading)
        else:
            old.remove(match)
            changed.append(heading)
    return Changes(_once(added), _once(changed), len(old), not (added or changed or old))


def _take(left: Counter[tuple[str, str]], each: tuple[str, str]) -> bool:
    if left[each] <= 0:
        return False
    left[each] -= 1
    return True


def _once(headings: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(headings))


def _heading(section: Section) -> str:
    return " ".join(section.heading.split())


def is_taken_back(record: Record, recalls: Iterable[Recall]) -> bool:
    """Whether a version is taken back from everyone, be there anything of it that went to anybody or not."""
    return any(
        each.record_id == record.record_id
        and each.concerns(record)
        and each.agency_id is None
        and each.person_id is None
        for each in recalls
    )


def is_recalled(record: Record, reader: Reader, recalls: Iterable[Recall]) -> bool:
    """Whether a version is taken back from a reader, before it went or after."""
    return any(each.concerns(record) and each.is_for(reader.agency_id, reader.person_id) for each in recalls)


def silent(matter: Matter, readers: Iterable[Reader]) -> Callable[[Dispatch], bool]:
    """To whom nothing more may be sent, not even that something is taken back: to no agency at an address that somebody
    of the family gave, to no family where nothing of the meeting goes to family by itself, to no relative whom a person
    has left out, and to none but at the address that they read mail at now, and alone. A person reaches them.
    """
    held = matter.family_never or matter.flagged
    left_out = {each.party for each in readers if each.is_family and each.why_not is not None}
    emails = {each.person_id: each.email.casefold() for each in matter.people.values() if each.email}

    def is_silent(each: Dispatch) -> bool:
        if each.person_id is None:
            return matter.is_where_family_reads(each.address)
        address = (each.address or "").casefold()
        own = emails.get(each.person_id) == address
        shared = any(email == address for person_id, email in emails.items() if person_id != each.person_id)
        shared |= address in matter.agency_addresses
        return held or each.party in left_out or not own or shared

    return is_silent


def decide(
    known: Mapping[int, Record],
    copies: Sequence[Copy],
    standing: Sequence[Dispatch],
    recalls: Sequence[Recall],
    is_silent: Callable[[Dispatch], bool],
    unsure: Collection[str] = (),
    is_shut: Callable[[Dispatch], bool] = lambda _: False,
    lacks_link: Callable[[Reader], bool] = lambda _: False,
) -> list[Step]:
    """What becomes of every dispatch of one record, now that its newest version is decided or decided anew.

    `known` are its versions, `copies` what each reader gets of the newest, `standing` all dispatches of it. `is_shut`
    says of what has left whether it opens for its reader no more, be every word of it theirs; `lacks_link`, of whom
    nothing can be sent to since they would get a link.
    """
    newest = known[max(known)]
    by_party = _by_party(standing)
    steps: list[Step] = []
    for copy in copies:
        same, older, had = _own(by_party.pop(copy.reader.party, []), newest, unsure)
        if is_recalled(newest, copy.reader, recalls):
            recalled = [Step("recall", copy, None, TAKEN_BACK)] if same is None else []
            steps += [*_overtaken(older), *recalled]
        elif _stands(known, newest, copy, same, had, is_shut):
            kept = [Step("keep", copy, same)] if same is None or same.state == WITHHELD else []
            steps += [*_overtaken(each for each in older if each is not had), *kept]
        elif copy.why_not is None or copy.why_not in FOR_NOW:
            waits = copy.why_not is not None or lacks_link(copy.reader)
            is_more = (
                waits and had is not None and had.version in known and _is_more(known[had.version], had, newest, copy)
            )
            ended = _withdrawn(older, same, is_silent, unsure) if is_more else _overtaken(older)
            steps += [*ended, *(_written(newest, copy, same) if copy.why_not is None else _withheld(copy, same))]
        else:
            steps += [*_withdrawn(older, same, is_silent, unsure), *_withheld(copy, same)]
    for own in by_party.values():  # who reads the record no more
        same, older, _ = _own(own, newest, unsure)
        steps += _withdrawn(older, same, is_silent, unsure)
        if same is not None and same.state in GOES:
            steps.append(Step("withhold", None, same, NO_READER))
    return steps


def _by_party(standing: Iterable[Dispatch]) -> dict[str, list[Dispatch]]:
    found: dict[str, list[Dispatch]] = {}
    for each in sorted(standing, key=lambda each: each.version):
        found.setdefault(each.party, []).append(each)
    return found


def _own(
    own: Sequence[Dispatch], newest: Record, unsure: Collection[str]
) -> tuple[Dispatch | None, list[Dispatch], Dispatch | None]:
    """Of one reader: the dispatch of this version, those of older ones, and the newest of these that they have."""
    older = [each for each in own if each.version < newest.version]
    same = next((each for each in own if each.version == newest.version), None)
    return same, older, last_had(older, unsure)


def last_had(some: Iterable[Dispatch], unsure: Collection[str] = ()) -> Dispatch | None:
    """The newest of these that its reader has or may have, and that was not taken back from them."""
    found = [each for each in some if each.state != RECALLED and may_have(each, unsure)]
    return max(found, key=lambda each: each.version, default=None)


def _stands(
    known: Mapping[int, Record],
    newest: Record,
    copy: Copy,
    same: Dispatch | None,
    had: Dispatch | None,
    is_shut: Callable[[Dispatch], bool],
) -> bool:
    """Whether the copy that a reader has is, word for word, the one that they would get, and they can read it still:
    then it stands.
    """
    if had is None or had.state not in (SENT, DELIVERED) or had.version not in known:
        return False
    if copy.why_not is not None and copy.why_not not in FOR_NOW:
        return False
    if same is not None and same.state not in (KEPT, WITHHELD):
        return False
    allowed = tuple(each.number for each in copy.sections if each.why_not is None)
    return parts(known[had.version], whole(had)) == parts(newest, allowed) and not is_shut(had)


def _is_more(record: Record, had: Dispatch, newest: Record, copy: Copy) -> bool:
    """Whether a reader has a part that is theirs no more in the newest version, under its heading or in its words, were
    nothing in the way of what is.
    """
    theirs = {each.number for each in copy.sections if each.why_not in (None, IDENTIFIES_ANOTHER)}
    before, now = parts(record, whole(had)), parts(newest, sorted(theirs))
    others = parts(newest, sorted(set(range(len(newest.sections))) - theirs))
    kept_from_them = {text for _, text in others} - {text for _, text in now}
    return changes(before, now).taken_out > 0 or any(text in kept_from_them for _, text in before)


def _overtaken(older: Iterable[Dispatch]) -> list[Step]:
    return [Step("overtake", None, each) for each in older if each.state not in (OVERTAKEN, RECALLED)]


def _withheld(copy: Copy, same: Dispatch | None) -> list[Step]:
    if same is None or same.state in GOES | {KEPT} or (same.state == WITHHELD and same.why != copy.why_not):
        return [Step("withhold", copy, same, copy.why_not)]
    return []


def _written(newest: Record, copy: Copy, same: Dispatch | None) -> list[Step]:
    if same is None or same.state in (WITHHELD, KEPT):
        return [Step("write", copy, same)]
    if same.state in GOES and same.content != content_name(newest, copy):
        return [Step("write", copy, same)]
    return []


def _withdrawn(
    older: Sequence[Dispatch],
    same: Dispatch | None,
    is_silent: Callable[[Dispatch], bool],
    unsure: Collection[str],
) -> list[Step]:
    """What a reader has of older versions is withdrawn, unless the newest has left for them too: then it is for a
    person to say that it is taken back.
    """
    if same is not None and same.state in LEFT:
        return _overtaken(older)
    had = [each for each in older if each.state != RECALLED and may_have(each, unsure)]
    return [*_overtaken(each for each in older if each not in had), *_ended(had, had, WITHDRAWN, is_silent, unsure)]


def taken_back(
    known: Mapping[int, Record],
    standing: Sequence[Dispatch],
    recalls: Sequence[Recall],
    is_silent: Callable[[Dispatch], bool],
    unsure: Collection[str] = (),
) -> list[Step]:
    """What recalls do to the dispatches of one record.

    Each party is told once, of the newest of what they have and is taken back. Whoever kept an earlier copy, since
    nothing in theirs had changed, has the version that is taken back by that copy.
    """
    steps: list[Step] = []
    for own in _by_party(standing).values():
        hit = [each for each in own if each.state != RECALLED and is_hit(each, known, recalls)]
        if any(each.state == KEPT for each in hit):
            kept = last_had([each for each in own if each not in hit and each.state in LEFT], unsure)
            hit += [kept] if kept is not None else []
        steps += _ended(hit, [each for each in hit if may_have(each, unsure)], TAKEN_BACK, is_silent, unsure)
    return steps


def took_nothing(recalls: Iterable[Recall], versions: Iterable[Record], standing: Sequence[Dispatch]) -> list[Recall]:
    """The recalls that are about nothing: no version that is known, or from somebody who reads nothing of the record. A
    slip, or what is yet to come.
    """
    known = list(versions)
    return [
        each
        for each in recalls
        if not any(each.record_id == one.record_id and each.concerns(one) for one in known)
        or not any(each.record_id == one.about and each.is_for(one.agency_id, one.person_id) for one in standing)
    ]


def _ended(
    some: Sequence[Dispatch],
    had: Sequence[Dispatch],
    why: str,
    is_silent: Callable[[Dispatch], bool],
    unsure: Collection[str],
) -> list[Step]:
    """Dispatches of one reader end; a letter says so, once, where the reader has any of them and a letter may go."""
    newest = max(had, key=lambda each: each.version, default=None)
    steps = []
    for each in some:
        told = each is newest and each.channel == EMAIL and each.address is not None and not is_silent(each)
        steps.append(Step("withdraw", None, each, why if told or each is not newest else NOT_TOLD, told))
    return steps


def is_hit(dispatch: Dispatch, known: Mapping[int, Record], recalls: Iterable[Recall]) -> bool:
    """Whether what a dispatch holds is taken back from whom it is for."""
    record = known.get(dispatch.version)
    return record is not None and any(
        each.concerns(record) and each.is_for(dispatch.agency_id, dispatch.person_id) for each in recalls
    )
