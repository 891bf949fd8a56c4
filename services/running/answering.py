"""Where a process is asked: how it gets on, its measures, and whatever an application answers besides."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp

from services.foundation import metrics
from services.foundation.trouble import DatabaseTrouble
from services.oversight.views import standing
from services.post.inbox.views import mail_standing
from services.running.process import CannotStart, Process

REQUESTS_WITHIN = 4  # seconds that requests in hand may take once the process stops
UNREACHABLE = (DatabaseTrouble, OperationalError, TimeoutError)


async def alive_answer(process: Process) -> Response:
    """200 while every part gets on."""
    stuck = process.alive()
    return JSONResponse({"alive": not stuck, **stuck}, 503 if stuck else 200)


async def ready_answer(process: Process, *, parts: bool = True) -> Response:
    """200 where work is worth sending; 503 while the process stops or cannot reach what it needs."""
    why = await process.ready(parts=parts)
    return JSONResponse({"ready": why is None, **({"why": why} if why else {})}, 503 if why else 200)


async def measures_answer(process: Process) -> Response:
    """The measures, for Prometheus; 503 while the database cannot be asked how things stand."""
    try:
        async with process.house.database.read() as db:
            now = process.house.clock.now()
            told = process.metrics.exposition(await standing(db, now), await mail_standing(db, now))
    except UNREACHABLE:
        return Response("the database does not answer\n", 503, media_type="text/plain; charset=utf-8")
    return Response(told, media_type=metrics.CONTENT_TYPE)


def health_app(process: Process) -> FastAPI:
    """The application of a process that has nothing else to answer."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def alive() -> Response:
        return await alive_answer(process)

    @app.get("/readyz")
    async def ready() -> Response:
        return await ready_answer(process)

    @app.get("/metrics")
    async def measures() -> Response:
        return await measures_answer(process)

    return app


class Server(uvicorn.Server):
    """A server that says when it takes requests, and leaves the signals to the process around it."""

    def __init__(self, app: ASGIApp, started: Callable[[], None] = lambda: None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=REQUESTS_WITHIN,
        )
        super().__init__(config)
        self.tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.tell_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Take no more requests."""
        self.should_exit = True


async def answer(process: Process, app: ASGIApp, listener: socket.socket, started: Callable[[], None]) -> None:
    """Answer requests until the process stops; `started` is called once they are taken."""
    server = Server(app, started)
    process.on_stop.append(server.stop)
    await server.serve([listener])


@contextmanager
def listening(name: str, address: str) -> Iterator[socket.socket]:
    """A socket on the address that the setting of this name holds. Raises `CannotStart`."""
    host, _, port = address.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen()
        except OSError as wrong:
            if wrong.errno == errno.EADDRINUSE:
                why = f"{address} is in use by another program: stop it, or set another port"
            else:
                why = f"{address} cannot be listened on: {wrong.strerror}"
            raise CannotStart(f"{name}: {why}") from None
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where a socket can be reached from this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # every address: one of them is near
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
