"""Documents as tagged PDF (PDF/UA-1), made by typst from `templates/documents/`.

What is printed is data for the template and never part of it: nothing that somebody wrote is run. The same content
for the same reader gives the same bytes. Copies that differ in nothing but their reader are laid out once: typst keeps
what it laid out for as long as what it was made from stays the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

import services

DOCUMENTS = Path(services.__file__).parent.parent / "templates" / "documents"
FONTS = DOCUMENTS / "fonts"
FACES = (FONTS / "DejaVuSansCondensed.ttf", FONTS / "DejaVuSansCondensed-Bold.ttf")

PANIC = "PanicException"
"""What a fault of typst's own is called here. It is no `Exception`: left alone, it would end whoever prints."""


class _Numbers(dict[int, str]):
    """What stands for each character in a string of typst's."""

    def __missing__(self, character: int) -> str:
        letter = chr(character)
        plain = letter.isascii() and (letter.isalnum() or letter == " ")
        self[character] = letter if plain else f"\\u{{{character:x}}}"
        return self[character]


_NUMBERS = _Numbers()


class CannotPrint(Exception):
    """This document cannot be made, however often it is tried. The message holds nothing of its content."""


class Printer:
    """Makes documents from one template; keeps what it has read of it. For one thread at a time."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.compiler = _compiler()

    def print(self, content: Mapping[str, Any], reader: str, moment: int) -> bytes:
        """One document for one reader; `moment` is what it says of when it was made, in seconds since 1970.

        Raises `CannotPrint`.
        """
        try:
            made = self.compiler.compile(
                source(self.template, content, reader), pdf_standards=["ua-1"], timestamp=moment
            )
        except typst.TypstError as wrong:
            raise CannotPrint(type(wrong).__name__) from None
        except BaseException as wrong:
            if type(wrong).__name__ != PANIC:
                raise
            self.compiler = _compiler()  # nobody knows how the other one was left
            raise CannotPrint(PANIC) from None
        assert isinstance(made, bytes)
        return made


def _compiler() -> typst.Compiler:
    return typst.Compiler(root=DOCUMENTS, font_paths=[FONTS], ignore_system_fonts=True)


def source(template: str, content: Mapping[str, Any], reader: str) -> bytes:
    """What typst is given: the template's own function, called with the data."""
    data = literal(json.dumps(content, ensure_ascii=False, sort_keys=True))
    return f'#import "/{template}.typ": {template}\n#{template}(json(bytes({data})), {literal(reader)})'.encode()


def literal(text: str) -> str:
    """Text as a string of typst's, in which nothing can end the string or begin anything: whatever is no plain letter,
    digit or space stands there as its number.
    """
    return f'"{text.translate(_NUMBERS)}"'
