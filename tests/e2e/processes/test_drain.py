"""`quorate drain`, as it is run by hand or once a day: what it says is so, and what it must not touch stays."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from services.bootstrap import LETTERS, House
from services.foundation import claims, outbox
from services.foundation.settings import Settings
from tests import events
from tests.command import quorate
from tests.door import Embedded
from tests.mail_server import MailServer, mail_server
from tests.running import COMMAND, environment

SMTP = {"QUORATE_SMTP": "smtp://127.0.0.1:9?tls=none"}
MESH = {
    "QUORATE_MESH": "mesh://X26ABC1:password@127.0.0.1:9?tls=none",
    "QUORATE_MESH_KEY": "a-shared-key-for-tests-alone",
    "QUORATE_MESH_WORKFLOW": "QUORATE_RECORD",
}


@pytest.mark.parametrize(
    ("ways", "said"),
    [(SMTP, "QUORATE_SMTP names a real mail server"), (MESH, "QUORATE_MESH names a real mailbox")],
)
def test_a_rehearsal_is_refused_while_messages_would_really_leave(
    tmp_path: Path, ways: dict[str, str], said: str
) -> None:
    home = {"QUORATE_HOME": str(tmp_path / "home")}
    done = quorate("drain", "--as-of", events.NOW.isoformat(), env={**home, **ways})
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "home").exists(), "nothing was opened"
    assert quorate("drain", "--as-of", events.NOW.isoformat(), env=home).exit_code == 0


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as taking:
        yield taking


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], server: MailServer) -> Settings:
    return await make_settings(smtp=f"smtp://127.0.0.1:{server.port}?tls=none")


async def drained(settings: Settings, *words: str) -> tuple[int, str]:
    """The exit status of a drain on the database of these settings, and what it says."""
    given = {"database": settings.database, "secret": settings.secret, "smtp": settings.smtp}
    done = await asyncio.to_thread(
        subprocess.run,
        (*COMMAND, "drain", *words),
        env=environment(settings.home, **given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_what_a_mailer_that_died_has_in_hand_is_told_of_and_is_not_all_sent(
    house: House, settings: Settings, server: MailServer
) -> None:
    await Embedded(house).take(
        events.agency(),
        events.child(),
        events.involvement(status="waiting"),
        events.meeting(starts_at=datetime(2090, 4, 3, 9, tzinfo=UTC)),
    )
    now = datetime.now(UTC)
    lease = timedelta(hours=2)  # long enough for nobody to take over meanwhile
    async with house.database.write() as db:
        rows = await outbox.claim(db, outbox.MAIL, LETTERS, claims.claim_of("gone-1-abcd", 1), 400, now, lease)
    assert len(rows) == 1
    status, said = await drained(settings)
    assert (status, "0 sent" in said, "1 held by another process, until 20" in said) == (1, True, True), said
    status, said = await drained(settings, "--json")
    until = (now + lease).isoformat()
    assert (status, json.loads(said)) == (1, {"sent": 0, "failed": 0, "put_off": 0, "held": 1, "held_until": until})
    assert server.taken == []
    async with house.database.write() as db:  # as once its claim has run out
        await db.execute(update(outbox.outbox).where(outbox.outbox.c.claimed_by.is_not(None)).values(due_at=now))
    status, said = await drained(settings, "--json")
    assert (status, json.loads(said)) == (0, {"sent": 1, "failed": 0, "put_off": 0, "held": 0})
    assert len(server.taken) == 1
