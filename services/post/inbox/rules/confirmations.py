"""Words by which somebody says that a copy is in their own file, or that a flag was changed: a few set phrases, and
nothing that has to be understood.

Only the first sentence can say it, and only as a whole. What stands beside it is either known to say nothing (thanks, a
greeting, a name with a telephone number) or is left for a person to read; where it may take back what was said before,
nothing is taken as said. A flag that was changed was changed in the direction that was asked for, or a person reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal, NamedTuple

from services.records.rules.flags import LEAVE, NO_FLAG, REMOVE, SET, UPDATE

What = Literal["filed", "flag_changed", "no_flag", "noted"]

LONGEST_SAID = 2_000

_THANKS = (
    r"(?:(?:many|with|with many) thanks|thanks|thank you|thankyou|thx|cheers|ta)"
    r"(?: (?:very much|again|all|for (?:this|that|sending(?: (?:this|it))?|letting (?:me|us) know)))?"
)
_GREETING = re.compile(
    r"(?:hi|hello|dear|hey|good (?:morning|afternoon|evening)|morning|afternoon)(?: [^\W\d_][\w'.-]*){0,4}", re.I
)
_SIGN_OFF = re.compile(
    r"(?:(?:with |many )?(?:(?:kind|kindest|best|warm|warmest) )?(?:regards|wishes)|best"
    r"|yours(?: sincerely| faithfully)?|sincerely|sent from my (?:iphone|ipad|phone|mobile)"
    r"|(?:sent from|get) outlook for (?:ios|android))",
    re.I,
)
_ONLY_THANKS = re.compile(_THANKS, re.I)

_SUBJECT = (
    r"(?:it|this|that|these|they|both|all|the (?:attached|attachment|copy|copies|documents?|letter|minutes|notice"
    r"|plan|record|report|decision|pdf)|copy|minutes|plan|record|decision|notice|letter|documents?)"
)
_BE = r"(?:'s|'s been|'s now been| is| are| was| were| has been| have been| have now been| has now been)"
_SOON = r"(?:now |already |all |both |duly |safely |successfully )*"
_WHOSE = r"(?:(?:the|our|his|her|their|its|my|a) )?"
_ADJECTIVE = (
    r"(?:(?:child's|child|children's|childrens|patient's|patients'|patient|patients|family|family's|pupil|pupil's|pupils|"
    r"school|practice|medical|clinical|health|gp|electronic|safeguarding|child protection|case|main|own|confidential"
    r"|individual|secure) )*"
)
_FILE = (
    r"(?:records?|notes|files?|systems?|chart|charts|emis(?: web)?|systm ?one|s1|rio|mosaic|liquid ?logic|cpoms"
    r"|my ?concern|docman|carenotes|vision|lorenzo|epr|case management system)"
)
_PLACE = rf"(?:(?:to|in|into|on|onto|within) {_WHOSE}{_ADJECTIVE}{_FILE})"
_WHEN = r"(?: (?:now|today|yesterday|already|this morning|this afternoon|as requested|accordingly))?"
_OBJECT = r"(?: (?:it|this|them|these|that))?"
_WE = r"(?:(?:i|we)(?:'ve| have)?(?: now| also| just)? )?"
_KEPT = r"(?:saved|uploaded|added|scanned(?: in)?|attached|recorded|stored|placed|put|entered|logged)"

_FILED = re.compile(
    rf"(?:{_SUBJECT}{_BE} )?{_SOON}(?:(?:scanned|saved|printed|received|uploaded) (?:and|&) )?filed"
    rf"(?: {_PLACE})?{_WHEN}"
    rf"|{_WE}{_SOON}filed{_OBJECT}(?: {_PLACE})?{_WHEN}"
    rf"|(?:{_SUBJECT}{_BE} )?{_SOON}{_KEPT} {_PLACE}{_WHEN}"
    rf"|{_WE}{_SOON}{_KEPT}{_OBJECT} {_PLACE}{_WHEN}"
    rf"|(?:{_SUBJECT}{_BE} )?{_SOON}(?:in|on) {_WHOSE}{_ADJECTIVE}{_FILE}{_WHEN}"
)
_ANY_FLAG = r"(?:(?:child protection|cp|safeguarding|plan) )?(?:flags?|alerts?|markers?)"
_FLAG = rf"(?:(?:the|our|their|his|her|a|all|both) )?{_ANY_FLAG}"
_CODE = r"(?:(?:the|a|all|both) )?(?:(?:new|suggested|read|snomed) )*codes?"
_NO_LONGER = r"[\"'\u201c]?no longer (?:on|under|subject to) (?:a |the )?(?:child protection |cp )?plan[\"'\u201d]?"
_ENDED_CODE = (
    rf"(?:(?:the|a|all|both) )?(?:(?:(?:suggested|ended) )+codes?|{_NO_LONGER} codes?|codes?:? (?:for )?{_NO_LONGER})"
)
_HAS_BEEN = r"(?: (?:is|are|was|were|has been|have been|has now been|have now been))?"
_RECORD = rf"{_WHOSE}{_ADJECTIVE}{_FILE}"
_OFF = rf"(?:removed|taken off(?: {_RECORD})?|cleared|closed|ended)"
_ON = rf"(?:added|set|put (?:back )?on(?: {_RECORD})?|put back)"
_FROM = rf"(?: (?:from|off|on|in) {_RECORD})?"
_TO = rf"(?: {_PLACE})?"


def _changed(thing: str, how: str, where: str) -> str:
    """That something was changed, as it is said of the thing and as it is said of whoever did it."""
    return rf"(?:{thing}{_HAS_BEEN} {_SOON}{how}{where}|{_WE}{_SOON}{how} {thing}{where})"


def _all_of(*some: str) -> re.Pattern[str]:
    """One or two of these."""
    one = rf"(?:{'|'.join(some)})"
    return re.compile(rf"{one}(?: and {one})?{_WHEN}")


_TAKEN_OFF = _changed(_FLAG, _OFF, _FROM)
_ENDED_CODE_ADDED = _changed(_ENDED_CODE, r"(?:added|set|put on|entered)", _TO)
_CODE_ADDED = _changed(_CODE, r"(?:added|set|put on|entered)", _TO)
_PUT_ON = _changed(rf"(?:{_FLAG}|{_CODE})", _ON, _TO)
_UPDATED = _changed(rf"(?:{_FLAG}|{_CODE})", r"(?:updated|changed)", rf"(?:{_TO}|{_FROM})")


@cache
def _flag_changed(flag: str) -> tuple[re.Pattern[str], ...]:
    """What says that a flag was changed in the direction that a notice asks for; nothing else does, for that notice.

    Made when it is first looked for: the first of them takes a tenth of the time in which a process begins.
    """
    if flag == REMOVE:  # a code that says that a plan has ended is added; it is said which, or that the flag is off
        either = _all_of(_TAKEN_OFF, _ENDED_CODE_ADDED)
        return either, re.compile(rf"{_TAKEN_OFF} and {_CODE_ADDED}{_WHEN}")
    assert flag in {SET, UPDATE, LEAVE}
    if flag == LEAVE:
        return ()
    return (_all_of(_PUT_ON) if flag == SET else _all_of(_PUT_ON, _UPDATED),)


_CARRY = r"(?:carry|carries|carried|have|has|had|hold|holds|held|show|shows|showed|contain|contains|contained)"
_NO_FLAG = re.compile(
    rf"no such {_ANY_FLAG}(?: (?:on|in) {_RECORD})?"
    rf"|(?:there (?:is|was|are|were) )?no (?:such )?{_ANY_FLAG} (?:on|in) {_RECORD}"
    rf"|(?:we|{_RECORD}) (?:{_CARRY} no (?:such )?"
    rf"|(?:(?:have|has|had) )?never {_CARRY} (?:(?:such )?a |any (?:such )?|such )?){_ANY_FLAG}"
    rf"(?: (?:on|in) {_RECORD})?"
)
_OF_A_FLAG = re.compile(
    r"\b(?:flags?|alerts?|markers?|warnings?|codes?|coded|added|put|set|removed?|taken|cleared|closed|ended|restored"
    r"|reinstated|updated)\b"
)
_NOTED = re.compile(r"(?:(?:received|seen|read) and )?(?:noted|acknowledged)(?: (?:and filed|and actioned))?")

_TAKES_BACK = re.compile(
    r"\?|\b(?:not|never|no|nor|but|however|except|although|though|unless|until|wrong|wrongly|error|mistake|mistaken"
    r"|incorrect|unable|cannot|can't|cant|couldn't|won't|don't|didn't|isn't|wasn't|hasn't|haven't|instead|sorry"
    r"|another|other|only|partly|yet|await|awaiting|pending|apart from|actually|correction)\b"
)
_PIECES = re.compile(r"[^.!;\n]+[.!;]*")
_CONTACT = re.compile(
    r"(?:(?:t|tel|telephone|phone|m|mob|mobile|f|fax|e|email|w|web|ext|extension|direct|office)\b ?[:.]? ?)?"
    r"(?:\+?[0-9()][0-9 ()/-]{5,24}|[^\s@<>]{1,64}@[^\s@<>]{3,190}|(?:https?://|www\.)[^\s<>]{3,200})(?: ?\|)?",
    re.I,
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?")
_OFFICES = frozenset(
    (
        *(
            "administration",
            "administrator",
            "admin",
            "adviser",
            "advisor",
            "and",
            "assistant",
            "business",
            "camhs",
            "care",
            "centre",
            "child",
        ),
        *(
            "children",
            "childrens",
            "clinic",
            "clinical",
            "clerk",
            "community",
            "consultant",
            "coordinator",
            "council",
            "county",
            "deputy",
        ),
        *(
            "designated",
            "doctor",
            "dr",
            "duty",
            "family",
            "foundation",
            "general",
            "governance",
            "gp",
            "head",
            "health",
            "hospital",
            "lead",
            "leader",
        ),
        *(
            "manager",
            "medical",
            "midwife",
            "midwifery",
            "miss",
            "mr",
            "mrs",
            "ms",
            "mx",
            "named",
            "nhs",
            "nurse",
            "nursing",
            "office",
            "officer",
            "of",
        ),
        *(
            "paediatrician",
            "paediatrics",
            "partner",
            "pathway",
            "practice",
            "practitioner",
            "primary",
            "professional",
            "protection",
        ),
        *(
            "psychiatrist",
            "psychologist",
            "public",
            "pupil",
            "reception",
            "receptionist",
            "registrar",
            "safeguarding",
            "school",
        ),
        *(
            "secondary",
            "secretary",
            "senior",
            "service",
            "services",
            "social",
            "specialist",
            "street",
            "support",
            "surgery",
            "teacher",
            "team",
        ),
        *("the", "therapist", "trust", "visitor", "visiting", "worker"),
    )
)
"""What the lines under a name are made of, and no sentence about a family."""


class Said(NamedTuple):
    """What a message says by its first words, if anything; and whether anything is left for a person to read."""

    what: What | None
    words_are_left: bool


def confirmation(text: str, *, flag: str | None, names: Iterable[str] = ()) -> Said:
    """What somebody says of a copy or, where `flag` says what is to become of the flag, of a notice. `names` are how
    they and their agency are called.

    A notice that was filed has been taken note of; that says nothing of a flag.
    """
    plain = text.replace("\u2019", "'").replace("\u2018", "'").casefold()
    if len(plain) > LONGEST_SAID:
        return Said(None, True)
    pieces = [each for line in plain.split("\n") for each in _pieces(line)]
    at = 0
    while at < len(pieces) and (_GREETING.fullmatch(_bare(pieces[at])) or _ONLY_THANKS.fullmatch(_bare(pieces[at]))):
        at += 1
    if at == len(pieces):
        return Said(None, bool(pieces))
    what = _what(pieces[at], flag)
    rest = pieces[at + 1 :]
    if what is None or any(_TAKES_BACK.search(each) for each in rest):
        return Said(None, True)
    if flag is not None and any(_OF_A_FLAG.search(each) for each in rest):
        return Said(None, True)  # it may be the other direction
    known = _OFFICES | {word for name in names for word in _WORD.findall(name.casefold())}
    # Where no flag is to come off, somebody has to know of records that carry none.
    alarms = what == NO_FLAG and flag != REMOVE
    return Said(what, alarms or not all(_says_nothing(each, known) for each in rest))


def _pieces(line: str) -> list[str]:
    """The sentences of a line; a greeting at its beginning is one of its own, and a line of contact is one."""
    line = line.strip()
    if not line or _CONTACT.fullmatch(line):
        return [line] if line else []
    greeting, comma, rest = line.partition(",")
    if comma and rest.strip() and (_GREETING.fullmatch(greeting) or _ONLY_THANKS.fullmatch(greeting)):
        return [greeting, *_pieces(rest)]
    return [each.strip() for each in _PIECES.findall(line) if each.strip(" .!;")]


def _bare(piece: str) -> str:
    return " ".join(piece.strip(" .!;,:-\u2013").split())


def _what(piece: str, flag: str | None) -> What | None:
    said = _bare(piece)
    said = re.sub(rf"(?:,| -| \u2013)? {_THANKS}$", "", said)
    said = re.sub(rf"^{_THANKS}(?:,| -| \u2013)? (?=.)", "", said)
    if flag is None:
        return "filed" if _FILED.fullmatch(said) else None
    if any(each.fullmatch(said) for each in _flag_changed(flag)):
        return "flag_changed"
    if _NO_FLAG.fullmatch(said):
        return "no_flag"
    # "It has been added to our records" may be said of a flag, and "filed" may not.
    filed = _FILED.fullmatch(said) and (flag != REMOVE or "filed" in said)
    return "noted" if _NOTED.fullmatch(said) or filed else None


def _says_nothing(piece: str, known: frozenset[str]) -> bool:
    """Whether a piece is thanks, the end of a letter, or a line under it."""
    said = _bare(piece)
    if not said or _ONLY_THANKS.fullmatch(said) or _SIGN_OFF.fullmatch(said) or _CONTACT.fullmatch(piece.strip()):
        return True
    return known.issuperset(_WORD.findall(said)) and len(said) <= 100
