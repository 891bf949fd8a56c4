"""Words by which somebody says that a copy is in their own file, or that a flag was changed: a few set phrases, and
nothing that has to be understood.

Only the first sentence can say it, and only as a whole. What stands beside it is either known to say nothing (thanks, a
greeting, a name with a telephone number) or is left for a person to read; where it may take back what was said before,
nothing is taken as said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

What = Literal["filed", "flag_changed", "noted"]

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
_FLAG = (
    r"(?:the |our |their |a )?(?:(?:child protection|cp|safeguarding|plan) )?"
    r"(?:flags?|alerts?|markers?|(?:read |snomed )?codes?)"
)
_CHANGED = r"(?:removed|taken off|cleared|closed|ended|added|set|updated|changed|put on)"
_ONE_CHANGE = (
    rf"(?:{_FLAG}(?: (?:is|are|was|were|has been|have been|has now been|have now been))? {_SOON}{_CHANGED}"
    rf"|{_WE}{_SOON}{_CHANGED} {_FLAG})(?: (?:from|{_PLACE}) ?(?:{_WHOSE}{_ADJECTIVE}{_FILE})?)?"
)
_FLAG_CHANGED = re.compile(rf"(?:{_ONE_CHANGE}(?: and {_ONE_CHANGE})?{_WHEN}|(?:all |now )*done{_WHEN})")
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


def confirmation(text: str, *, is_notice: bool, names: Iterable[str] = ()) -> Said:
    """What somebody says of a copy or, with `is_notice`, of a notice. `names` are how they and their agency are called.

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
    what = _what(pieces[at], is_notice)
    rest = pieces[at + 1 :]
    if what is None or any(_TAKES_BACK.search(each) for each in rest):
        return Said(None, True)
    known = _OFFICES | {word for name in names for word in _WORD.findall(name.casefold())}
    return Said(what, not all(_says_nothing(each, known) for each in rest))


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


def _what(piece: str, is_notice: bool) -> What | None:
    said = _bare(piece)
    said = re.sub(rf"(?:,| -| \u2013)? {_THANKS}$", "", said)
    said = re.sub(rf"^{_THANKS}(?:,| -| \u2013)? (?=.)", "", said)
    if is_notice:
        if _FLAG_CHANGED.fullmatch(said):
            return "flag_changed"
        return "noted" if _NOTED.fullmatch(said) or _FILED.fullmatch(said) else None
    return "filed" if _FILED.fullmatch(said) else None


def _says_nothing(piece: str, known: frozenset[str]) -> bool:
    """Whether a piece is thanks, the end of a letter, or a line under it."""
    said = _bare(piece)
    if not said or _ONLY_THANKS.fullmatch(said) or _SIGN_OFF.fullmatch(said) or _CONTACT.fullmatch(piece.strip()):
        return True
    return known.issuperset(_WORD.findall(said)) and len(said) <= 100
