"""What a person wrote in a message: plain text, without markup, the message that is answered, and what programs add.

Nothing of HTML is rendered or kept. Every step looks at each character a fixed number of times.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html import unescape

LONGEST_SOURCE = 256 * 1024
LONGEST_TEXT = 20_000
MOST_LINES = 4_000
LONGEST_LINE = 4_000
LONGEST_BANNER = 2_000
FEWEST_OF_BANNER = 6
_CUT = "\n________________________________\n"

_TAG = re.compile(r"(?:!\[|[!/?])?+([A-Za-z][A-Za-z0-9]{0,20}+)")
_UNSEEN = {"script", "style", "title", "head", "template", "noscript", "object", "svg", "math", "xml"}
_BREAKS = {"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr"}
_QUOTES = re.compile(r"gmail_quote|divrplyfwdmsg|moz-cite-prefix|yahoo_quoted|appendonsend", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\xa0\u200b\u200c\ufeff]++")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n){2,}+")

_RULE = re.compile(r"\s*+[_*=-]{10,}+\s*+")
_ORIGINAL = re.compile(r"\s*+-{2,}+ ?(original (message|appointment)|forwarded message|begin forwarded)", re.IGNORECASE)
_WROTE = re.compile(r"\s*+(on|am|le|el)\b.{5,300}\b(wrote|schrieb|a écrit|escribió)\s?:\s*+", re.IGNORECASE)
_WHEN_OR_WHO = re.compile(r"@|[0-9]{4}|[0-9][:.][0-9]{2}")
_HEADING = re.compile(r"\s*+\**(from|sent|date|to|cc|subject)\**\s?:", re.IGNORECASE)
_LINK = re.compile(r"[^\s@<>]{1,100}@[^\s@<>]{1,200}|https?://[^\s<>]{1,500}", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
_OPENS_BANNER = re.compile(
    r"\W*+(caution|warning|external( e-?mail| message| sender)?|you don.t often get e-?mail"
    r"|this (e-?mail|message)( and any [a-z ]{3,40})?"
    r" (may contain|contains|is (strictly )?(confidential|private|intended)"
    r"|originated|came from|was sent|has been scanned)|nhsmail is the secure)\b",
    re.IGNORECASE,
)
_BANNERS_WORDS = frozenset(
    _LETTERS.findall(
        "a about access accordance accredited action addressed addressee advise all an and any apply approved "
        "are as attached attachment attachments available be been before beware by came can caution click "
        "clicking co collaboration communication computer confidential confirm contain contained contains "
        "content contents copied copy copying data delete deleting directory disclose disclosed disclosure "
        "disseminate distribute distribution do does doing domain don email emails england error exchanging "
        "expected expecting external files find for free from further get have how hyperlinks i if ii "
        "immediately in inform information intended is it its joining know learn legally links mail may "
        "message messages more nhs nhsmail not notify of often only open opening operation or organisation "
        "organization originated originator other out outside patient please private privileged prohibited "
        "protected receive received recipient recipients recognise recognize relation reliance rely reply "
        "responding s safe scanned scotland secure sender sensitive sent service services so solely source "
        "staff strictly support suspicious switch system t take taken thank that the then this to trusted "
        "unauthorised unauthorized unknown unlawful unless use using verify viruses visit warning was why with within "
        "without you your"
    )
)
"""What banners and disclaimers are made of, and no sentence about a family. With one other word in it a paragraph is a
person's.
"""
_SAID_IN_BANNERS = re.compile(
    r"\b(intended recipient|in error|outside( of)?( the| your| our)? organi[sz]ation|external (e-?mail|sender|message)"
    r"|do not (click|open)|often get|been scanned|nhsmail is)\b",
    re.IGNORECASE,
)
_OF_MAIL = frozenset(("email", "emails", "mail", "message", "messages"))
_BY_PROGRAM = re.compile(
    r" has (?:(?:tentatively )?(?:accepted|declined|delegated|countered)|not yet (?:replied|decided)"
    r"|replied \"(?:yes|no|maybe)\")(?: to)?(?: (?:the|this|your)(?: event)? (?:invitation|event|meeting))?"
    r"(?: to the following event)?\s?[.:!]?",
    re.IGNORECASE,
)
_CALLED = re.compile(r"[^.!?\n]{0,120}\bref [A-Z0-9-]{1,12}")
_OF_GOOGLE = "Invitation from Google Calendar"


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote. `incomplete`: words were left out that may be a person's, too. `below` are those that stand
    where the message that is answered does; `besides`: there are others.
    """

    text: str
    incomplete: bool
    below: str = ""
    besides: bool = False


