"""Documents as tagged PDF (PDF/UA-1), made by typst from `templates/documents/`.

What is printed is data for the template and never part of it: nothing that somebody wrote is run. The same content
for the same reader gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

import services

DOCUMENTS = Path(services.__file__).parent.parent / "templates" / "documents"


class Printer:
    """Makes documents from one template; keeps what it has read of it. For one thread at a time."""

    def __init__(self, template: str) -> None:
        self.compiler = typst.Compiler(DOCUMENTS / f"{template}.typ", root=DOCUMENTS, ignore_system_fonts=True)

    def print(self, content: Mapping[str, Any], reader: str, moment: int) -> bytes:
        """One document for one reader; `moment` is what it says of when it was made, in seconds since 1970."""
        made = self.compiler.compile(
            sys_inputs={"content": json.dumps(content, ensure_ascii=False), "reader": reader},
            pdf_standards=["ua-1"],
            timestamp=moment,
        )
        assert isinstance(made, bytes)
        return made
