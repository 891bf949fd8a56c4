"""Who may open the pages: nobody but this machine, whatever address Quorate listens on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import httpx2
import pytest

from services.bootstrap import House
from services.foundation.settings import Settings
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.running import ONE, TOKEN, Up

MACHINES = ("/healthz", "/readyz", "/metrics")
PAGES = (
    "/",
    "/exceptions",
    "/waiting",
    "/dead-letters",
    "/meetings/m1",
    "/nope",
    "/healthz/",
    "/answer",
    "/answers/x",
    "/record",
    "/notice",
    "/records/x",
)
OPEN = ("/assets/quorate.css", "/answer/x", "/answer/x/report", "/record/x", "/record/x/document", "/notice/x")


def own_address() -> str | None:
    """An address of this machine that others can reach it by; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # nothing is sent: it is only asked which way that would go
        except OSError:
            return None
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("elsewhere"), listen="0.0.0.0:0") as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(up: Up, require: Callable[[str, bool, str], None]) -> Iterator[httpx2.Client]:
    """Asks as another machine would: by an address, and from one, that is not loopback."""
    address = own_address()
    require("a network address", address is not None, "bring a network interface up")
    with httpx2.Client(base_url=f"http://{address}:{up.url.rpartition(':')[2]}", timeout=60) as client:
        yield client


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1:8080", "[::1]"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_opens_from_another_machine_whatever_host_it_names(
    elsewhere: httpx2.Client, path: str, host: str | None
) -> None:
    answer = elsewhere.get(path, headers={"host": host} if host else {})
    assert answer.status_code == 403
    assert "only in a browser on the machine" in answer.text


def test_machines_are_answered_from_elsewhere_and_events_need_the_token(elsewhere: httpx2.Client) -> None:
    for path in MACHINES:
        assert elsewhere.get(path).status_code == 200
        assert elsewhere.get(path, headers={"host": "quorate.example"}).status_code == 200
    headers = {"content-type": ONE, "host": "quorate.example"}
    assert elsewhere.post("/events", content=events.agency(), headers=headers).status_code == 401
    headers["authorization"] = f"Bearer {TOKEN}"
    assert elsewhere.post("/events", content=events.agency(), headers=headers).status_code == 202


def test_what_a_link_leads_to_opens_from_elsewhere_to_whoever_has_one_and_shows_nothing_without_it(
    elsewhere: httpx2.Client,
) -> None:
    statuses = {"/assets/quorate.css": 200}
    for path in OPEN:
        for headers in ({}, {"host": "quorate.example"}, {"x-forwarded-for": "192.0.2.7"}):
            assert elsewhere.get(path, headers=headers).status_code == statuses.get(path, 404)
    for path in ("/answer/x", "/record/x", "/notice/x"):
        assert "This link does not work" in elsewhere.get(path).text


def test_the_pages_open_on_the_machine_itself(up: Up) -> None:
    here = f"http://127.0.0.1:{up.url.rpartition(':')[2]}"
    assert httpx2.get(f"{here}/").status_code == 200
    assert httpx2.get(f"{here}/", headers={"host": "quorate.example"}).status_code == 403
    assert httpx2.get(f"{here}/healthz", headers={"host": "quorate.example"}).status_code == 200


def at(listen: str, house: House, client: str) -> httpx2.AsyncClient:
    """Asks a house that listens on that address, from the address `client`."""
    house.settings = Settings(**{**house.settings.model_dump(), "listen": listen})
    transport = httpx2.ASGITransport(app=make_app(Process(house)), client=(client, 40_000))
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("store", ["sqlite"])
@pytest.mark.parametrize(
    ("client", "status"),
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("::ffff:127.0.0.1", 200)]
    + [(other, 403) for other in ("192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "localhost.example", "")],
)
async def test_this_machine_is_known_by_the_address_that_a_request_comes_from(
    house: House, client: str, status: int
) -> None:
    async with at("[::]:8080", house, client) as asking:
        assert (await asking.get("/")).status_code == status


@pytest.mark.parametrize("store", ["sqlite"])
async def test_behind_a_proxy_on_this_machine_the_answer_page_opens_by_its_public_name_and_no_other(
    house: House,
) -> None:
    house.settings = Settings(**{**house.settings.model_dump(), "public_url": "https://asked.council.example/q"})
    async with at("127.0.0.1:8080", house, "127.0.0.1") as asking:
        for host, status in (("asked.council.example", 404), ("localhost", 404), ("rebound.example", 421)):
            headers = {"host": host, "x-forwarded-for": "192.0.2.7"}
            assert (await asking.get("/answer/x", headers=headers)).status_code == status
        for path in ("/", "/exceptions", "/documents/x"):
            headers = {"host": "asked.council.example", "x-forwarded-for": "192.0.2.7"}
            assert (await asking.get(path, headers=headers)).status_code in {403, 421}


@pytest.mark.parametrize("store", ["sqlite"])
@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "0.0.0.0:8080"])
@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Envoy-Internal", "X-Real-IP"]
)
async def test_no_page_opens_through_a_proxy_on_this_machine(house: House, listen: str, header: str) -> None:
    async with at(listen, house, "127.0.0.1") as asking:
        assert (await asking.get("/", headers={header: "192.0.2.7"})).status_code == 403
        assert (await asking.get("/healthz", headers={header: "192.0.2.7"})).status_code == 200
