"""Why something of a record does not reach its reader, in words that say what a person can do about it."""

from __future__ import annotations

from services.meetings.rules import DECIDED_BY_A_PERSON
from services.meetings.rules.entry import (
    AGENCY_CLOSED,
    EXCLUDED_BEFORE,
    FAMILY_NOT_ASKED,
    HELD_FOR_A_PERSON,
    NO_LONGER_PART,
    NOT_WITH,
)
from services.records.rules.copies import (
    ALL_HELD_BACK,
    EXCLUDED,
    FAMILY_NEVER,
    FLAGGED,
    NO_ADDRESS,
    NO_RESPONSIBILITY,
    NOT_CHECKED,
    NOT_THE_CHAIR,
    NOTHING_FOR_THEM,
    SHARED_ADDRESS,
)
from services.records.rules.dispatch import HAS_GONE, IN_DOUBT, NO_LINK, NOT_PERMITTED
from services.records.rules.notices import NOT_ON_RECORD
from services.records.rules.own_copies import Today
from services.records.rules.printing import CANNOT_BE_PRINTED, NOT_AS_DECIDED
from services.records.rules.versions import NO_READER, TAKEN_BACK

# Why nothing goes to somebody, and rightly so: shown, and not a fault.
RIGHTLY_WITHHELD = DECIDED_BY_A_PERSON | {
    *(EXCLUDED, EXCLUDED_BEFORE, FAMILY_NEVER, FAMILY_NOT_ASKED, FLAGGED, HELD_FOR_A_PERSON, NO_READER),
    *(NO_RESPONSIBILITY, NOT_ON_RECORD, NOTHING_FOR_THEM, NOT_WITH),
}

KEPT_FROM_THEM: frozenset[str | None] = frozenset({*RIGHTLY_WITHHELD, TAKEN_BACK})
"""Why somebody may have nothing of it today, whatever became of what was for them, and that is no fault."""

# The same, and what is said of the parts that are left out alone: it is all that would be theirs.
NOTHING_NOW = KEPT_FROM_THEM | {ALL_HELD_BACK}

# Of these the one that may be so for no more than what the record says: it can be written otherwise.
KEPT_WHATEVER_IT_SAYS = KEPT_FROM_THEM - {NOTHING_FOR_THEM}

# Why something was kept back that no fact decides which the rule of copies knows: what is said of it holds as it was.
LESS_THAN_DECIDED = frozenset({NOT_AS_DECIDED, NOT_PERMITTED})
ONLY_ANEW = frozenset({NO_LINK, CANNOT_BE_PRINTED}) | LESS_THAN_DECIDED

# Why nothing is sent to somebody who may have it: it can be given to them.
NO_WAY_THERE: frozenset[str | None] = frozenset({None, NO_ADDRESS, SHARED_ADDRESS})

APPROVE_AGAIN = "Approve the same words again, as a new version: then they get it."
LESS_NOW = (
    "they may have less of it now than when it was decided. Look at it once more, and approve it as a new version."
)
SHUT = "it shows what they may not be told any more, or went to an address that is not for them any more."

LESS_THAN_THEY_HAVE = "less_than_they_have"
"""Why somebody is not to be asked to file what they have: they may have a part of it no more."""

# Why a copy does not reach its reader, and what a person can do about it.
FAULTS = {
    NO_ADDRESS: "there is no address for them that may be used. It goes to the one that is recorded for them next.",
    NOT_CHECKED: (
        "no second person has checked what the family gets. Have somebody other than the chair check it, and approve "
        "it again with their name."
    ),
    NOT_THE_CHAIR: (
        "the meeting has a chair, and somebody else approved it. Have the chair approve it as a new version, or have "
        "it approved again with the reason why somebody stands in for the chair."
    ),
    SHARED_ADDRESS: "another member of the family reads mail at the same address. Give it to them another way.",
    NO_LINK: "they get a link, and none can be made. Have the address set that links begin with.",
    CANNOT_BE_PRINTED: "the document could not be made. Look at the record's text, and approve it as a new version.",
    NOT_AS_DECIDED: (
        "they may have less of it now than when it was decided, so it was not made. Look at it once more, and approve "
        "it as a new version."
    ),
    NOT_PERMITTED: (
        "they may have less of it now than when it was decided, or it was for an address that may not be used any "
        "more, so it was kept back. Look at it once more, and approve it as a new version."
    ),
    IN_DOUBT: (
        "it was on its way, and nobody knows whether it arrived. It does not go again, since they may have less of it "
        "now than when it was decided, or it was for an address that may not be used any more. Decide whether they may "
        "have it; where they may not, take it back."
    ),
    HAS_GONE: (
        "it was on its way when it was kept back, since they may have less of it now than when it was decided, or it "
        "was for an address that may not be used any more. Decide whether they may have it: where they may, approve "
        "the same words again, as a new version; where they may not, take it back."
    ),
    ALL_HELD_BACK: (
        "all that would be theirs is left out, since it seems to give away what they may not have. Look at it, and "
        "have it written so that they may read it."
    ),
    AGENCY_CLOSED: "the agency was asked, and has closed. Find who has taken its place, and reach them.",
    NO_LONGER_PART: "they were asked, and would not be asked by what is recorded now. Decide whether they get it.",
    "address_refused": "the mail server refused the address. Reach them another way.",
    "gave_up": "it could not be sent. Reach them another way.",
    "too_late": "the mail server did not take it in time. Reach them another way.",
    "bounced": (
        "it came back, and there is no other address that may be used. It goes to the one that is recorded for them "
        "next; reach them another way until then."
    ),
}

