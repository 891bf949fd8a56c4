"""Brokers that want TLS and a password: with both right all goes its way, and whatever is amiss is said in a line."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiokafka import ConsumerRecord

from deploy.kafka.jars import KAFKA
from schemas.generate import documents
from services.foundation.servers import Broker
from services.foundation.settings import Settings
from services.streams.connection import BrokerTrouble, reachable
from tests import events
from tests.broker import Secure, own_names, running_secure_broker
from tests.running import COMMAND, Running, environment
from tests.streaming import produce, records

pytestmark = pytest.mark.kafka

LOGIN = f"{Secure.USER}:{quote(Secure.PASSWORD, safe='')}@"
WRONG = f"{Secure.USER}:another-password@"
NAMES = ("broker", "database", "group", "secret", "topic_prefix", "topic_partitions", "topic_replication")
WITHIN = 30.0  # seconds for a command, of which its start takes one or two


@pytest.fixture(scope="module")
def secure(require: Callable[[str, bool, str], None]) -> Iterator[Secure]:
    """One broker for all of these tests: it writes down nothing but topics with names of the test's own."""
    require("a Kafka broker", *KAFKA.missing())
    require("openssl", shutil.which("openssl") is not None, "install openssl, to make certificates for tests")
    with running_secure_broker() as running:
        yield running


@pytest.fixture(autouse=True)
def known_authority(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who vouches for the broker is known, to this process and to those that it starts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))


def url(login: str, port: int, tls: str = "required", host: str = "127.0.0.1") -> str:
    return f"kafka://{login}{host}:{port}?tls={tls}"


def quorate(home: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """A command, which must say nothing of the password."""
    done = subprocess.run(
        (*COMMAND, *arguments),
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    for password in (Secure.PASSWORD, quote(Secure.PASSWORD, safe=""), "another-password"):
        assert password not in done.stdout + done.stderr
    return done


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], secure: Secure) -> Settings:
    """Settings that are right, with names of the test's own; no topic is made yet."""
    return await make_settings(broker=url(LOGIN, secure.sound), topic_partitions=2, topic_replication=1, **own_names())


def given(settings: Settings) -> dict[str, object]:
    """These settings, for another process."""
    return {name: getattr(settings, name) for name in NAMES}


@pytest.mark.postgres
async def test_topics_are_made_records_taken_and_outcomes_handed_on_by_tls_with_a_password(
    settings: Settings,
) -> None:
    shared = given(settings)
    made = quorate(settings.home, "topics", "ensure", **shared)
    assert (made.returncode, made.stderr) == (0, "")
    assert "12 made" in made.stdout
    with Running("worker", settings.home, **shared) as worker:
        raws = [events.agency("camhs-1"), events.child("c1"), events.involvement("i1"), events.meeting(), b"no event"]
        await produce(settings, raws)
        outcomes = await records(settings, "quorate.outcomes", 1)
        (letter,) = await records(settings, "quorate.dead-letters", 1)
        assert worker.stop() == 0
    assert json.loads(outcomes[0].value)["type"] == "quorate.invitees.resolved.v1"
    assert letter.value == b"no event"
    for record, message in ((outcomes[0], "quorate.invitees.resolved.v1"), (letter, "quorate.dead-letter")):
        as_published(record, message)
    lag = quorate(settings.home, "topics", "lag", "--json", **shared)
    assert (lag.returncode, json.loads(lag.stdout)["lag"]) == (0, 0)
    logged = worker.log.read_text()
    assert Secure.PASSWORD not in logged
    assert quote(Secure.PASSWORD, safe="") not in logged


def as_published(record: ConsumerRecord[bytes, bytes], message: str) -> None:
    """A record's key and headers must be what the AsyncAPI document says of its message."""
    said = json.loads(documents()["asyncapi.json"])["components"]["messages"][message]
    assert record.key is not None
    assert re.search(said["bindings"]["kafka"]["key"].get("pattern", ""), record.key.decode())
    headers = {name: value.decode() for name, value in record.headers}
    assert list(headers) == said["headers"]["required"]
    for name, header in said["headers"]["properties"].items():
        assert re.search(header.get("pattern", ""), headers[name])
        if header.get("contentMediaType") == "application/json":
            json.loads(headers[name])


REFUSALS = [
    ("a wrong password", WRONG, "sound", "required", "the user or the password is not right"),
    ("a certificate of another host", LOGIN, "of_another_host", "required", "IP address mismatch"),
    ("an expired certificate", LOGIN, "expired", "required", "its certificate is refused: certificate has expired"),
    ("TLS of a port without it", LOGIN, "plain", "required", "it does not speak TLS there"),
    ("a port with TLS spoken to without it", "", "without_password", "none", "wants TLS there (tls=required)"),
    ("no password where one is wanted", "", "sound", "required", "wants a user and a password"),
    ("a password where none is wanted", LOGIN, "without_password", "required", "it signs nobody in there"),
]


@pytest.mark.parametrize(("login", "port", "tls", "why"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_what_is_amiss_is_said_in_a_line_and_soon(
    secure: Secure, tmp_path: Path, login: str, port: str, tls: str, why: str
) -> None:
    address = getattr(secure, port)
    elsewhere = {"database": "postgresql+asyncpg:///none", "secret": "a-key-for-tests-alone"}
    done = quorate(tmp_path, "topics", "lag", broker=url(login, address, tls), **elsewhere)
    assert (done.returncode, done.stdout) == (1, "")
    spoken = "with TLS" if tls == "required" else "without TLS"
    assert done.stderr.startswith(f"No Kafka broker can be reached at 127.0.0.1:{address} ({spoken}): ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_certificate_that_nobody_known_vouches_for_is_refused_with_what_to_do(
    secure: Secure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"database": "postgresql+asyncpg:///none", "secret": "a-key-for-tests-alone"}
    monkeypatch.delenv("SSL_CERT_FILE")
    done = quorate(tmp_path, "topics", "lag", broker=url(LOGIN, secure.sound), **elsewhere)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "its certificate is refused: unable to get local issuer certificate" in done.stderr
    assert "SSL_CERT_FILE" in done.stderr
    for path, said in ((secure.authority, "IP address mismatch"), (tmp_path / "none.pem", "which cannot be read")):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        with pytest.raises(BrokerTrouble, match=said):
            reachable(Broker(url(LOGIN, secure.of_another_host)))


@pytest.mark.postgres
def test_a_worker_that_is_not_let_in_ends_and_says_why(settings: Settings, secure: Secure) -> None:
    done = quorate(settings.home, "worker", **given(settings) | {"broker": url(WRONG, secure.sound)})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "the user or the password is not right" in done.stderr


async def test_each_server_that_cannot_be_reached_is_told_of_with_its_own_reason(secure: Secure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = mute.getsockname()[1]
        several = f"kafka://{LOGIN}127.0.0.1:{silent},127.0.0.1:{secure.expired}?tls=required"
        with pytest.raises(BrokerTrouble) as refused:
            await asyncio.to_thread(reachable, Broker(several), 1.0)
        assert f"127.0.0.1:{silent}: no answer came within 1 seconds" in str(refused.value)
        assert f"127.0.0.1:{secure.expired}: its certificate is refused: certificate has expired" in str(refused.value)
        with_one = several.replace("?", f",127.0.0.1:{secure.sound}?")
        assert await asyncio.to_thread(reachable, Broker(with_one), 1.0) == [f"127.0.0.1:{secure.sound}"]