def plain(html: str) -> str:
    """The words of HTML. What is hidden, quoted, or not closed is left out."""
    html = html[:LONGEST_SOURCE]
    pieces: list[str] = []
    at = 0
    while True:
        opened = html.find("<", at)
        if opened < 0:
            pieces.append(html[at:])
            break
        pieces.append(html[at:opened])
        if html.startswith("<!--", opened):
            closed = html.find("-->", opened + 4)
            at = closed + 3
        elif (found := _TAG.match(html, opened + 1)) is None:
            pieces.append("< ")  # never so that what follows the next tag makes one of it
            at, closed = opened + 1, opened
        else:
            closed = html.find(">", opened + 1)
            at = _past(html, opened, closed, found[1].lower(), pieces) if closed >= 0 else -1
        if closed < 0 or at < 0:
            break
    return unescape("".join(pieces))


def _past(html: str, opened: int, closed: int, name: str, pieces: list[str]) -> int:
    """Where reading goes on after a tag; -1 at the end. What the tag looks like as text goes to `pieces`."""
    opens = html[opened + 1] not in "/!?"
    if name in _UNSEEN and opens and html[closed - 1] != "/":
        end = re.compile(f"</{name}\\b", re.IGNORECASE).search(html, closed)
        if end is None:
            return -1
        closed = html.find(">", end.end())
        return closed + 1 if closed >= 0 else -1
    if opens and (name == "blockquote" or _QUOTES.search(html, opened, min(closed, opened + 300))):
        pieces.append(_CUT)
    elif name in _BREAKS:
        pieces.append("\n")
    return closed + 1


def written(text: str, answerers: Collection[str] = ()) -> Written:
    """What a person wrote of a text. Nothing else is left out in silence than lines that are quoted below who wrote
    them, paragraphs that are banners or disclaimers and nothing else, and, beside a calendar answer, the one line by
    which a program says what `answerers` (their names and addresses) did.
    """
    source = text[:LONGEST_SOURCE].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [_SPACES.sub(" ", line[:LONGEST_LINE]).strip() for line in source[:MOST_LINES]]
    incomplete = len(text) > LONGEST_SOURCE or len(source) > MOST_LINES
    incomplete = incomplete or any(len(line) > LONGEST_LINE for line in source)
    own, quoted = _without_quotes(lines)
    end = _end(own)
    below = _paragraphs(own[end:]) + _paragraphs(quoted)
    besides, incomplete = incomplete, incomplete or bool(quoted) or not all(map(_is_said_everywhere, below))
    own, rest = own[:end], own[end:]
    if not any(own):
        own = [line for line in rest if line and not _HEADING.match(line)]
        own = own if any(any(c.isalnum() for c in line) for line in own) else []
    paragraphs = [each for each in _paragraphs(own) if not _is_said_everywhere(each)]
    if answerers and paragraphs:
        paragraphs = _without_program(paragraphs, answerers)
    found = _BLANK_LINES.sub("\n\n", "\n\n".join(paragraphs)).strip()
    besides = besides or len(found) > LONGEST_TEXT
    return Written(found[:LONGEST_TEXT].strip(), incomplete or besides, "\n\n".join(below), besides)