# The same for a person of the family, to whom nothing goes by itself that was kept back.
_FAULTS_OF_FAMILY = {
    NO_ADDRESS: "they have given no address that may be used. Give it to them another way.",
    "bounced": "it came back, and they have given no other address. Give it to them another way.",
}

# Why nothing goes to somebody, and rightly so.
_RIGHTLY = {
    EXCLUDED: "they are excluded from it.",
    FAMILY_NEVER: "nothing of this kind of meeting goes to family.",
    EXCLUDED_BEFORE: "they were kept from a meeting before this one.",
    FAMILY_NOT_ASKED: "they are not asked any more, since this kind of meeting asks no family.",
    HELD_FOR_A_PERSON: "a person has to decide what the family is told.",
    NOT_ON_RECORD: "nothing on record says any more that they had to do with the child.",
    NO_READER: "they are no reader of it any more.",
    NOT_WITH: "they were not asked, for they are not to be with somebody who was.",
    FLAGGED: "a child is flagged so that nothing goes to family by itself.",
    NO_RESPONSIBILITY: "they hold parental responsibility for none of the children.",
    NOTHING_FOR_THEM: "no section of it is for them.",
    **dict.fromkeys(DECIDED_BY_A_PERSON, "they are not asked, by a decision that a person gave."),
}


def why_in_words(why: str, of_family: bool = False) -> str:
    """Why something does not reach its reader, as the end of a sentence, and what a person can do about it."""
    if of_family and why in _FAULTS_OF_FAMILY:
        return _FAULTS_OF_FAMILY[why]
    return FAULTS.get(why) or _RIGHTLY.get(why) or f"{why.replace('_', ' ')}. Reach them another way."


def why_in_words_today(why: str, of_family: bool, today: Today | None) -> str:
    """The same by what holds now: nobody is told to reach a reader with what they may not have, or not all of."""
    if today is None or why in {IN_DOUBT, HAS_GONE} or (why in ONLY_ANEW and today.why_not not in RIGHTLY_WITHHELD):
        return why_in_words(why, of_family)
    if today.why_not not in NO_WAY_THERE:
        known = FAULTS.get(today.why_not or "") or _RIGHTLY.get(today.why_not or "")
        return known or f"{(today.why_not or '').replace('_', ' ')}. Decide whether they get it."
    if today.less and why not in RIGHTLY_WITHHELD:
        return LESS_NOW
    if of_family and why in _FAULTS_OF_FAMILY and today.why_not is None:
        return f"there is an address for them now that may be used. {APPROVE_AGAIN}"
    return why_in_words(why, of_family)


def why_not_today(why: str, today: Today, of_family: bool) -> str:
    """Why nothing goes to somebody from whom nothing else keeps it any more."""
    if why == NO_ADDRESS and not of_family:
        return f"there is no address for them that may be used. Have one recorded. {APPROVE_AGAIN}"
    return why_in_words_today(why, of_family, today)


def instead_of_filing(why: str) -> str:
    """What a person does about a copy that its reader has and is not to be asked to file."""
    if why == LESS_THAN_THEY_HAVE:
        return f"{LESS_NOW.removesuffix('.')}, or take it back from them."
    if why == AGENCY_CLOSED:
        return why_in_words(why)
    if why == NO_LONGER_PART:
        return "they would not be asked by what is recorded now. Decide whether they file it, or it is taken back."
    then = "Do not ask them to file it: decide whether it is taken back from them."
    return f"{why_in_words(why).removesuffix('.')}. {then}"
