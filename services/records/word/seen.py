"""Whether the words of a document can be seen by whoever writes it, on paper as on the screen: what keeps them from it.

A copy is made of words alone. What is hidden, covered up or too small in the document would stand in it plain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element  # what `package` has read

from services.records.word.package import W

Look = Mapping[str, Mapping[str, str]]
"""What properties say: Word's own attributes of each, by its name, all without their namespace."""

_HIDING, _STRIKING = ("vanish", "specVanish", "webHidden"), ("strike", "dstrike")
_CAPITALS = ("caps", "smallCaps")
_COLLAPSED = "collapsed"  # of a later namespace: a heading that shows nothing of what stands under it
_SWITCHES = {*_HIDING, *_STRIKING, *_CAPITALS, _COLLAPSED}
_IN_PARTS = {"rFonts", "spacing", "ind"}  # each of their attributes is set on its own
_EXTENSION = re.compile(r"\{http://schemas\.microsoft\.com/office/word/20[0-9]{2}/wordml[/A-Za-z0-9]*\}")
_EFFECT = "textFill"  # of a later namespace: text filled with anything, or with nothing

_PALE = 0xE0
_SMALL = 6  # half points
_NARROW = 50  # of a hundred
_LOW = 6 * 20  # of a line, in twentieths of a point
_CLOSE = -40  # between letters, in twentieths of a point
_FAR = 6000  # from where text begins, in twentieths of a point
_RAISED = 40  # half points
_DARK = 0.1  # of the light of white
_LEAST_CONTRAST = 1.5
_PALE_THEMES = {"background1", "light1", "background2", "light2"}
_BLACK_THEMES, _WHITE_THEMES = {"text1", "dark1"}, {"background1", "light1"}
"""The colours of a theme that are known without it; what the others look like stands in the theme."""
_HIGHLIGHTS = {
    "yellow": "FFFF00",
    "green": "00FF00",
    "cyan": "00FFFF",
    "magenta": "FF00FF",
    "red": "FF0000",
    "lightgray": "C0C0C0",
    "white": "FFFFFF",
}
"""Those through which words can be read; the others are dark."""
SYMBOL_FONTS = re.compile(
    r"(wingdings|webdings|symbol|zapf ?dingbats|dingbats|marlett|mt extra|bookshelf symbol|ms outlook|"
    r"ms reference specialty|monotype sorts|segoe mdl2|segoe fluent|adobe blank|redact|code ?(39|128)|.*barcode)",
    re.IGNORECASE,
)


def said(properties: Element | None) -> dict[str, dict[str, str]]:
    """What an element of properties says."""
    found: dict[str, dict[str, str]] = {}
    for each in properties if properties is not None else ():
        name = str(each.tag).rpartition("}")[2]
        if each.tag == f"{W}{name}" or name in (_EFFECT, _COLLAPSED):
            found[name] = {key.removeprefix(W): value for key, value in each.attrib.items() if key.startswith(W)}
    return found


def is_of_word(element: Element) -> bool:
    """Whether an element is one of Word's, and everything in it: of another no two programs show the same."""
    return all(
        str(each.tag) == f"{W}{str(each.tag).rpartition('}')[2]}" or _EXTENSION.match(str(each.tag))
        for each in element.iter()
    )


def is_odd(owner: Element, name: str) -> bool:
    """Whether the properties of a paragraph or a run are none that a word processor writes: there twice, or not at its
    begin, or with something in them twice or of another language. What such text looks like is a guess.
    """
    found = owner.findall(f"{W}{name}")
    if not found:
        return False
    tags = [str(each.tag) for each in found[0]]
    return len(found) > 1 or owner[0] is not found[0] or len(set(tags)) != len(tags) or not is_of_word(found[0])


def styled(*looks: Look) -> Look:
    """What some styles come to, the later over the earlier. What one hides no other shows."""
    found: dict[str, Mapping[str, str]] = {}
    for look in looks:
        kept = {name: of for name, of in found.items() if name in _SWITCHES and _is_on(found, name)}
        found = {**over(found, look), **kept}
    return found


def over(look: Look, own: Look) -> Look:
    """A look with what the text's own properties say."""
    parts = {name: {**look[name], **own[name]} for name in _IN_PARTS & look.keys() & own.keys()}
    return {**look, **own, **parts}


def what_hides(run: Look, paragraph: Look) -> set[str]:
    """What keeps a reader of the document from seeing text that looks like this, or marks it as struck: names of
    `lines.WRONG`.
    """
    found = set()
    if any(_is_on(run, name) for name in _HIDING):
        found.add("hidden")
    if any(_is_on(run, name) for name in _STRIKING):
        found.add("struck")
    if _is_too_small(run) or _is_out_of_place(run, paragraph):
        found.add("unseen")
    if "framePr" in paragraph:
        found.add("shape")
    fonts = (value for name, value in run.get("rFonts", {}).items() if not name.endswith("Theme"))
    if any(SYMBOL_FONTS.match(each.strip()) for each in fonts):
        found.add("symbol")
    return found | _by_colour(run, paragraph)