def said_before(below: str, letters: Iterable[str]) -> bool:
    """Whether all that stands below is what one of our own letters said, line by line; its addresses aside, which mail
    programs write anew.
    """
    ours = [_letters(each) for each in letters]
    lines = (
        line for each in _paragraphs(below.split("\n")) if not _is_said_everywhere(each) for line in each.split("\n")
    )
    return all(
        _RULE.fullmatch(line)
        or _HEADING.match(line)
        or _WROTE.fullmatch(line)
        or any(_letters(line) in each for each in ours)
        for line in (line.lstrip("> ") for line in lines)
    )


def _letters(text: str) -> str:
    """Words without what mail programs change about them."""
    return "".join(filter(str.isalnum, _LINK.sub(" ", text).casefold()))


def _paragraphs(lines: list[str]) -> list[str]:
    return [each for each in "\n".join(lines).strip("\n").split("\n\n") if each.strip()]


def _without_quotes(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines that are not quoted, and those that are and stand below no line that says who wrote them: these may be
    anything.
    """
    found: list[str] = []
    unknown: list[str] = []
    known = True
    before = False
    for line in lines:
        if line.startswith(">"):
            if not before:
                known = _take_attribution(found)
            if not known:
                unknown.append(line)
            before = True
        else:
            found.append(line)
            before = before and not line
    return found, unknown


def _take_attribution(lines: list[str]) -> bool:
    """Take away the last words if they say who wrote what is quoted below; returns whether they do."""
    at = len(lines) - 1
    while at >= 0 and not lines[at]:
        at -= 1
    for first in (at, at - 1):
        said = " ".join(lines[max(first, 0) : at + 1])
        if first >= 0 and _WROTE.fullmatch(said) and _WHEN_OR_WHO.search(said):
            del lines[first:]
            return True
    return False


def _is_said_everywhere(paragraph: str) -> bool:
    """Whether a paragraph is a banner or a disclaimer that an organisation puts on all its mail, and nothing else."""
    plain_words = " ".join(line for line in paragraph.split("\n") if not _RULE.fullmatch(line)).strip()
    if not plain_words:
        return True
    if len(plain_words) > LONGEST_BANNER or not _OPENS_BANNER.match(plain_words):
        return False
    if not _SAID_IN_BANNERS.search(plain_words):
        return False
    bare = _LINK.sub(" ", plain_words) if plain_words.lower().startswith("you don") else plain_words
    if any(c.isdigit() for c in bare):
        return False
    said = _LETTERS.findall(bare.lower().replace("e-mail", "email"))
    return len(said) >= FEWEST_OF_BANNER and not _OF_MAIL.isdisjoint(said) and _BANNERS_WORDS.issuperset(said)


def _without_program(paragraphs: list[str], answerers: Collection[str]) -> list[str]:
    """The paragraphs without the line by which a calendar program says what one of these did."""
    first = _bare(paragraphs[0])
    for who in answerers:
        name = _bare(who)
        if name and first.startswith(name) and _BY_PROGRAM.fullmatch(first, len(name)):
            # What ends in a colon is followed by what the meeting is called.
            called = first.endswith(":") and len(paragraphs) > 1 and _CALLED.fullmatch(paragraphs[1].strip())
            left = paragraphs[2 if called else 1 :]
            return [each for each in left if each.strip() != _OF_GOOGLE]
    return paragraphs


def _bare(words: str) -> str:
    """Words in small letters without accents: programs disagree about those."""
    parts = unicodedata.normalize("NFKD", words[:400].strip().casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def _end(lines: list[str]) -> int:
    """The line at which somebody else's words begin, as far as can be told."""
    for number, line in enumerate(lines):
        if line == _CUT.strip() or _ORIGINAL.match(line):
            return number
        if _WROTE.fullmatch(line) or (number + 1 < len(lines) and _WROTE.fullmatch(f"{line} {lines[number + 1]}")):
            return number
        if _HEADING.match(line) and len(_headings(lines[number : number + 6])) >= 3:
            return number
    return len(lines)


def _headings(lines: list[str]) -> set[str]:
    """Which headers of a message stand written out in these lines."""
    return {found[1].lower() for line in lines if (found := _HEADING.match(line))}
