"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli import app
from services.foundation.metrics import Metrics
from services.foundation.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("templates/**/*.md")], key=lambda path: str(path)
)
DECISIONS = sorted(ROOT.glob("deploy/decisions/*.md"))
OVERVIEW = ROOT / "deploy" / "runbooks" / "README.md"
RUNBOOKS = sorted(set(OVERVIEW.parent.glob("*.md")) - {OVERVIEW})


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


def commands(text: str) -> list[list[str]]:
    """The calls of `quorate` in a document, each as its words."""
    called = re.findall(r"(?:^ +\$ |^ +|`)quorate ([a-z][^`\n|#]*)", text, re.MULTILINE)
    return [call.split() for call in called]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_the_commands_of_a_runbook_are_ones_and_take_the_options_it_gives(runbook: Path) -> None:
    named = commands(runbook.read_text(encoding="utf-8"))
    assert named
    for first, *rest in named:
        command: Any = typer.main.get_command(app)
        for word in (first, *rest):
            if not hasattr(command, "commands"):
                break
            assert word in command.commands, f"quorate {first} {' '.join(rest)}"
            command = command.commands[word]
        known = {option for each in command.params for option in each.opts}
        assert {word for word in rest if word.startswith("--")} <= known, f"quorate {first} {' '.join(rest)}"


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_what_somebody_at_night_needs_on_one_page(runbook: Path) -> None:
    text = runbook.read_text(encoding="utf-8")
    headings = {heading.partition(",")[0] for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    assert headings >= {"Do", "It is over when", "Do not"}
    assert "oordinator" in text
    assert re.search(r"^Tried [A-Z][a-z]+ \d{4}", text, re.MULTILINE), "when it was last tried"
    assert len(text.splitlines()) <= 85


def test_the_overview_leads_to_every_runbook_and_names_measures_that_are_told() -> None:
    text = OVERVIEW.read_text(encoding="utf-8")
    assert {path.name for path in RUNBOOKS} <= set(re.findall(r"\]\(([^)]+)\)", text))
    told = {metric.name for metric in Metrics().registry.collect()}
    named = {name for path in [*RUNBOOKS, OVERVIEW] for name in re.findall(r"`(quorate_\w+)", path.read_text())}
    assert named
    assert {name.removesuffix("_total") for name in named} <= told


def test_the_settings_that_documents_name_are_ones() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"QUORATE_[A-Z_]*[A-Z]", path.read_text())}
    assert "QUORATE_HOME" in named
    assert named <= {f"QUORATE_{name.upper()}" for name in Settings.model_fields} | {"QUORATE_CONFIG"}
