"""The house rules that no other tool can hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOLDERS = {"deploy", "schemas", "services", "templates", "tests"}
FILES = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements-dev.lock",
    "requirements.lock",
}

# The parts of the standard library that read the clock, chance, the machine or the network.
UNRULY = {
    *("asyncio", "concurrent", "contextvars", "multiprocessing", "queue", "sched", "signal", "subprocess", "threading"),
    *("ftplib", "http", "imaplib", "mailbox", "poplib", "select", "selectors", "smtplib", "socket", "ssl", "urllib"),
    *("fileinput", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("importlib", "logging", "platform", "random", "secrets", "time"),
}
UNRULY_CALLS = {"input", "now", "open", "print", "today", "utcnow", "uuid1", "uuid4"}

ELSEWHERE = {
    "a package registry": r"py[p]i\.org|python[h]osted\.org|registry\.[n]pmjs|repo1?\.[m]aven|index[-]url",
    "a folder of one machine": r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/",
}


# Files that stand elsewhere, for what they are about, and are held to the same: rules may use them.
AS_PURE_AS_RULES = ("services/invitations/tokens.py", "services/post/inbox/reading/found.py")


def rules_files() -> list[Path]:
    """Every `rules.py`, every file of a room whose rules were split by noun, and the few that are as pure."""
    named = [ROOT / path for path in AS_PURE_AS_RULES]
    return sorted([*ROOT.glob("services/**/rules.py"), *ROOT.glob("services/**/rules/**/*.py"), *named])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, within: str) -> Iterator[str]:
    """Each thing that a module imports, by its full dotted name; `within` is the package that a leading dot means."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = within.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def breaches(source: str, within: str, rules: set[str]) -> list[str]:
    """What in this source a rules file may not have."""
    tree = ast.parse(source)
    found = []
    for name in imported(tree, within):
        top = name.split(".")[0]
        ruled = any(name == module or name.startswith(f"{module}.") for module in rules)
        if not (ruled or top == "schemas" or (top in sys.stdlib_module_names and top not in UNRULY)):
            found.append(f"imports {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in UNRULY_CALLS:
                found.append(f"calls {called}() in line {node.lineno}")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"waits in line {node.lineno}")
    return found


def test_rules_use_only_rules_what_travels_and_the_quiet_part_of_the_standard_library() -> None:
    files = rules_files()
    rules = {module_name(path) for path in files}
    found = {
        str(path.relative_to(ROOT)): broken
        for path in files
        if (broken := breaches(path.read_text(encoding="utf-8"), module_name(path.parent / "__init__.py"), rules))
    }
    assert files
    assert not found


@pytest.mark.parametrize(
    ("source", "breach"),
    [
        ("import sqlalchemy", "imports sqlalchemy"),
        ("from services.foundation import database", "imports services.foundation.database"),
        ("from services.meetings.store import meetings", "imports services.meetings.store.meetings"),
        ("from .store import meetings", "imports services.meetings.store.meetings"),
        ("from . import store", "imports services.meetings.store"),
        ("from ..directory import store", "imports services.directory.store"),
        ("def f():\n    import os.path", "imports os.path"),
        ("from datetime import datetime\nnow = datetime.now()", "calls now() in line 2"),
        ("async def rule(): ...", "waits in line 1"),
    ],
)
def test_what_a_rule_may_not_use_is_noticed(source: str, breach: str) -> None:
    assert breaches(source, "services.meetings", {"services.meetings.rules"}) == [breach]


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import date, timedelta",
        "from schemas.meetings import MeetingScheduled",
        "from services.directory.rules import routes",
        "from services.directory import rules",
        "from ..directory.rules import routes",
    ],
)
def test_what_a_rule_may_use_is_let_pass(source: str) -> None:
    assert breaches(source, "services.meetings", {"services.directory.rules"}) == []


@pytest.fixture(scope="module")
def tracked(require: Callable[[str, bool, str], None]) -> list[Path]:
    """The files that belong to the project, as git knows them, as far as they are on disk."""
    git = shutil.which("git")
    require(
        "git's list of files", git is not None and (ROOT / ".git").exists(), "run this in a clone, with git installed"
    )
    listed = subprocess.run(
        [git or "git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_top_of_the_repository_shows_the_rooms_and_nothing_else(tracked: list[Path]) -> None:
    tops = {path.relative_to(ROOT).parts for path in tracked}
    folders = {parts[0] for parts in tops if len(parts) > 1 and not parts[0].startswith(".")}
    files = {parts[0] for parts in tops if len(parts) == 1 and not parts[0].startswith(".")}
    assert folders - FOLDERS == set()
    assert files - FILES == set()


def test_no_file_or_folder_has_a_name_that_says_nothing(tracked: list[Path]) -> None:
    empty = {"common", "helper", "helpers", "manager", "util", "utils"}
    named = [path.relative_to(ROOT) for path in tracked]
    assert [str(path) for path in named if empty & {Path(part).stem.lower() for part in path.parts}] == []


def test_no_file_speaks_of_a_package_registry_or_of_one_machine(tracked: list[Path]) -> None:
    patterns = {what: re.compile(pattern) for what, pattern in ELSEWHERE.items()}
    found = []
    for path in tracked:
        text = path.read_bytes().decode("utf-8", errors="replace")
        for what, pattern in patterns.items():
            found += [f"{path.relative_to(ROOT)}: {what}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []
