"""What a person wrote in a message: plain text, without markup, the message that is answered, and what programs add.

Nothing of HTML is rendered or kept. Every step looks at each character a fixed number of times.
"""

from __future__ import annotations

import re
from html import unescape

LONGEST_SOURCE = 256 * 1024
LONGEST_TEXT = 20_000
MOST_LINES = 4_000
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
_HEADING = re.compile(r"\s*+\**(from|sent|date|to|cc|subject)\**\s?:", re.IGNORECASE)
_OUTSIDE = re.compile(r"\b(outside|external)\b.{0,200}\b(organi[sz]ation|sender|e-?mail|links?|attachments?)\b", re.I)
_WARNING = re.compile(r"\W*+(caution|warning|external|this e?-?(mail|message)|you don.t often get)\b", re.IGNORECASE)
_SAID_BY_PROGRAM = re.compile(
    r".{0,200}\bhas (\w+ )?(accepted|declined|delegated|proposed|countered|not (yet )?(replied|decided))\b", re.I
)


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


def written(text: str, by_program: bool = False) -> str:
    """What a person wrote of a text. With `by_program`, what calendar programs write by themselves is left out, too."""
    lines = text[:LONGEST_SOURCE].replace("\r\n", "\n").replace("\r", "\n").split("\n", MOST_LINES)[:MOST_LINES]
    lines = [_SPACES.sub(" ", line[:4_000]).strip() for line in lines]
    own = [line for line in lines[: _end(lines)] if not line.startswith(">")]
    if not any(own):
        own = [line for line in lines if line and not line.startswith(">") and not _HEADING.match(line)]
        own = own if any(any(c.isalnum() for c in line) for line in own) else []
    paragraphs = "\n".join(own).strip("\n").split("\n\n")
    if paragraphs and _WARNING.match(paragraphs[0]) and _OUTSIDE.search(paragraphs[0].replace("\n", " ")[:1_000]):
        del paragraphs[0]
    if by_program and paragraphs and _SAID_BY_PROGRAM.match(paragraphs[0].lstrip("\n").replace("\n", " ")):
        # What ends in a colon is followed by what the meeting is called.
        del paragraphs[: 2 if paragraphs[0].rstrip().endswith(":") else 1]
    return _BLANK_LINES.sub("\n\n", "\n\n".join(paragraphs)).strip()[:LONGEST_TEXT].strip()


def _end(lines: list[str]) -> int:
    """The line at which somebody else's words begin, or a signature."""
    for number, line in enumerate(lines):
        if line == "--" or _RULE.fullmatch(line) or _ORIGINAL.match(line):
            return number
        if _WROTE.fullmatch(line) or (number + 1 < len(lines) and _WROTE.fullmatch(f"{line} {lines[number + 1]}")):
            return number
        if _HEADING.match(line) and len(_headings(lines[number : number + 6])) >= 3:
            return number
    return len(lines)


def _headings(lines: list[str]) -> set[str]:
    """Which headers of a message stand written out in these lines."""
    return {found[1].lower() for line in lines if (found := _HEADING.match(line))}
