"""What stands on the pages of a PDF, for tests."""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfReader


def text_of(document: bytes) -> str:
    """The words on all its pages, in one line."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(document)).pages).split())
