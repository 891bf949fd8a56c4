"""What is missing of the records of a meeting: a record that nobody has approved in time, a copy that does not reach
its reader, a copy that is not in its reader's file.

Nothing is missing where a rule or a person with the right to decide keeps something from a reader: that is shown beside
the meeting, and is no fault. Any other reason for which a copy does not go is one, a reason that is not known here too.

Source: rules of the field, section 9 (exception definitions 6 and 7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.meetings.rules import Meeting, say
from services.meetings.rules.words import day_in_england
from services.participation.rules.missing import Missing
from services.records.rules.copies import (
    IDENTIFIES_ANOTHER,
)
from services.records.rules.dispatch import (
    GOES,
    HAS_GONE,
    IN_DOUBT,
    RECALLED,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.own_copies import Copies, Today, newest, why_it_ended
from services.records.rules.record import MINUTES, Record
from services.records.rules.versions import NOT_TOLD, Recall, is_taken_back
from services.records.rules.why import (
    APPROVE_AGAIN,
    FAULTS,
    KEPT_WHATEVER_IT_SAYS,
    LESS_NOW,
    LESS_THAN_DECIDED,
    NO_WAY_THERE,
    NOTHING_NOW,
    ONLY_ANEW,
    RIGHTLY_WITHHELD,
    SHUT,
    instead_of_filing,
    why_in_words,
    why_in_words_today,
    why_not_today,
)

NOT_DISTRIBUTED, NOT_FILED = "not_distributed", "not_filed"
KINDS = frozenset({NOT_DISTRIBUTED, NOT_FILED})

UNTRIED = timedelta(days=1)
"""How long a copy may wait for somebody to take it in hand at all before a person is told."""

RECORDS = {"minutes": "the minutes", "plan": "the plan", "decision": "the decision letter"}


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when one kind of record is wanted of a meeting that was held. `last_day` is the last that is in time, `due_at`
    its end in England; at `remind_at` the coordinator is reminded (None: nobody is).
    """

    kind: str
    held_on: date
    last_day: date
    due_at: datetime
    remind_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waits:
    """Something that has not left: since when, and whether somebody has had it in hand and put it off."""

    since: datetime
    tried: bool


def not_told_of_recall(each: Dispatch, record: Record, meeting: Meeting, kind_name: str) -> Missing | None:
    """What is said of a copy that was taken back from a reader whom nothing could tell so; None of any other."""
    if each.state != RECALLED or each.why != NOT_TOLD:
        return None
    copies = Copies(record, each.party, (each,))
    text = (
        f"{_whose(copies, meeting, kind_name)} was taken back, and nothing could be sent to them about that: reach "
        "them, and see that it is deleted."
    )
    return _missing(NOT_DISTRIBUTED, copies, text, f"recall:{each.dispatch_id}")


def another_text(record: Record, meeting: Meeting, kind_name: str) -> Missing:
    """What is said of a version under whose number another text was approved since, which goes to nobody."""
    text = (
        f"Something else was approved under the id and number of {RECORDS[record.kind]} of the {kind_name} on "
        f"{say(meeting.day)} (version {record.version}), which are taken: it has gone to nobody. Approve it under the "
        "next number, or, if it is another record, under an id of its own."
    )
    return Missing(NOT_DISTRIBUTED, f"another_text:{record.record_id}:{record.version}", text)


def took_back_nothing(recall: Recall, meeting: Meeting, kind_name: str) -> Missing:
    """What is said of a recall that is about nobody's copy."""
    what = f"version {recall.version} of a record" if recall.version is not None else "a record"
    text = (
        f"A recall of {what} of the {kind_name} on {say(meeting.day)} has taken nothing back: there is no such record "
        "or version, or whoever it names reads nothing of it. See that it says what was meant."
    )
    whom = recall.agency_id or recall.person_id or "everyone"
    about = f"recall:{recall.record_id}:{recall.version or 'every'}:{whom}"
    return Missing(NOT_DISTRIBUTED, about, text, agency_id=recall.agency_id, person_id=recall.person_id)


