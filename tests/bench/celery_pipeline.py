"""What Quorate's way is compared with: the same messages by Celery, Redis and smtplib.

A task for each message, in processes forked beforehand, acknowledged late so that a killed worker's message goes out
after all. The task renders the same text and HTML from the same templates, has `icalendar` write the calendar and
`EmailMessage` the message, hands it over on a connection kept for as long as the process lives, and writes a row that
says so to the same PostgreSQL. That is what one would reach for; wherever there was a choice, it is the faster one:
- The templates are compiled once and filled the mailer's own way, which is faster than Jinja's front door.
- The row is written by asyncpg, a prepared statement on a connection kept open: less than a session of an ORM costs.
- Redis keeps nothing on disk; no result is kept; Celery's gossip, heartbeat and events are off.
"""

from __future__ import annotations

import asyncio
import json
import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
from celery import Celery  # type: ignore[import-untyped]  # carries no type information

from services.foundation.settings import Settings
from services.invitations.calendar import written_by_library
from services.invitations.render import appointment, render
from tests.bench.machine import process
from tests.letters import by_library

SETUP = "PIPELINE_SETUP"
"""The variable that holds the set-up of the pipeline as JSON."""
TABLE = """
CREATE TABLE mails_sent (
    message_id text PRIMARY KEY,
    invitation_id text NOT NULL,
    meeting_id text NOT NULL,
    recipient text NOT NULL,
    state text NOT NULL,
    sent_at timestamptz NOT NULL
)
"""
QUEUE = "celery"  # its default
STARTS_WITHIN = 30.0
INSERT = "INSERT INTO mails_sent VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"


@dataclass(frozen=True)
class Setup:
    """Where the parts are, and what the messages are made with."""

    redis: str
    postgres_host: str
    postgres_database: str
    smtp_port: int
    home: str
    secret: str

    @cached_property
    def settings(self) -> Settings:
        return Settings.model_validate({"home": self.home, "secret": self.secret})


class Connections:
    """What one worker process keeps open, from its first task on."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.loop = asyncio.new_event_loop()

    @cached_property
    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.setup.smtp_port)

    @cached_property
    def insert(self) -> Any:
        return self.loop.run_until_complete(self._prepared())

    async def _prepared(self) -> Any:
        connection = await asyncpg.connect(
            host=self.setup.postgres_host, user="postgres", database=self.setup.postgres_database
        )
        return await connection.prepare(INSERT)

    def note(self, *values: Any) -> None:
        """Write one row, durable when this returns."""
        self.loop.run_until_complete(self.insert.fetch(*values))


app = Celery("invitations")
setup = Setup(**json.loads(os.environ[SETUP])) if SETUP in os.environ else None
connections = Connections(setup) if setup else None
app.conf.update(
    broker_url=setup.redis if setup else None,
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=32,  # short tasks, as Celery's guide advises
    task_serializer="json",
    accept_content=["json"],
)


def written(params: Mapping[str, Any], settings: Settings) -> EmailMessage:
    """The message, built by the libraries."""
    letter = render(params, settings)
    calendar = written_by_library(appointment(params, settings, letter.from_address))
    return by_library(letter._replace(calendar=calendar))


@app.task(name="send", autoretry_for=(smtplib.SMTPException, OSError), retry_backoff=True, max_retries=10)  # type: ignore[untyped-decorator]
def send(params: dict[str, Any]) -> None:
    """Render one message, send it, and note it."""
    assert setup is not None
    assert connections is not None
    message = written(params, setup.settings)
    sender = f"bounce{message['Reply-To'].removeprefix('reply')}"
    connections.smtp.send_message(message, sender, [params["to"]])
    connections.note(
        message["Message-ID"], params["invitation_id"], params["meeting_id"], params["to"], "sent", datetime.now(UTC)
    )


class Pipeline:
    """The pipeline as seen from outside: its worker processes, idle until they are let go."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.outside = Celery("outside", broker=setup.redis, set_as_current=False)

    @contextmanager
    def running(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """As many worker processes as this machine has cores."""
        command = [sys.executable, "-m", "celery", "-A", "tests.bench.celery_pipeline", "worker", "--pool=prefork"]
        command += [f"--concurrency={os.cpu_count()}", "--loglevel=WARNING"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with process(command, {**os.environ, SETUP: json.dumps(asdict(self.setup))}, log) as started:
            limit = time.monotonic() + STARTS_WITHIN
            while not self.outside.control.ping(timeout=0.5, limit=1):
                if started.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"Celery did not start:\n{log.read_text()[-3000:]}")
            yield started

    def queue(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Hold the workers back, and put a task for each message into Redis."""
        assert self.outside.control.cancel_consumer(QUEUE, reply=True, limit=1, timeout=10)
        with self.outside.connection_for_write() as broker:
            for params in rows:
                self.outside.send_task("send", args=[params], connection=broker, ignore_result=True)

    def let_go(self) -> None:
        """Let the workers begin."""
        self.outside.control.add_consumer(QUEUE)
