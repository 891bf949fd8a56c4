"""The web application: the door, the pages, and what is asked of a process (alive, ready, measures)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.foundation.servers import is_loopback
from services.running.answering import UNREACHABLE, alive_answer, measures_answer, ready_answer
from services.running.process import Process
from services.web import (
    answer,
    answer_reports,
    documents,
    door,
    mail,
    pages,
    record,
    record_filed,
    record_pages,
    records,
)
from services.web.answer_link import NotOpened
from services.web.door import RETRY_AFTER, AtDoor, Problem, problem_response
from services.web.record_link import Closed

log = structlog.get_logger()

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": pages.STRICT,
}
MACHINES = ("/events", "/healthz", "/readyz", "/metrics")  # they say nothing of people, or ask for a token
ELSEWHERE = (
    "The pages are about children and there is no sign-in yet, so they open only in a browser on the machine where "
    "Quorate runs. From another one, forward a port to it (ssh -L 8080:127.0.0.1:8080, or kubectl port-forward) and "
    "open http://127.0.0.1:8080/."
)
# By a link that is a secret of its reader's, and what such a page looks like.
OPEN = (answer.PREFIX, *record_pages.PREFIXES, "/assets/")
# How what a proxy adds begins.
PASSED_ON = (
    *("forwarded", "via", "x-envoy-", "x-forwarded-", "x-real-ip", "x-client-ip", "x-original-", "x-cluster-client-ip"),
    *("true-client-ip", "cf-", "fastly-", "l5d-"),
)


def make_app(process: Process) -> FastAPI:
    """The application on an open house."""
    # A redirect to the same address with or without a slash would be made of the Host header, and hold a link whole.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.process = process
    app.include_router(door.router)
    app.include_router(pages.router)
    app.include_router(mail.router)
    app.include_router(answer.router)
    app.include_router(answer_reports.router)
    app.include_router(record.router)
    app.include_router(record_filed.router)
    app.include_router(documents.router)
    app.include_router(records.router)
    app.add_api_route("/healthz", alive)
    app.add_api_route("/readyz", ready)
    app.add_api_route("/metrics", measures)
    app.mount("/assets", StaticFiles(directory=pages.ASSETS), name="assets")
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(NotOpened, _on_closed_link)
    app.add_exception_handler(Closed, _on_closed_record)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_wrong_address)
    app.add_middleware(Guard, process=process)
    return app


async def alive(process: AtDoor) -> Response:
    """Whether every part of this process gets on."""
    return await alive_answer(process)


async def ready(process: AtDoor) -> Response:
    """Whether requests are worth sending: that depends on the database alone."""
    return await ready_answer(process, parts=False)


async def measures(process: AtDoor) -> Response:
    """The measures, for Prometheus."""
    return await measures_answer(process)


def _for_a_person(request: Request) -> bool:
    return request.url.path not in MACHINES and request.method in {"GET", "HEAD"}


def _answer(request: Request, problem: Problem) -> Response:
    """A problem as whoever asked can read it: a page for a person, JSON for a program."""
    if request.url.path.startswith(answer.PREFIX):
        return answer.show_problem(door.process_of(request), problem)
    if request.url.path.startswith(record_pages.PREFIXES):
        return record_pages.show_problem(door.process_of(request), problem)
    if not _for_a_person(request):
        return problem_response(problem)
    page = pages.render("problem.html", status=problem.status, here="", title=problem.title, detail=problem.detail)
    page.headers.update(problem.headers)
    return page


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(request, error)


async def _on_closed_link(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotOpened)
    return answer.show_closed(door.process_of(request), error)


async def _on_closed_record(request: Request, error: Exception) -> Response:
    assert isinstance(error, Closed)
    return record_pages.show_closed(door.process_of(request), error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        problem = Problem(404, "Page not found", "Check the address: there is no such page.", headers)
    elif error.status_code == 405:
        problem = Problem(405, "Not allowed", "This address does not take that method.", headers)
    else:
        problem = Problem(error.status_code, "Not possible", "The request could not be answered.", headers)
    return _answer(request, problem)


async def _on_wrong_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    names = sorted({str(each["loc"][-1]) for each in error.errors()})
    return _answer(request, Problem(400, "The address is not right", f"Check this part of it: {', '.join(names)}."))


class Guard:
    """Around everything: who may ask, what every answer carries, and what is noted of it.

    Pages are about children and there is no sign-in yet, so they open on this machine alone, whatever address is
    listened on: to a request that comes from here, for here, and was not passed on by a proxy. What machines ask for,
    and the pages that open by a link, are answered to others only where the settings name an address that others can
    reach: to listen on, or for links to begin with. Where they name none, a request for any other host than this one is
    refused, so that no page elsewhere can reach this one through a name that it has pointed here.
    """

    def __init__(self, app: ASGIApp, process: Process) -> None:
        self.app, self.metrics = app, process.metrics
        listen = process.house.settings.listen
        self.for_others = not is_loopback(listen.rpartition(":")[0].strip("[]"))
        self.public_host = urlsplit(process.house.settings.public_url or "").hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id = uuid4().hex
        begun = time.monotonic()
        status: int | None = None

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_headers(message["headers"], request.state.request_id)}
            await send(message)

        try:
            refusal = self._refusal(request)
            await (refusal or self.app)(scope, receive, guarded)
        except Exception as error:
            problem = self._note(error, request)
            if status is not None:
                raise
            await _answer(request, problem)(scope, receive, guarded)
        finally:
            self._count(scope, status, begun)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not come in; None for one that may."""
        host, path = _host(request), request.scope["path"]
        of_this_host = is_loopback(host)
        is_open = path.startswith(OPEN)
        if not (of_this_host or self.for_others or (is_open and host == self.public_host)):
            detail = "Quorate answers to localhost, 127.0.0.1 and [::1] alone"
            return problem_response(Problem(421, "Not this host", detail))
        if is_open or path in MACHINES or (of_this_host and _from_here(request)):
            return None
        return _answer(request, Problem(403, "Pages open on this machine only", ELSEWHERE))

    def _note(self, error: Exception, request: Request) -> Problem:
        if isinstance(error, UNREACHABLE):
            log.warning("database_unreachable", request_id=request.state.request_id, exc_info=error)
            again = {"Retry-After": RETRY_AFTER}
            return Problem(503, "Not available now", "The database cannot be reached or is busy: try again.", again)
        log.error("request_failed", request_id=request.state.request_id, exc_info=error)
        detail = f"Something went wrong here. It is noted in the log as {request.state.request_id}."
        return Problem(500, "Sorry, there is a problem", detail)

    def _count(self, scope: Scope, status: int | None, begun: float) -> None:
        """Note a request by its route alone: addresses hold ids and what people looked for."""
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.requests.labels(route, str(status)).inc()
        took = round((time.monotonic() - begun) * 1000)
        request_id = scope["state"]["request_id"]
        log.info(
            "http_request",
            request_id=request_id,
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=took,
        )


def _host(request: Request) -> str:
    """The name or number in the Host header, without the port."""
    host = request.headers.get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _from_here(request: Request) -> bool:
    """Whether the one who asks is on this machine: the other end of the connection is, and it speaks for itself."""
    passed_on = any(name.startswith(PASSED_ON) for name in request.headers)
    return request.client is not None and is_loopback(request.client.host) and not passed_on


def _with_headers(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those that every answer carries, as far as it has none of its own."""
    own = {name.lower() for name, _ in headers}
    added = {**HEADERS, "x-request-id": request_id}
    return [*headers, *((n.encode(), v.encode()) for n, v in added.items() if n.encode() not in own)]