def is_collapsed(paragraph: Look) -> bool:
    """Whether a paragraph that looks like this does not show what stands under it until it is expanded."""
    return _is_on(paragraph, _COLLAPSED)


def is_in_capitals(run: Look) -> bool:
    """Whether letters are shown as capitals, however they were typed."""
    return any(_is_on(run, name) for name in _CAPITALS)


def is_raised(run: Look) -> bool:
    """Whether letters stand higher or lower than their line: a figure is then none of the number beside it."""
    return _value(run, "vertAlign") not in ("", "baseline") or _value(run, "position") not in ("", "0")


def _is_on(look: Look, name: str) -> bool:
    return name in look and look[name].get("val", "true") not in ("0", "false", "off")


def _is_too_small(run: Look) -> bool:
    sizes, scale = (_value(run, "sz"), _value(run, "szCs")), _value(run, "w").removesuffix("%")
    is_small = any(bool(size) and (_number(size) is None or (_number(size) or 0) <= _SMALL) for size in sizes)
    is_narrow = bool(scale) and (_number(scale) is None or (_number(scale) or 0) < _NARROW)
    return is_small or is_narrow or "fitText" in run


def _is_out_of_place(run: Look, paragraph: Look) -> bool:
    """Whether letters or lines stand on one another, or off the page."""
    line = paragraph.get("spacing", {})
    if line.get("lineRule") == "exact" and (_twips(line.get("line", "")) or 0) < _LOW:
        return True
    if (_twips(_value(run, "spacing")) or 0) < _CLOSE or abs(_number(_value(run, "position")) or 0) > _RAISED:
        return True
    return any(abs(_twips(each) or 0) > _FAR for each in paragraph.get("ind", {}).values())


def _by_colour(run: Look, paragraph: Look) -> set[str]:
    behind = _behind(run, paragraph)
    if behind is None:
        return {"covered"}
    said = run.get("color", {})
    colour, theme = _value(run, "color"), said.get("themeColor", "")
    if _EFFECT in run or (theme and (theme not in _BLACK_THEMES or "themeTint" in said)):
        return {"unseen" if theme in _PALE_THEMES or _EFFECT in run else "themed"}
    text = colour if re.fullmatch(r"[0-9A-Fa-f]{6}", colour) else "000000"
    if min(bytes.fromhex(text)) >= _PALE or _contrast(text, behind) < _LEAST_CONTRAST:
        return {"unseen" if behind == "FFFFFF" else "covered"}
    return set()


def _behind(run: Look, paragraph: Look) -> str | None:
    """The colour on which text stands, None where it is a dark one."""
    highlight = _value(run, "highlight")
    if highlight and highlight != "none":
        return _HIGHLIGHTS.get(highlight.lower())
    for shading in (run.get("shd"), paragraph.get("shd")):
        if shading is None:
            continue
        fill = _fill(shading)
        if fill is not None:
            return fill if _light(fill) >= _DARK else None
    return "FFFFFF"


def _fill(shading: Mapping[str, str]) -> str | None:
    """The colour of a shading, None where it has none."""
    pattern = shading.get("val", "clear")
    if pattern == "nil":
        return None
    percent = re.fullmatch(r"pct([0-9]{1,3})", pattern)
    is_covered = pattern != "clear" and (percent is None or int(percent[1]) >= 40)
    name, theme = ("color", "themeColor") if is_covered else ("fill", "themeFill")
    colour = shading.get(name, "auto")
    if theme in shading:  # some programs go by the theme and some by the colour: the darker of both counts
        known = [colour] if re.fullmatch(r"[0-9A-Fa-f]{6}", colour) else []
        return min([_of_theme(shading, theme), *known], key=_light)
    if re.fullmatch(r"[0-9A-Fa-f]{6}", colour):
        return colour
    return "000000" if is_covered else None


def _of_theme(shading: Mapping[str, str], theme: str) -> str:
    """A colour of the theme: white, which may be shaded; any other is taken for the darkest."""
    family = theme.removesuffix("Color")
    shade = shading.get(f"{family}Shade", "FF")
    is_known = shading[theme] in _WHITE_THEMES and re.fullmatch(r"[0-9A-Fa-f]{2}", shade)
    return shade * 3 if is_known else "000000"


def _light(colour: str) -> float:
    """How light a colour is, from 0 to 1, as WCAG has it."""
    parts = [each / 255 for each in bytes.fromhex(colour)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_light(one), _light(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _value(look: Look, name: str) -> str:
    return look.get(name, {}).get("val", "").strip()


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]{1,6}(\.[0-9]{1,4})?", text) else None


def _twips(text: str) -> float | None:
    """A length in twentieths of a point; it may be written in points."""
    return points * 20 if (points := _number(text.removesuffix("pt"))) and text.endswith("pt") else _number(text)
