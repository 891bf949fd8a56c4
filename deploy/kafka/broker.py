"""Start one Apache Kafka broker on this machine: `make kafka`, and the broker of the tests.

    .venv/bin/python -m deploy.kafka.broker [run] [--data FOLDER] [--port PORT]
    .venv/bin/python -m deploy.kafka.broker fetch      only fetch the jars, and say where they are
    .venv/bin/python -m deploy.kafka.broker jars       write jars.sha256 anew, after a change to pom.xml

It is for development and tests: one node, loopback only, no encryption, nobody signs in.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import logging
import os
import random
import secrets
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from deploy.kafka.jars import HERE, KAFKA, CannotStart, java

HOST = "127.0.0.1"
PORT = 9092
STARTS_WITHIN = 120.0  # seconds until a request is answered; 2 to 4 where nothing else goes on
STOPS_WITHIN = 60.0  # seconds for an orderly end, after which it is killed
ASK_AGAIN = 0.05
HEAP = "512m"


class Broker:
    """One broker on a data directory, for as long as this process wants it.

    It runs in a session of its own, so that Ctrl-C reaches whoever started it, who then stops it in order. It holds the
    data directory by a lock that the system takes back however it ends.

    `more` are lines after those of server.properties, which they beat. `users` may sign in by SCRAM-SHA-512 with these
    passwords, where a listener asks for it: they are made with the data.
    """

    def __init__(
        self, data: Path, port: int = PORT, *, more: Sequence[str] = (), users: Mapping[str, str] | None = None
    ) -> None:
        self.data = data.absolute()
        self.port = port
        self.more = more
        self.users = users or {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it complained of since it was started last."""
        return self.data / "broker.log"

    def start(self) -> None:
        """Start it, on what its data directory holds; returns once it answers. Raises `CannotStart`."""
        jars = KAFKA.fetch()
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.data / "broker.lock").open("a+")
        except OSError as trouble:
            raise CannotStart(f"{self.data} cannot be used for Kafka's data: {trouble.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CannotStart(
                    f"Kafka already runs on {self.data} (process {lock.read().strip()}): stop that one first, or give "
                    "this one a data directory of its own (make kafka KAFKA_DATA=…)"
                ) from None
            if not _free(self.port):
                raise CannotStart(
                    f"{self.address} is in use by another program: stop it, or choose another port (make kafka "
                    "KAFKA_PORT=…)"
                )
            self._configure()
            base = [java(), "-cp", ":".join(map(str, jars)), f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}"]
            self._format(base)
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    [*base[:1], f"-Xmx{HEAP}", *base[1:], "kafka.Kafka", "server.properties"],
                    cwd=self.data,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    umask=0o077,
                    start_new_session=True,
                    pass_fds=[lock.fileno()],  # the lock is held for as long as Kafka runs, whatever becomes of us
                )
            lock.truncate(0)
            lock.write(f"{self.process.pid}\n")
        try:
            self._wait_for_an_answer()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Ask it to end in order, and wait; returns its exit status (143 is how Java says that it was asked to)."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _configure(self) -> None:
        template = string.Template((HERE / "server.properties").read_text())
        controller_port = free_port(self.port)
        filled = template.substitute(port=self.port, controller_port=controller_port)
        (self.data / "server.properties").write_text("\n".join((filled, *self.more, "")))

    def _format(self, base: list[str]) -> None:
        """Give an empty data directory what Kafka wants to find there."""
        if (self.data / "log" / "meta.properties").exists():
            return
        command = [*base, "kafka.tools.StorageTool", "format", "--standalone"]
        command += ["--cluster-id", _cluster_id(), "--config", "server.properties"]
        for name, password in self.users.items():
            command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        done = subprocess.run(
            command,
            cwd=self.data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o077,
            check=False,
        )
        if done.returncode:
            raise CannotStart(f"Kafka could not make its data directory {self.data}:\n{done.stdout.strip()[-2000:]}")

    def _wait_for_an_answer(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(self.address):
            if self.process.poll() is not None:
                raise CannotStart(f"Kafka did not start:\n{self._complaints()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"Kafka gave no answer within {STARTS_WITHIN:.0f} seconds:\n{self._complaints()}")
            time.sleep(ASK_AGAIN)

    def _complaints(self) -> str:
        return self.log.read_text(errors="replace").strip()[-2000:] or "it said nothing"


def answers(address: str) -> bool:
    """Whether the broker at this address answers a question about its cluster, and takes part in it."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False  # without the client's own tries, which take longer each time
    # The client keeps its thread where its constructor fails: held on to here, so that it can be ended all the same.
    made: list[KafkaNetClient] = []

    def client(**settings: object) -> KafkaNetClient:
        made.append(KafkaNetClient(**settings))
        return made[-1]

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=address, bootstrap_timeout_ms=2000, request_timeout_ms=2000, kafka_client=client
        )
    except KafkaError:
        for each in made:
            each.close()
        return False
    try:
        brokers = admin.describe_cluster()["brokers"]
        return bool(brokers) and not any(broker["is_fenced"] for broker in brokers)
    except KafkaError:
        return False
    finally:
        admin.close()


def free_port(*but: int) -> int:
    """A port that nobody listens on, and none of those named. It is none of those that the system gives to outgoing
    connections, so that it is still free when a broker that was stopped comes back to it.
    """
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311  # no secret
        if port not in but and _free(port):
            return port


def _free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError:
            return False
    return True


def _cluster_id() -> str:
    """A number as Kafka writes them, and never one that begins with a dash, which it would take for an option."""
    return base64.urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")


class _ToldToStop(Exception):
    """A signal asked for the end."""


def _told_to_stop(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise _ToldToStop


def run(data: Path, port: int) -> int:
    """Run a broker until Ctrl-C or SIGTERM; returns the exit status."""
    logging.disable()  # the client's, which tells of every question while Kafka starts
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _told_to_stop)
    broker = Broker(data, port)
    try:
        print(f"Starting Kafka on {data} (the first time, its jars are fetched into {KAFKA.cache()})", flush=True)
        broker.start()
        assert broker.process is not None
        print(
            f"Kafka listens on {broker.address}, for this machine alone. To use it:\n"
            f"    export QUORATE_BROKER=kafka://{broker.address} QUORATE_TOPIC_REPLICATION=1\n"
            f"    .venv/bin/quorate topics ensure     # QUORATE_DATABASE has to name a PostgreSQL database as well\n"
            f"Stop it with Ctrl-C, or: kill {os.getpid()}",
            flush=True,
        )
        status = broker.process.wait()
        raise CannotStart(f"Kafka ended by itself, with status {status}:\n{broker.log.read_text(errors='replace')}")
    except CannotStart as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except _ToldToStop:
        if broker.process is not None and broker.process.poll() is None:
            print("Stopping Kafka", flush=True)
            broker.stop()
        print(f"Kafka has stopped; what it held is kept in {data}.")
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka.broker", description="One Apache Kafka broker.")
    parser.add_argument("what", nargs="?", choices=["run", "fetch", "jars"], default="run")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("QUORATE_HOME") or "var") / "kafka")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args(arguments)
    if not 0 < given.port < 65536:
        parser.error(f"--port {given.port}: write a number from 1 to 65535")
    try:
        if given.what == "fetch":
            KAFKA.fetch()
            print(KAFKA.cache())
            return 0
        if given.what == "jars":
            print(f"{KAFKA.note_hashes()} jars noted; look at the difference before it is committed")
            return 0
    except CannotStart as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return run(given.data, given.port)


if __name__ == "__main__":
    sys.exit(main())
