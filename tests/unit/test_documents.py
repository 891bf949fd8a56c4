"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from services.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("templates/**/*.md")], key=lambda path: str(path)
)
DECISIONS = sorted(ROOT.glob("deploy/decisions/*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (document.parent / link).exists()] == []


def test_the_folders_of_the_readme_are_there() -> None:
    named = re.findall(r"`((?:services|schemas|templates|deploy|tests)[\w/.]*)`", (ROOT / "README.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_commands_of_the_readme_are_ones() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group, as it has commands
    named = set(re.findall(r"(?:bin/|`)quorate ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named - commands == set()


def test_the_targets_of_the_readme_are_ones() -> None:
    targets = set(re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    every = {name for names in targets for name in names.split()}
    named = set(re.findall(r"^    make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named >= {"demo", "test", "up"}
    assert named - every == set()


def test_the_readme_is_two_screens_at_most() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


def test_decisions_are_numbered_without_gaps_and_say_what_a_decision_has_to_say() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04d}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"]
        assert "\nStatus: " in path.read_text(encoding="utf-8")
