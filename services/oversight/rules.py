"""Which exceptions a meeting has: who was expected and is not asked, and who was asked too late.

Source: rules of the field, section 9 (exception definitions 1 to 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.policy import Policy
from services.directory.rules import returned
from services.meetings.rules import CHILD, INVITED, RIGHTLY_NOT_ASKED, Entry, Meeting, Resolution, say
from services.meetings.rules.words import capital

NOT_INVITED, NO_USABLE_ADDRESS = "not_invited", "no_usable_address"
UNDELIVERED, INVITED_LATE = "undelivered", "invited_late"
SIBLING_WITHOUT_ENTRY = "sibling_without_entry"
MAIL_NOT_UNDERSTOOD = "mail_not_understood"

# Those that follow from who is asked: raised and resolved as that changes.
# What stays a person's to settle when its meeting will not take place: the child is still there.
OUTLIVES_ITS_MEETING = frozenset({MAIL_NOT_UNDERSTOOD, "care_plan_not_forwarded"})
OF_RESOLUTION = frozenset({NOT_INVITED, NO_USABLE_ADDRESS, SIBLING_WITHOUT_ENTRY})

RAISED, RESOLVED = "raised", "resolved"

# Why a message did not reach anyone, in words.
FAILURES = {
    "address_refused": "The mail server refused the address",
    "gave_up": "The mail server could not be brought to take the message",
    "not_permitted": "The address is not one that anything may be sent to",
    "too_late": "The message had not gone when the meeting was over",
    "bounced": "What was sent to them came back",
}

# What happens next with a message that came back.
ELSEWHERE, NOWHERE, NOWHERE_FAMILY, BEGUN = "elsewhere", "nowhere", "nowhere_family", "begun"
_NEXT = {
    ELSEWHERE: "It goes to another address that is on record; they are asked once that one has taken it.",
    NOWHERE: (
        "There is no other address that may be used: record another one, or the day on which this one was found to "
        "work, and reach them another way until then."
    ),
    NOWHERE_FAMILY: "They have given no other address: record one that they give, or write another way.",
    BEGUN: "The meeting has begun, so nothing more is sent: find out whether they knew of it.",
}

NEVER_REACHED = "What was sent to them came back, and nothing had reached them since when the meeting began."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that did not happen, about one party or child of one meeting, or of none that is known."""

    kind: str
    meeting_id: str | None
    about: str
    text: str
    agency_id: str | None = None
    person_id: str | None = None
    child_id: str | None = None

    @property
    def exception_id(self) -> str:
        """The name of the exception: the same for the same thing, so that it is raised once."""
        name = f"{self.kind} {self.meeting_id} {self.about}"
        return hashlib.sha256(name.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that came in and waits for a person; `meeting_id` where it is known what it is about."""

    mail_id: str
    meeting_id: str | None
    text: str = ""
    agency_id: str | None = None
    person_id: str | None = None

    @property
    def finding(self) -> Finding:
        """The exception that it is."""
        about = f"mail:{self.mail_id}"
        return Finding(MAIL_NOT_UNDERSTOOD, self.meeting_id, about, self.text, self.agency_id, self.person_id)


def findings(meeting: Meeting, resolution: Resolution, policy: Policy, name: Callable[[str], str]) -> list[Finding]:
    """What follows from who is asked and who is not. `name` gives an agency's name for its id."""
    found = [
        _left_out(meeting, entry, policy, name)
        for entry in resolution.entries
        if entry.decision != INVITED and entry.why_not not in RIGHTLY_NOT_ASKED
    ]
    kind = policy.on(meeting.day).kind(meeting.kind).name
    for child in resolution.siblings_without_entry:
        text = f"{child.initials} belongs to the household, and the {kind} on {say(meeting.day)} does not name them."
        found.append(
            Finding(SIBLING_WITHOUT_ENTRY, meeting.meeting_id, f"child:{child.child_id}", text, child_id=child.child_id)
        )
    for child_id in resolution.children_not_recorded:
        text = f"The child {child_id} is named in the meeting and not recorded, so nobody could be found for them."
        found.append(Finding(SIBLING_WITHOUT_ENTRY, meeting.meeting_id, f"child:{child_id}", text, child_id=child_id))
    return found


def _left_out(meeting: Meeting, entry: Entry, policy: Policy, name: Callable[[str], str]) -> Finding:
    if entry.agency_id is not None:
        who = f"{name(entry.agency_id)} ({policy.agency_name(entry.kind)}) is not asked."
    elif entry.person_id is not None:
        who = "The child is not asked." if entry.kind == CHILD else "A member of the family is not asked."
    else:
        who = f"{policy.agency_name(entry.kind)}: nobody is asked."
    why = " ".join(dict.fromkeys(reason.text for reason in entry.reasons))
    kind = NO_USABLE_ADDRESS if entry.why_not == "no_usable_address" else NOT_INVITED
    child_id = entry.child_ids[0] if len(entry.child_ids) == 1 else None
    text = f"{who[0].upper()}{who[1:]} {why}"
    return Finding(kind, meeting.meeting_id, entry.party, text, entry.agency_id, entry.person_id, child_id)


def learnt_later(meeting: Meeting, entry: Entry, who: str, name: Callable[[str, str], str]) -> Finding:
    """Who belonged in a meeting that has begun, as is known only since. `name` names the invitation that was missed."""
    why = " ".join(dict.fromkeys(reason.text for reason in entry.reasons))
    text = f"{capital(who)} was not asked. That they belonged there was learnt only after the meeting had begun. {why}"
    about = f"invitation:{name(meeting.meeting_id, entry.party)}"
    child_id = entry.child_ids[0] if len(entry.child_ids) == 1 else None
    return Finding(NOT_INVITED, meeting.meeting_id, about, text, entry.agency_id, entry.person_id, child_id)


def age(raised_at: datetime, now: datetime) -> str:
    """How long an exception has stood, in words: "3 days"."""
    hours = max(0, int((now - raised_at).total_seconds())) // 3600
    number, unit = (hours // 24, "day") if hours >= 24 else (hours, "hour")
    return "under an hour" if not hours else f"{number} {unit}{'' if number == 1 else 's'}"


def _lost(takes_place: bool) -> str:
    """What whoever was asked does not know, since what was to take that back has not reached them."""
    what = "they are not asked any more" if takes_place else "the meeting will not take place"
    return f"They were asked, and do not know that {what}."


def not_reached(reason: str, code: int | None, *, cancels: bool, takes_place: bool = False) -> str:
    """What a coordinator reads of a message that will not be tried again. `takes_place`: the meeting does all the same,
    where it `cancels` that somebody was asked.
    """
    lost = f"{_lost(takes_place)} " if cancels else ""
    return f"{lost}{FAILURES[reason]}{f' (code {code})' if code else ''}: reach them another way."


def came_back(status: str, follows: str, *, cancels: bool, takes_place: bool = False) -> str:
    """What a coordinator reads of a message that the mail server took and another gave back. `follows` says what
    happens next.
    """
    words = f"{FAILURES['bounced']}: {returned(status).words}."
    if cancels:
        return f"{_lost(takes_place)} {words} Reach them another way."
    return f"{words} {_NEXT[follows]}"


# What has not gone yet, in words, by what kind of message it is.
_WAITS = {
    "invitation": "The message has not gone yet: it",
    "reminder": "They have the invitation. The reminder of it has not gone yet: it",
    "report_request": (
        "They have said that they do not come. The letter that asks them what is wanted in writing has not gone yet: it"
    ),
    "report_reminder": (
        "They have the invitation. The letter that reminds them of what is wanted in writing has not gone yet: it"
    ),
}


def still_trying(what: str, since: datetime) -> str:
    """What a coordinator reads of a message that has not gone for a while: what kind of message it is, and since when,
    in the reader's own time.
    """
    return (
        f"{_WAITS[what]} was written on {say(since.date())} at {since:%H:%M}, and the mail server has not taken it "
        "since. It is tried again without your doing; where time is short, reach them another way."
    )


def about_report(invitation_id: str) -> str:
    """What an exception is about that says of letters about reports that they wait, and nothing of the invitation."""
    return f"report_letter:{invitation_id}"


def about_letter_back(invitation_id: str) -> str:
    """What an exception is about that says of such a letter that it came back."""
    return f"letter_back:{invitation_id}"
