"""What every command says, and how."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what went wrong, and end."""
    tell(message)
    raise typer.Exit(status)


def tell(message: str) -> None:
    """A line to standard error."""
    err.print(message, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """JSON to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
