"""A real MESH server: the NHS's sandbox, with a folder and a port of its own, for tests to start, stop and kill.

It has three mailboxes, and keeps what it takes on the disk: what was there before it was killed is there after.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mesh_client import MeshClient

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv/parts/mesh-sandbox"
LOCK = Path(__file__).with_name("requirements.lock")

OURS, PRACTICE, OTHER = "X26ABC1", "X26ABC2", "X26ABC3"
NOWHERE = "X26NONE1"
PASSWORD, KEY = "password", "a-shared-key-for-tests-alone"
WORKFLOW, ANSWERS = "QUORATE_RECORD", "QUORATE_RECORD_ACK"
START_WITHIN = 60.0


def missing() -> tuple[bool, str]:
    """Whether the server is there, and how to get it."""
    made = HOME / "made.lock"
    return made.exists() and made.read_bytes() == LOCK.read_bytes(), "run .ci/parts mesh-sandbox"


class PortTaken(AssertionError):
    """The server did not start since something else listens where it was to."""


class Sandbox:
    """One server. `certificates` is a folder with the server's, ours, and the one who vouches for both: then it speaks
    TLS, and wants to be shown one.
    """

    def __init__(self, folder: Path, certificates: Path | None = None) -> None:
        self.folder, self.certificates = folder, certificates
        (folder / "mailboxes").mkdir(parents=True, exist_ok=True)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{'https' if self.certificates else 'http'}://localhost:{self.port}"

    def settings(self, mailbox: str = OURS, password: str = PASSWORD) -> dict[str, Any]:
        """Settings for somebody who has this mailbox."""
        tls = "required" if self.certificates else "none"
        found: dict[str, Any] = {
            "mesh": f"mesh://{mailbox}:{password}@localhost:{self.port}?tls={tls}",
            "mesh_key": KEY,
            "mesh_workflow": WORKFLOW,
            "mesh_answer_workflow": ANSWERS,
        }
        if self.certificates is not None:
            found |= {
                "mesh_certificate": self.certificates / "ours.pem",
                "mesh_private_key": self.certificates / "ours.key",
                "mesh_authorities": self.certificates / "authority.pem",
            }
        return found

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {
            "PATH": os.environ["PATH"],
            "AUTH_MODE": "full",
            "SHARED_KEY": KEY,
            "STORE_MODE": "file",
            "MAILBOXES_DATA_DIR": str(self.folder / "mailboxes"),
        }
        options = ["--host", "127.0.0.1", "--port", str(self.port)]
        if self.certificates is not None:
            folder = self.certificates
            options += ["--ssl-certfile", str(folder / "server.pem"), "--ssl-keyfile", str(folder / "server.key")]
            options += ["--ssl-ca-certs", str(folder / "authority.pem"), "--ssl-cert-reqs", "2"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                (HOME / "bin/python", "-m", "uvicorn", "mesh_sandbox.api:app", *options),
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                said = (self.folder / "log").read_text()[-4000:]
                raise (PortTaken if "address already in use" in said[-400:] else AssertionError)(
                    f"the MESH server did not start: {said}"
                )
            time.sleep(0.05)

    def _answers(self) -> bool:
        if self.certificates is not None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return True
            except OSError:
                return False
        try:
            return httpx2.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx2.HTTPError:
            return False

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it: by default as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """Have it take connections and say nothing, until `go_on`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def mailbox(self, name: str = PRACTICE) -> Iterator[Any]:
        """Whoever has this mailbox, with the NHS's own client."""
        client: Any = MeshClient(self.url, name, PASSWORD, shared_key=KEY.encode(), max_retries=0, timeout=30)
        try:
            yield client
        finally:
            client.close()

    def report(self, **about: str) -> None:
        """Have MESH itself put a report into our mailbox, as it does of what nobody collected."""
        told = {"mailbox_id": OURS, "code": "14", "description": "not collected", "workflow_id": WORKFLOW, **about}
        answer = httpx2.post(f"{self.url}/messageexchange/admin/report", json=told, timeout=30)
        assert answer.status_code == 200, answer.text

    def say_of(self, message_id: str, status: str, code: str = "14") -> None:
        """Have MESH note something of a message."""
        told = {"status": status, "code": code, "event": "SEND"}
        answer = httpx2.post(f"{self.url}/admin/message/{message_id}/event", json=told, timeout=30)
        assert answer.status_code == 200, answer.text


@contextmanager
def running_sandbox(folder: Path, certificates: Path | None = None) -> Iterator[Sandbox]:
    """One server, for as long as the block lasts."""
    sandbox = Sandbox(folder, certificates)
    try:
        sandbox.start()
    except PortTaken:  # by another since it was found free
        sandbox = Sandbox(folder, certificates)
        sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.end()
