"""`quorate up` as a process: how it starts, keeps going, stops, and takes up its work again."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from services.bootstrap import House
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.mail_server import HANG, MailServer, mail_server, until
from tests.running import BATCH, COMMAND, ONE, TOKEN, Up, environment

FAR = datetime(2090, 4, 3, 9, tzinfo=UTC)


def invitation(number: int = 1) -> list[bytes]:
    """Events that make one invitation."""
    child, family, agency = f"c{number}", f"f{number}", f"camhs-{number}"
    return [
        events.agency(agency, authority=f"area-{number}"),
        events.child(child, family_id=family, authority=f"area-{number}"),
        events.involvement(person_id=child, agency_id=agency, partition_key=family),
        events.meeting(f"m{number}", children=[child], starts_at=FAR, partition_key=family, authority=f"area-{number}"),
    ]


def smtp(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.port}?tls=none"


def refused(home: Path, **settings: object) -> str:
    """What `quorate up` says when it cannot start."""
    done = subprocess.run(
        (*COMMAND, "up"), env=environment(home, **settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_on_start_it_says_where_to_look(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    del settings["QUORATE_TOKEN"]
    up = Up(tmp_path)
    up.environment = settings
    with up:
        said = "".join(up.said)
        assert up.url in said
        assert str(tmp_path / "mailbox") in said
        assert str(tmp_path / "token") in said
        token = (tmp_path / "token").read_text().strip()
        assert token not in said
        assert up.send(events.agency(), authorization=f"Bearer {token}").status_code == 202
        assert up.stop(signal.SIGINT) == 0


def test_a_second_one_on_the_same_home_is_refused(tmp_path: Path) -> None:
    with Up(tmp_path) as up:
        said = refused(tmp_path)
        assert f"process {up.process.pid}" in said
        assert "QUORATE_HOME" in said
        assert len(said.splitlines()) == 1
        assert up.get("/readyz").status_code == 200
    with Up(tmp_path) as again:
        assert again.get("/readyz").status_code == 200


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        said = refused(tmp_path, listen=address)
    assert said.startswith(f"QUORATE_LISTEN: {address} is in use")
    assert len(said.splitlines()) == 1


def test_a_home_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "QUORATE_HOME" in refused(tmp_path / "file" / "home")


async def test_an_invitation_goes_out_as_soon_as_the_meeting_is_taken(tmp_path: Path) -> None:
    async with mail_server() as server:
        with Up(tmp_path, smtp=smtp(server)) as up:
            await asyncio.to_thread(up.send_all, invitation())
            await until(lambda: bool(server.taken))
            assert server.taken[0].to == "camhs-1@agencies.gov.example"
            assert await asyncio.to_thread(up.stop) == 0


async def test_what_another_process_takes_in_goes_out_too(tmp_path: Path) -> None:
    async with mail_server() as server:
        with Up(tmp_path, smtp=smtp(server)) as up:
            ingest = await asyncio.create_subprocess_exec(
                *COMMAND, "ingest", "-", env=up.environment, stdin=asyncio.subprocess.PIPE
            )
            await ingest.communicate(b"\n".join(invitation()))
            await until(lambda: bool(server.taken))


def test_what_was_answered_with_202_outlives_a_kill(tmp_path: Path) -> None:
    batches = [invitation(number) for number in (1, 2, 3)]
    for batch in batches:
        with Up(tmp_path, smtp="smtp://127.0.0.1:9?tls=none") as up:
            answer = up.send(b"[" + b",".join(batch) + b"]", BATCH)
            up.kill()
        assert answer.json()["accepted"] == len(batch)
    with Up(tmp_path, smtp="smtp://127.0.0.1:9?tls=none") as up:
        for batch in batches:
            assert up.send_all(batch) == {"accepted": 0, "known": len(batch), "waiting": 0, "rejected": []}


@pytest.mark.parametrize("stage", ["greeting", "MAIL", "end"])
async def test_it_stops_within_ten_seconds_whatever_hangs_and_what_was_in_hand_goes_out_later(
    tmp_path: Path, stage: str
) -> None:
    async with mail_server() as server:
        server.always = {stage: HANG}
        with Up(tmp_path, smtp=smtp(server)) as up:
            host, port = up.url.removeprefix("http://").split(":")
            with (
                socket.create_connection((host, int(port))) as idle,
                socket.create_connection((host, int(port))) as half,
                httpx2.Client(base_url=up.url) as kept,
            ):
                idle.sendall(b"GET / HT")
                head = f"POST /events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n"
                half.sendall(f"{head}content-type: {ONE}\r\n".encode())
                half.sendall(b'content-length: 100\r\n\r\n{"')
                assert (await asyncio.to_thread(kept.get, "/healthz")).status_code == 200
                await asyncio.to_thread(up.send_all, [each for number in (1, 2, 3) for each in invitation(number)])
                await until(lambda: server.seen[stage] > 0)
                assert await asyncio.to_thread(up.stop) == 0
        assert server.taken == []
        server.heal()
        with Up(tmp_path, smtp=smtp(server)):
            await until(lambda: len(server.taken) == 3)
        assert len(server.ids()) == 3


async def test_a_kill_with_mail_in_hand_loses_none_of_it(tmp_path: Path) -> None:
    async with mail_server() as server:
        server.always = {"end": HANG}
        with Up(tmp_path, smtp=smtp(server)) as up:
            await asyncio.to_thread(up.send_all, [each for number in (1, 2, 3) for each in invitation(number)])
            await until(lambda: server.seen["end"] > 0)
            up.kill()
        server.heal()
        with Up(tmp_path, smtp=smtp(server)):
            await until(lambda: len(server.ids()) == 3)
        assert all(len(message_ids) == 1 for message_ids in server.ids().values())


async def test_while_it_stops_it_is_alive_and_not_ready_and_takes_nothing(house: House) -> None:
    process = Process(house)
    process.stop()
    headers = {"authorization": f"Bearer {house.settings.bearer_token}", "content-type": "application/cloudevents+json"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=make_app(process)), base_url="http://localhost"
    ) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        answer = await client.post("/events", content=events.agency(), headers=headers)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_the_log_is_json_and_tells_of_nobody(tmp_path: Path) -> None:
    name, address, number = "Dana Bellweather", "dana.bellweather@mail.example", events.nhs_number(77)
    with Up(tmp_path, log_level="debug") as up:
        sent = [
            *invitation(),
            events.child("child-nine", nhs=number, initials="DB", preferred_name=name),
            events.relative("person-nine", name=name, email=address, relationship=[events.tie("child-nine")]),
            json.dumps(
                {"specversion": "1.0", "id": "bad", "source": "/x", "data": {"name": name, "to": address}}
            ).encode(),
        ]
        up.send_all(sent)
        up.send(name.encode())
        for path in ("/", f"/meetings/{number}", f"/?authority={name}", f"/event?source=/x&id={address}", f"/{name}"):
            up.get(path)
        up.get("/", headers={"host": f"{number}.example"})
        assert up.stop() == 0
        lines = up.logged()
    text = up.log.read_text()
    assert {"http_request", "stopping"} <= {line["event"] for line in lines}
    assert {"/events", "/", "/meetings/{meeting_id}", "/event", "none"} <= {line.get("route") for line in lines}
    for telling in (
        "Dana",
        "Bellweather",
        "mail.example",
        "agencies.gov.example",
        number,
        "child-nine",
        "person-nine",
        TOKEN,
    ):
        assert telling not in text
