"""What free text gives away: whether it holds something that its reader may not have.

A section says of whom it is, and its words may say more: the NHS number of a brother, the name of another father, where
a child is placed. No rule can tell what every sentence means, so this looks for what can be known: the names, numbers
and addresses on record, and what has the form of one. It would rather find one too many: what is found is left out and
shown to a person, with the kind of what was found and never the thing itself.

Source: rules of the field, sections 2.6 and 4 (Nottinghamshire; Telford & Wrekin).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from services.records.rules.forbidden import Forbidden
from services.records.rules.names_in_text import Reading, readings, stands_in
from services.records.rules.plain_text import plain

NUMBER, ANOTHERS_NAME, RELATIVES_NAME = "an NHS number", "the name of another child", "the name of a relative"
ADDRESS, POSTCODE, TELEPHONE = "an e-mail address", "a postcode", "a telephone number"
PLACEMENT = "where a child is placed"

_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_])"

# An address, also where it is written so that no programme takes it for one.
_AT, _DOT = r"[(\[{<][ \n]?(?:at|@)[ \n]?[)\]}>]", r"[(\[{<][ \n]?(?:dot|\.)[ \n]?[)\]}>]"
_BLANK = r"[ \n]{0,9}"
# "Pick up @ 3.30pm", and "she is @ school. Then", hold none.
_NO_DOMAIN = (
    r"(?![0-2]?[0-9]\.[0-5][0-9](?:[ap]m)?(?![\w@-]|\.\w)|(?<= )(?-i:[A-Za-z][a-z]*\.[ \n]{1,2}[A-Z][a-z]*(?![\w.@-])))"
)
_EMAIL = re.compile(
    rf"[\w.!#$%&'*+/=?^`{{|}}~-]{_BLANK}(?:@|{_AT}){_BLANK}{_NO_DOMAIN}[\w-]+{_BLANK}(?:\.|{_DOT}|dot\b){_BLANK}[\w-]"
    r"|\w[ \n]at[ \n][\w-]+[ \n]dot[ \n]\w",
    re.IGNORECASE,
)
_WRITTEN_OUT = ((re.compile(_AT, re.IGNORECASE), "@"), (re.compile(_DOT, re.IGNORECASE), "."))
# What may be an NHS number of somebody not on record: ten digits in up to three groups that are not those of a date, or
# each by itself; and groups of three, three and four among other numbers.
_TEN_DIGITS = re.compile(
    r"(?<![0-9])(?<![0-9][ .\n-])[1-9](?:[0-9]{9}|(?:[ .\n-][0-9]){9}|[0-9]{2,}(?:[ .\n-]{1,3}[0-9]{3,}){1,2})"
    r"(?![ .\n-]?[0-9])"
)
_IN_GROUPS = re.compile(r"(?<![0-9])[1-9][0-9]{2}[^0-9A-Za-z]{1,3}[0-9]{3}[^0-9A-Za-z]{1,3}[0-9]{4}(?![0-9])")
_AREAS = (
    "AB AL B BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX "
    "FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN "
    "NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB "
    "W WA WC WD WF WN WR WS WV YO ZE"
)
_BETWEEN, _LAST = r"[ .\n-]{0,3}", "[ABD-HJLNP-UW-Z]"
# Whatever stands between its groups: with the letters and the figure of the last one together, in capitals or not; with
# these apart; and with them alone apart, in capitals, for "B12 at 10" is no postcode, nor are "AB 12, DE 9" children's.
_SOME, _PARTED = r"[ .,/\n-]{0,3}", r"[ .,/\n-]{1,3}"
_POSTCODE = re.compile(
    rf"{_BEFORE}([A-Z]{{1,2}})(?P<parted>(?<!'[A-Z]){_PARTED})?[0-9][0-9A-Z]?(?P<middle>{_SOME})"
    rf"(?P<last>[0-9]{_LAST}{{2}}){_AFTER}",
    re.IGNORECASE | re.ASCII,
)
_IN_PARTS = (
    re.compile(rf"{_BEFORE}([A-Z]{{1,2}}){_SOME}[0-9][0-9A-Z]?{_PARTED}[0-9]{_PARTED}{_LAST}{{2}}{_AFTER}"),
    re.compile(rf"{_BEFORE}([A-Z]{{1,2}})[0-9][0-9A-Z]?[0-9][ .\n-]{{1,2}}{_LAST}{{2}}{_AFTER}"),
    re.compile(
        rf"{_BEFORE}([a-z]{{2}})[0-9][0-9a-z]?{_PARTED}[0-9]{_PARTED}"
        rf"(?!(?:at|as|be|by|he|us|we|up){_AFTER}){_LAST.lower()}{{2}}{_AFTER}"
    ),
)
_COUNTED = re.compile("(?:1st|2nd|3rd|[04-9]th|[0-9](?:hr|yr))", re.IGNORECASE)
# What is counted: nothing else says that "LE2 1st" is no postcode.
_OF_WHAT = re.compile(
    r"[ -]{1,2}(?:floor|of|birthday|grade|place|class|year|form|term|week|day|time|visit|attempt|appointment|session"
    r"|contact|call|incident|occasion|referral|assessment|report|meeting|conference|review|hearing|half|child|placement"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*)s?(?![^\W_])",
    re.IGNORECASE,
)
# One with a letter for a figure or a figure for a letter, or spaced out: in capitals alone, and no "NO 1ST".
_ALMOST_POSTCODE = re.compile(
    rf"{_BEFORE}(?:(?:([A-Z]{{1,2}})(?:[0-9][0-9A-Z]?{_BETWEEN}[OIl]|[OIl][0-9A-Z]?{_BETWEEN}[0-9](?!ST|ND|RD|TH))"
    rf"|([A-Z]0|0[A-Z])[0-9][0-9A-Z]?{_BETWEEN}[0-9O]){_LAST}{{2}}"
    rf"|([A-Z][ .-](?:[A-Z][ .-])?)[0-9][ .-]{{1,3}}(?:[0-9A-Z][ .-]{{1,3}})?[0-9][ .-]{_LAST}[ .-]{_LAST}){_AFTER}"
)
# A line that may be somebody's own: what is free to call, and what begins with 03, belongs to services. The code stands
# together, or all digits stand apart, or it is a mobile number in groups of any length (and no date that begins so); a
# series of single figures that is longer or shorter is the number of no line.
_GAP = r"[^0-9A-Za-z]{0,3}"
_APART = r"[^0-9A-Za-z]{1,3}"
_ABROAD = rf"(?:\+|00){_GAP}44{_GAP}(?:0{_GAP})?"
_TELEPHONE = re.compile(
    rf"(?<![0-9])(?:(?:{_ABROAD}|0)(?:2[0-9]|1[0-9]{{2}}|7[0-9]{{3}})(?:{_GAP}[0-9]){{6,8}}"
    rf"|(?:44|0[^0-9A-Za-z]){_GAP}7[0-9]{{3}}(?:{_GAP}[0-9]){{6}}"
    rf"|(?:\(0\){_GAP}(?:2[0-9][^0-9A-Za-z]?[0-9]|1[0-9]{{2}})|0[) /-]{{1,3}}1[0-9]{{2}})"
    rf"(?:{_GAP}[0-9]){{7}}(?!{_GAP}[0-9])"
    rf"|07(?![ ./-][01]?[0-9][ ./-][0-9]{{4}}(?![0-9]))(?:{_GAP}[0-9]){{9}}(?!{_GAP}[0-9])"
    rf"|(?<![0-9][^0-9A-Za-z])(?:(?:\+|0{_APART}0){_GAP}4{_APART}4(?:{_APART}0)?|0)"
    rf"{_APART}[127](?:{_APART}[0-9]){{9}}(?!{_GAP}[0-9]))(?![0-9])"
)


@lru_cache(maxsize=1024)
def given_away(heading: str, text: str, forbidden: Forbidden) -> tuple[str, ...]:
    """What a section gives away that its reader may not have, by kind; empty where nothing was found."""
    some = readings(f"{heading}\n{text}")
    looked: Mapping[str, bool] = {
        NUMBER: _numbers(some[0], forbidden),
        ANOTHERS_NAME: any(stands_in(each, forbidden.children) for each in some),
        RELATIVES_NAME: any(stands_in(each, forbidden.relatives) for each in some),
        ADDRESS: _addresses(some[0], forbidden),
        POSTCODE: forbidden.of_family and _postcode(some[0].text),
        TELEPHONE: forbidden.of_family and _telephone(some[0].figures),
        PLACEMENT: _holds(some[0], forbidden.places_addresses)
        or any(stands_in(each, names) for names in (forbidden.places, forbidden.carers) for each in some),
    }
    return tuple(what for what, there in looked.items() if there)


def _numbers(reading: Reading, forbidden: Forbidden) -> bool:
    """Whether there is the NHS number of a child who is not the reader's, whatever stands between its digits, or what
    has the form and the check digit of one that belongs to nobody known.
    """
    if any(each in reading.letters or each in reading.in_figures for each in forbidden.numbers):
        return True
    forms = [each for form in (_TEN_DIGITS, _IN_GROUPS) for each in form.findall(reading.figures)]
    candidates = {"".join(filter(str.isdigit, each)) for each in forms} - forbidden.own_numbers
    return any(has_check_digit(each) for each in candidates)


def has_check_digit(number: str) -> bool:
    """Whether these are ten digits of which the last is the check digit of an NHS number.

    Source: NHS Data Dictionary, NHS NUMBER (modulus 11).
    """
    if len(number) != 10:
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(number, range(10, 1, -1), strict=False)) % 11
    return check != 10 and check % 11 == int(number[9])


@lru_cache(maxsize=128)
def _postcode(text: str) -> bool:
    found = [each[1] for each in _POSTCODE.finditer(text) if not _is_counted(each)]
    found += [each[1] for form in _IN_PARTS for each in form.finditer(text)]
    found += [next(filter(None, each.groups())) for each in _ALMOST_POSTCODE.finditer(text)]
    return any(_area(each) in _AREAS.split() for each in found)


def _is_counted(found: re.Match[str]) -> bool:
    """Whether what would be the last group counts something instead: B2 1st floor; "LE2 1st" alone is a postcode."""
    last, apart = found["last"], found["parted"]
    if _COUNTED.fullmatch(last) is None:
        return False
    if apart and (not found["middle"] or "r" in last[-1:]):
        return True
    return last.islower() and _OF_WHAT.match(found.string, found.end()) is not None


def _area(letters: str) -> str:
    return "".join(filter(str.isalnum, letters)).upper().replace("0", "O")


@lru_cache(maxsize=128)
def _telephone(text: str) -> bool:
    return _TELEPHONE.search(text) is not None


def _addresses(reading: Reading, forbidden: Forbidden) -> bool:
    if not forbidden.of_family:
        return _holds(reading, forbidden.addresses)
    rest = _own(forbidden.own_address).sub(" ", reading.text) if forbidden.own_address else reading.text
    others = {each for each in forbidden.addresses if each.casefold() != (forbidden.own_address or "").casefold()}
    return _EMAIL.search(rest) is not None or _holds(Reading(rest), frozenset(others))


@lru_cache(maxsize=512)
def _own(address: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){re.escape(plain(address))}(?![\w@-]|\.\w)", re.IGNORECASE)


def _holds(reading: Reading, addresses: frozenset[str]) -> bool:
    squeezed = reading.squeezed
    for form, mark in _WRITTEN_OUT:
        squeezed = form.sub(mark, squeezed)
    some = ["".join(plain(each).split()).casefold() for each in addresses]
    return any(
        each in squeezed or any(aloud in reading.letters for aloud in _aloud(each.partition("@"))) for each in some
    )


@lru_cache(maxsize=512)
def _aloud(address: tuple[str, str, str]) -> tuple[str, ...]:
    """The letters of an address as somebody says it, with its dots and without."""
    name, _, domain = address
    return tuple("".join(filter(str.isalnum, f"{name}at{domain.replace('.', dot)}")) for dot in ("", "dot"))


def in_words(found: Iterable[str]) -> str:
    """What was found, as a coordinator reads it."""
    return f"It seems to give away {' and '.join(found)}, which they may not have: a person has to look at it."
