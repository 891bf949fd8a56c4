"""`quorate up` and the other commands that keep going, as real processes on loopback, for tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

COMMAND = (sys.executable, "-c", "from services.cli import main; main()")
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
TOKEN = "a-token-for-tests-alone"


def environment(home: Path, **settings: object) -> dict[str, str]:
    """The environment of a process with these settings and no others: `lock_timeout=1` is QUORATE_LOCK_TIMEOUT."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUORATE_")}
    own = {"home": home, "listen": "127.0.0.1:0", "health_listen": "127.0.0.1:0", "token": TOKEN, **settings}
    if own.get("database"):  # which is shared
        own = {"documents": home / "documents", **own}
    return kept | {f"QUORATE_{name.upper()}": str(value) for name, value in own.items()}


class Running:
    """A process, from when it says that it runs until the block ends: `with Running("mailer", home, smtp=…) as mailer`.

    `url` is where it answers; what it logs goes to a file named after the command in its home.
    """

    def __init__(self, command: str, home: Path, **settings: object) -> None:
        self.command = command
        self.home = home
        self.environment = environment(home, **settings)
        self.url = ""
        self.said: list[str] = []

    def __enter__(self) -> Self:
        self.home.mkdir(exist_ok=True)
        self.log = self.home / f"{self.command}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                (*COMMAND, self.command), env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://\S+/", "".join(self.said))
        if found is None:
            self.__exit__(None, None, None)
            raise AssertionError(f"quorate {self.command} did not start: {self.log.read_text()}")
        self.url = found[0].rstrip("/")
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.url:
            self.client.close()
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit status. Raises `TimeoutExpired` where it is not gone within ten seconds."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.client.get(path, **options)

    def send(self, body: bytes, kind: str = ONE, **headers: str) -> httpx2.Response:
        """Send events to the door, with the token unless `authorization` says otherwise."""
        given = {"authorization": f"Bearer {TOKEN}", "content-type": kind} | headers
        return self.client.post("/events", content=body, headers=given)

    def send_all(self, events: Iterable[bytes]) -> dict[str, Any]:
        """Send a batch; returns the answer, which must be that it was taken."""
        answer = self.send(b"[" + b",".join(events) + b"]", BATCH)
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def measure(self, name: str) -> float:
        """One of its measures, by name and labels as Prometheus reads them."""
        answer = self.get("/metrics")
        found = re.search(rf"^{re.escape(name)} (\S+)$", answer.text, re.MULTILINE)
        assert found is not None, f"{name}: {answer.status_code} {answer.text}"
        return float(found[1])

    def logged(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class Up(Running):
    """`quorate up`: `with Up(home, smtp=…) as up: …`."""

    def __init__(self, home: Path, **settings: object) -> None:
        super().__init__("up", home, **settings)
