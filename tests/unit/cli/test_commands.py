"""The list of commands: complete, true, and quick to print."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli import COMMANDS, app

door: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_first_sentence_of_its_own_help(name: str) -> None:
    listed = COMMANDS[name][1]
    assert door.commands[name].get_short_help_str(limit=len(listed) + 1) in {listed, listed.removesuffix(".")}
    own = CliRunner().invoke(app, [name, "--help"])
    assert own.exit_code == 0
    assert listed in " ".join(own.output.split())


def test_the_list_of_commands_is_printed_without_loading_what_they_need() -> None:
    loaded = "import sys; from services.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"fastapi", "faust", "jinja2", "pydantic", "sqlalchemy", "services.bootstrap"}


def test_a_command_that_is_none_is_told_what_may_be_meant() -> None:
    done = CliRunner().invoke(app, ["exeptions"])
    assert done.exit_code == 2
    assert "exceptions" in done.output
