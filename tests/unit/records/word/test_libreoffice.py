"""Drafts that were opened, filled in and saved by LibreOffice Writer 7.4: what was typed there is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.records.word.read import take_apart

HERE = Path(__file__).parent / "libreoffice"
TYPED = "He said “I am fine” – and then left; 50% of the time…"


def test_text_and_lists_with_its_own_bullets_are_read_as_they_were_typed() -> None:
    paper = take_apart((HERE / "bullet.docx").read_bytes())
    assert not paper.faults
    assert [part.text for part in paper.parts if part.settings["For"] == "everyone"] == (
        [[TYPED, "• One thing\n• Another thing"]] * 6
    )
    assert paper.facts == {
        "Record": "conference-04.minutes",
        "Kind": "minutes",
        "Meeting": "conference-04",
        "Version": "1",
    }


def test_its_own_numbered_lists_keep_their_numbers() -> None:
    paper = take_apart((HERE / "number.docx").read_bytes())
    assert not paper.faults
    assert paper.parts[0].text == [TYPED, "1. One thing\n2. Another thing"]


@pytest.mark.parametrize(("name", "what"), [("hidden", "hidden text"), ("tracked", "tracked changes")])
def test_what_would_leave_unseen_is_refused(name: str, what: str) -> None:
    faults = take_apart((HERE / f"{name}.docx").read_bytes()).faults
    assert any(what in fault.message for fault in faults)
