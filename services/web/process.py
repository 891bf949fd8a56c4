"""The processes with pages: `quorate up` is all of Quorate in one, `quorate web` the pages and the HTTP door alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from services.bootstrap import House
from services.foundation.settings import Settings
from services.running.answering import answer, listening, url_of
from services.running.lifetime import until_stopped
from services.running.mail_in import mail_in
from services.running.mail_out import Mailing, Printing
from services.running.mesh import by_mesh
from services.running.process import CannotStart, Part, Process
from services.running.timers import ticking
from services.web.app import make_app


@dataclass(frozen=True, slots=True)
class Running:
    """Where to look at what was started. `mailbox` is None where a real mail server is set, `token` where the settings
    hold it.
    """

    url: str
    mailbox: Path | None
    token: Path | None


async def serve_all(settings: Settings, started: Callable[[Running], None]) -> None:
    """Run the door, the pages, the mailer, the timers and what takes mail in until SIGTERM or SIGINT, as the only such
    process of its home; `started` is told once requests are taken. Raises `CannotStart` and `WrongSettings`.
    """
    with _only_one(settings.home):
        await _serve(
            settings,
            lambda house: [Mailing(house), Printing(house), ticking(), *mail_in(house), *by_mesh(house)],
            started,
        )


async def serve(settings: Settings, started: Callable[[Running], None]) -> None:
    """Run the door and the pages until SIGTERM or SIGINT, beside as many others as there are. Raises as
    `serve_all` does.
    """
    await _serve(settings, lambda _house: [], started)


async def _serve(
    settings: Settings, make: Callable[[House], Sequence[Part]], started: Callable[[Running], None]
) -> None:
    with listening("QUORATE_LISTEN", settings.listen) as listener:
        if settings.shared and not settings.token:
            raise CannotStart("QUORATE_TOKEN must be set where the database is shared: every door takes the same")
        token = None if settings.token else settings.home / "token"
        settings.bearer_token  # noqa: B018  # made now, so that it can be read
        mailbox = None if settings.smtp_server else settings.home / "mailbox"
        running = Running(url_of(listener), mailbox, token)

        async def work(process: Process) -> None:
            process.house.wants_the_documents_of_all()
            app = make_app(process)
            await process.run(
                *make(process.house), main=lambda: answer(process, app, listener, partial(started, running))
            )

        await until_stopped(settings, work)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home for this process alone; the lock goes with the process, however it ends."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (home / "up.lock").open("a+")
    except OSError as wrong:
        raise CannotStart(f"QUORATE_HOME: {home} cannot be used: {wrong.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(
                f"Quorate is already running on {home} (process {file.read().strip()}): stop it first, or give this "
                "one a home of its own with QUORATE_HOME"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
