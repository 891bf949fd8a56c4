"""Speaking to MESH as a process: over TLS, with the certificates that both sides are told of and no others."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.bootstrap import open_house
from services.foundation.settings import Settings
from services.post.mesh.line import Line, NotTaken
from tests.broker import Authority
from tests.clock import MovableClock
from tests.integration.post.mesh import answer, by_mesh, decided
from tests.mesh.sandbox import Sandbox, missing, running_sandbox
from tests.running import Running

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
WITHIN = 60.0


@pytest.fixture
def certificates(require: Callable[[str, bool, str], None], tmp_path: Path) -> Path:
    """A folder with a server's and our own certificate, and the one who vouches for both."""
    require("openssl", shutil.which("openssl") is not None, "install openssl, to make certificates for tests")
    authority = Authority(tmp_path / "authority")
    authority.vouch("server", "DNS:localhost")
    authority.vouch("ours", "DNS:ours.example")
    return authority.folder


@pytest.fixture
def secure(require: Callable[[str, bool, str], None], tmp_path: Path, certificates: Path) -> Iterator[Sandbox]:
    """A server that speaks TLS, and wants to be shown a certificate."""
    require("mesh-sandbox", *missing())
    with running_sandbox(tmp_path / "mesh", certificates) as server:
        yield server


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something, and no longer than it may take."""
    end = time.monotonic() + WITHIN
    while not await what():
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "store"),
    [("mesh", "sqlite"), pytest.param("mesh", "postgresql", marks=pytest.mark.postgres), ("up", "sqlite")],
    indirect=["store"],
)
async def test_what_is_due_goes_what_comes_is_heard_and_the_process_stops_when_told(
    make_settings: Callable[..., Awaitable[Settings]],
    clock: MovableClock,
    secure: Sandbox,
    store: str,
    command: str,
    counted: Callable[[str], None],
) -> None:
    settings = await make_settings(**secure.settings(), mesh_poll=1, mesh_timeout=10)
    async with open_house(settings, clock) as house:
        await decided(house)
        await house.press.drain()
        given = {name: value for name, value in settings.model_dump().items() if name.startswith("mesh") and value}
        shared = {} if store == "sqlite" else {"database": settings.database, "secret": settings.secret}
        with Running(command, settings.home, **given, **shared) as process:
            await until(lambda: _is(house, "sent"))
            with Line(*_practice(secure)) as theirs:
                [message_id] = theirs.waiting()
                got: list[bytes] = []
                theirs.fetch(message_id, lambda _, content: got.extend(content))
                theirs.acknowledge(message_id)
                sent = answer((await by_mesh(house)).dispatch_id)
                theirs.client.send_message(**sent)
            await until(lambda: _is_filed(house))
            assert process.measure('quorate_mesh_total{outcome="sent"}') == 1
            assert process.measure("quorate_mesh_seen_timestamp_seconds") > 0
            assert process.get("/readyz").status_code == 200
            secure.end()
            if command == "mesh":  # the pages of `up` are worth asking for all the same
                await until(lambda: _waits(process))
            assert process.stop() == 0
            told = process.log.read_text()
        assert b"".join(got).startswith(b"%PDF")
        assert secure.settings()["mesh_key"] not in told
        counted(f"quorate {command} on {store}: {len(b''.join(got)):,} bytes over TLS, filed")


def _practice(secure: Sandbox) -> tuple[Any, Settings]:
    settings = Settings(**secure.settings("X26ABC2"))
    assert settings.mesh_mailbox is not None
    return settings.mesh_mailbox, settings


async def _is(house: Any, state: str) -> bool:
    return (await by_mesh(house)).state == state


async def _is_filed(house: Any) -> bool:
    return (await by_mesh(house)).confirmed == "filed"


async def _waits(process: Running) -> bool:
    answered = process.get("/readyz")
    return answered.status_code == 503 and "MESH does not answer" in answered.text


@ON_ONE_STORE
async def test_a_server_that_nobody_whom_we_trust_vouches_for_gets_nothing(
    make_settings: Callable[..., Awaitable[Settings]],
    clock: MovableClock,
    secure: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = secure.settings()["mesh_authorities"]
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(known))
    other = Authority(tmp_path / "other").certificate
    async with open_house(await make_settings(**secure.settings() | {"mesh_authorities": other}), clock) as house:
        await decided(house)
        await house.drain()
        assert (await by_mesh(house)).state == "queued"
        async with house.mesh() as mesh:
            assert mesh is not None
            with pytest.raises(NotTaken, match="SSLError"):
                await mesh.receiver.fetch()
    uploaded = list((secure.folder / "mailboxes").rglob("*.json"))
    assert uploaded == []


@ON_ONE_STORE
async def test_a_certificate_that_the_server_does_not_know_lets_nobody_in(
    make_settings: Callable[..., Awaitable[Settings]], clock: MovableClock, secure: Sandbox, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    stranger.vouch("ours", "DNS:ours.example")
    own = {"mesh_certificate": stranger.folder / "ours.pem", "mesh_private_key": stranger.folder / "ours.key"}
    async with open_house(await make_settings(**secure.settings() | own), clock) as house, house.mesh() as mesh:
        assert mesh is not None
        with pytest.raises(NotTaken) as refused:
            await mesh.receiver.fetch()
        assert refused.value.of_server