def in_force(versions: Iterable[Record], recalls: Collection[Recall]) -> list[Record]:
    """The versions that were not taken back from everyone. Where the newest of a record was, none of it is in force: it
    had overtaken those before it, which open for nobody any more.
    """
    some = list(versions)
    last = newest(some)
    return [
        each for each in some if not is_taken_back(each, recalls) and not is_taken_back(last[each.record_id], recalls)
    ]


def is_early(record: Record, held_on: date) -> bool:
    """Whether a record was approved before the day on which its meeting was held, in England: nobody can have recorded
    by then what came of it. Of that day any hour counts, since two clocks say when it was.
    """
    return day_in_england(record.approved_at) < held_on


def approved(kind: str, held_on: date, versions: Iterable[Record], recalls: Collection[Recall]) -> list[Record]:
    """The versions by which a record of this kind has been approved of a meeting that was held on that day."""
    return [each for each in in_force(versions, recalls) if each.kind == kind and not is_early(each, held_on)]


def not_approved(
    deadline: Deadline, kind_name: str, now: datetime, versions: Iterable[Record], recalls: Collection[Recall]
) -> Missing | None:
    """What is said of a record that nobody has approved, or none that counts; None while there is time."""
    if now < deadline.due_at:
        return None
    what, many = RECORDS[deadline.kind], deadline.kind == MINUTES
    known = [each for each in versions if each.kind == deadline.kind]
    early = max((each.approved_at for each in in_force(known, recalls)), default=None)
    if early is not None:
        how = (
            f"what was approved on {say(day_in_england(early))} does not count, since that was before the meeting. See "
            "that it is of this meeting: then approve it anew, as a new version, or take it back."
        )
    elif known:
        how = (
            "what was approved was taken back from everyone: nobody has any that is valid now. Approve it anew, as a "
            "new version."
        )
    else:
        how = f"nobody has approved {'any' if many else 'one'}: nobody who was asked has got anything."
    text = (
        f"{what[0].upper()}{what[1:]} of the {kind_name} held on {say(deadline.held_on)} "
        f"{'were' if many else 'was'} due by {say(deadline.last_day)}, and {how}"
    )
    return Missing(NOT_DISTRIBUTED, f"deadline:{deadline.kind}", text, due_at=deadline.due_at)


def not_distributed(
    copies: Copies,
    meeting: Meeting,
    kind_name: str,
    waits: dict[str, Waits],
    patience: timedelta,
    now: datetime,
    today: Today | None = None,
) -> Missing | None:
    """What is said of a copy that does not reach its reader; None where it does, or is rightly kept from them. `today`
    is what holds of it now, None where nothing hangs on that.
    """
    said = []
    if today is not None and today.shut and today.why_not not in NOTHING_NOW:
        then = APPROVE_AGAIN if today.why_not is None else why_not_today(today.why_not, today, _is_family(copies))
        what = f"{_whose(copies, meeting, kind_name)} went as a link, which opens for them no more"
        said.append(f"{what}: {SHUT} {then}")
    if copies.in_doubt:
        known = any(why_it_ended(each) == HAS_GONE for each in copies.some)
        how = f"has reached them: {FAULTS[HAS_GONE]}" if known else f"may have reached them: {FAULTS[IN_DOUBT]}"
        said.append(f"{_whose(copies, meeting, kind_name)} {how}")
    elif not copies.reached and not copies.taken_back:
        why = _why_not(copies, waits, patience, now, today)
        if why is not None:
            said.append(f"{_whose(copies, meeting, kind_name)} has not reached them: {why}")
    left_out = today.left_out if today is not None and today.why_not not in KEPT_WHATEVER_IT_SAYS else ()
    if left_out:
        given = today is not None and today.why_not in NO_WAY_THERE
        parts = "A part" if len(left_out) == 1 else f"{len(left_out)} parts"
        said.append(
            f"{parts} of {RECORDS[copies.record.kind]} (no. {', '.join(str(each + 1) for each in left_out)}) "
            f"{'is' if len(left_out) == 1 else 'are'} left out of their copy, since what it says seems to give away "
            "something that they may not have: a name, a number, an address, or where somebody lives. Look at it, and "
            "have it written so that they may read it"
            f"{', or send it to them another way' if given else ''}."
        )
    if not said:
        return None
    return _missing(NOT_DISTRIBUTED, copies, " ".join(said))


