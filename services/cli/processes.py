"""Processes that keep going until they are told to stop: all of Quorate in one, or one for each of its jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.cli.terminal import fail, out
from services.foundation import logs
from services.foundation.settings import Settings, WrongSettings, load_settings
from services.foundation.trouble import DatabaseTrouble
from services.meetings.policy import WrongPolicy
from services.running.lifetime import keep_running
from services.running.mail_out import Mailing, Printing
from services.running.process import CannotStart
from services.running.timers import ticking
from services.web.process import Running, serve, serve_all

NOTHING_LEAVES = "no QUORATE_SMTP is set: nothing leaves this machine"


def keep(going: Callable[[Settings], Awaitable[None]]) -> None:
    """Keep a process going until it is told to stop; where it cannot start, say why."""

    async def go() -> None:
        settings = load_settings()
        logs.configure(settings.log_level)
        await going(settings)

    try:
        asyncio.run(go())
    except (CannotStart, DatabaseTrouble, WrongPolicy, WrongSettings) as wrong:
        fail(str(wrong))


def say(what: str, health: str | None = None) -> None:
    """The one line that a process says once it runs."""
    asked = f"; {health}readyz says how it gets on" if health else ""
    out.print(f"{what}, until Ctrl-C or SIGTERM{asked}", markup=False, soft_wrap=True)


def up() -> None:
    """Keep Quorate running: the HTTP door, the pages, mail out and in, and the timers, until Ctrl-C or SIGTERM."""
    keep(lambda settings: serve_all(settings, tell_where_to_look))


def tell_where_to_look(running: Running) -> None:
    """What to look at once Quorate runs."""
    outgoing = f"{running.mailbox}/ ({NOTHING_LEAVES})"
    for what, where in (
        ("Pages", running.url),
        ("Events", f"POST {running.url}events, with {the_token(running)}"),
        ("Mail", outgoing if running.mailbox else "to the server of QUORATE_SMTP"),
        ("Stop", "Ctrl-C"),
    ):
        out.print(f"{what:8}{where}", markup=False, soft_wrap=True)


def the_token(running: Running) -> str:
    """Which token the HTTP door asks for."""
    return f"the token in {running.token}" if running.token else "the token of QUORATE_TOKEN"


def web() -> None:
    """Keep the pages and the HTTP door running, beside as many others as are needed.

    It takes events in, and leaves what follows from them to mailers and schedulers.
    """
    keep(
        lambda settings: serve(
            settings,
            lambda running: say(f"Pages on {running.url}, POST {running.url}events with {the_token(running)}"),
        )
    )


def mailer() -> None:
    """Keep sending what is due, beside as many other mailers as are needed.

    On a shared database it wants a mail server in QUORATE_SMTP. QUORATE_HEALTH_LISTEN is where it answers /healthz,
    /readyz and /metrics.
    """

    async def go(settings: Settings) -> None:
        server = settings.smtp_server
        where = f"{server.host}:{server.port}" if server else f"{settings.home / 'mailbox'}/ ({NOTHING_LEAVES})"
        await keep_running(
            settings,
            lambda house: [Mailing(house), Printing(house)],
            lambda health: say(f"Mail goes to {where}", health),
        )

    keep(go)


def scheduler() -> None:
    """Keep acting on timers as they fall due, beside as many others as are needed.

    QUORATE_HEALTH_LISTEN is where it answers /healthz, /readyz and /metrics.
    """
    keep(
        lambda settings: keep_running(
            settings, lambda _house: [ticking()], lambda health: say("Timers are acted on as they fall due", health)
        )
    )
