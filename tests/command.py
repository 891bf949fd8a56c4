"""`quorate` as somebody types it, in this process."""

from __future__ import annotations

from collections.abc import Mapping

from typer.testing import CliRunner, Result

from services.cli import app


def quorate(*words: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Run the command; nothing that a person sees may be a traceback."""
    done = CliRunner().invoke(app, [str(word) for word in words], input=stdin, env=env)
    assert isinstance(done.exception, SystemExit | None), done.exc_info
    assert "Traceback" not in done.stdout + done.stderr
    return done