def _why_not(
    copies: Copies, waits: dict[str, Waits], patience: timedelta, now: datetime, today: Today | None
) -> str | None:
    if today is not None and today.why_not in NOTHING_NOW:
        some = [each for each in copies.some if each.state == WITHHELD and each.why in LESS_THAN_DECIDED]
        some = [each for each in some if _holds_any(each)]  # a person looks at it whatever holds now
        return why_in_words(some[0].why or "") if some else None
    if not copies.some:
        return "they were asked or were there, and none was made for them. Approve it again so that they get theirs."
    going = [each for each in copies.some if each.state in GOES]
    for each in going:
        wait = waits[each.dispatch_id]
        if wait.since + (patience if wait.tried else UNTRIED) <= now:
            return _waits_in_words(today, _is_family(copies))
    if going:
        return None
    lost = [each for each in copies.some if each.state == UNDELIVERED]
    withheld = [each for each in copies.some if each.state == WITHHELD]
    if withheld and not lost and today is not None and _is_lifted(withheld[0], today):
        return f"it was kept back, and nothing known forbids it any more. {APPROVE_AGAIN}"
    rightly = [each for each in withheld if each.why in RIGHTLY_WITHHELD]
    if today is not None and today.why_not is not None and rightly and len(rightly) == len(copies.some):
        return why_not_today(today.why_not, today, _is_family(copies))
    faults = lost + [each for each in withheld if each.why not in RIGHTLY_WITHHELD and _holds_any(each)]
    if not faults:
        return None
    return why_in_words_today(faults[0].why or "gave_up", faults[0].person_id is not None, today)


def _waits_in_words(today: Today | None, of_family: bool) -> str:
    if today is not None and today.why_not not in NO_WAY_THERE:
        return f"it waits still, and would not go as things are: {why_in_words_today('', of_family, today)}"
    if today is not None and today.less:
        return f"it waits still, and would not go as things are: {LESS_NOW}"
    return "it waits still. It is tried again without your doing; where time is short, reach them another way."


def _is_lifted(each: Dispatch, today: Today) -> bool:
    """Whether what kept a copy back forbids it no more. What says itself that it is to be approved as a new version
    says so still.
    """
    return each.state == WITHHELD and today.why_not is None and each.why not in ONLY_ANEW


def _is_family(copies: Copies) -> bool:
    return copies.party.startswith("person:")


def _holds_any(each: Dispatch) -> bool:
    """Whether there is any part of it that its reader may have, or would but for what it gives away."""
    decided = each.decided or ()
    return not decided or any(one["why_not"] in (None, IDENTIFIES_ANOTHER) for one in decided)


def not_filed(
    copies: Copies, meeting: Meeting, kind_name: str, since: date, last_day: date, kept_from_them: str | None = None
) -> Missing:
    """What is said of a copy that is not in its reader's file in time, which its reader has since a day.
    `kept_from_them` is why they are not to be asked to file it, None where they are.
    """
    opened = any(each.opened_at is not None for each in copies.some)
    how = "was sent on" if any(each.sent_at is not None for each in copies.some) else "has been with them since"
    then = "ask them." if kept_from_them is None else f"but {instead_of_filing(kept_from_them)}"
    text = (
        f"{_whose(copies, meeting, kind_name)} {how} {say(since)}, and they were to say by {say(last_day)} "
        f"that it is in their own record. They have not{', though it was opened' if opened else ''}"
        f"{': ' if kept_from_them is None else ', '}{then}"
    )
    return _missing(NOT_FILED, copies, text)


def _whose(copies: Copies, meeting: Meeting, kind_name: str) -> str:
    what = RECORDS[copies.record.kind]
    version = f" (version {copies.record.version})" if copies.record.version > 1 else ""
    return f"Their copy of {what}{version} of the {kind_name} on {say(meeting.day)}"


def _missing(kind: str, copies: Copies, text: str, about: str | None = None) -> Missing:
    prefix, _, rest = copies.party.partition(":")
    agency_id = rest.split(":")[0] if prefix == "agency" else None
    person_id = rest if prefix == "person" else None
    return Missing(kind, about or copies.about, text, agency_id=agency_id, person_id=person_id)
