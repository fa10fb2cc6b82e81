"""The handlers: who asks by the `Authorization` header alone, each error a problem+json of one shape."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from http.client import responses
from typing import Any

from tornado import web
from tornado.iostream import StreamClosedError

import jupyter_modama
from jupyter_modama.core.errors import (
    Invalid,
    ModamaError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StorageError,
    TooManyRequests,
    Unreachable,
    VersionMismatch,
    printable,
)
from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import Kind, Operation
from jupyter_modama.server.openapi import contract, document
from jupyter_modama.server.wire import to_json, wanted_from_json, wanted_from_query
from jupyter_modama.service.auth import Caller, token_in
from jupyter_modama.service.events import Listener
from jupyter_modama.service.observing import FACTS
from jupyter_modama.service.room import Room

HEARTBEAT_S = 15.0
WITHOUT_HUB_S = 300.0  # a stream goes on so long while the hub cannot say whether its token is still good
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOG = logging.getLogger("modama.service")


class ServiceHandler(web.RequestHandler):
    """What all handlers share."""

    name = "other"  # in the log and the numbers

    def initialize(self, room: Room) -> None:
        self.room = room
        said = self.request.headers.get("X-Request-Id", "")
        self.request_id = said if _REQUEST_ID.fullmatch(said) else secrets.token_hex(8)
        self.actor: Actor | None = None
        self.problem = ""
        self.set_header("X-Request-Id", self.request_id)

    def set_default_headers(self) -> None:
        for name, value in (
            ("Server", "modama"),
            ("Modama-Version", jupyter_modama.__version__),
            ("Modama-Contract", contract()),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ):
            self.set_header(name, value)
        if hasattr(self, "request_id"):  # tornado clears the headers before it answers an error
            self.set_header("X-Request-Id", self.request_id)

    async def caller(self) -> Caller:
        """Whose token this is. Raises: NotSignedIn, Unreachable."""
        return await self.room.hub.caller(token_in(self.request.headers.get("Authorization", "")))

    async def signed_in(self) -> tuple[Caller, Actor]:
        """Who asks. Raises: NotSignedIn, NotAllowed, TooManyRequests, Unreachable."""
        caller, headers = await self.caller(), self.request.headers
        via, behalf = headers.get("Modama-Via", ""), headers.get("Modama-On-Behalf-Of", "")
        self.actor = await self.room.actor(caller, via, behalf)
        return caller, self.actor

    def answer(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(to_json(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error in one shape; what went wrong inside stays in the log, under the request's id."""
        raised = (kwargs.get("exc_info") or (None, None, None))[1]
        error = as_error(raised, status_code)
        problem = error.problem(self.request_id)
        if isinstance(raised, web.HTTPError):
            problem["status"] = status_code
        self.problem = error.code
        self.set_status(problem["status"])
        self.set_header("Content-Type", "application/problem+json")
        if isinstance(error, TooManyRequests):
            self.set_header("Retry-After", str(error.facts.get("retry_after_s", 1)))
        if status_code == 405 and isinstance(self, OperationHandler):
            self.set_header("Allow", "POST")
        if error.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.finish(to_json(problem))

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if not isinstance(value, (ModamaError, web.HTTPError)):
            _LOG.error("", exc_info=(kind, value, trace), extra={FACTS: {"request": self.request_id}})

    def on_finish(self) -> None:
        """One line and the numbers of each request; no address, which could hold more than it should."""
        status, took_s = self.get_status(), self.request.request_time()
        facts = {
            "request": self.request_id,
            "op": self.name,
            "method": self.request.method,
            "status": status,
            "ms": round(took_s * 1000),
            "who": self.actor.person.login if self.actor else "",
            "for": self.actor.on_behalf_of if self.actor else "",
            "via": self.actor.via.value if self.actor else "",
            "problem": self.problem,
        }
        _LOG.info("", extra={FACTS: {name: value for name, value in facts.items() if value != ""}})
        numbers = self.room.numbers
        numbers.requests.labels(self.name, status).inc()
        if self.name != "events":
            numbers.seconds.labels(self.name).observe(took_s)
        if self.problem:
            numbers.problems.labels(self.problem).inc()


def as_error(raised: BaseException | None, status: int) -> ModamaError:
    """The error of ours that an exception means to a person."""
    if isinstance(raised, ModamaError):
        return raised
    if status == 401:
        return NotSignedIn()
    said = printable(getattr(raised, "log_message", None) or responses.get(status, "unknown error"))
    if status == 403:
        return NotAllowed(what=f"the service refused this request ({said})")
    if status == 404:
        return NotFound(what="such address")
    if 400 <= status < 500:
        return Invalid(what=said)
    return StorageError(what="this request", why="an unexpected error inside the service, which is in its log")


class OperationHandler(ServiceHandler):
    """One row of the table of operations."""

    def initialize(self, room: Room, operation: Operation) -> None:  # type: ignore[override]
        super().initialize(room)
        self.operation, self.name = operation, operation.name

    async def get(self) -> None:
        if self.operation.kind is not Kind.READ:
            raise web.HTTPError(405, f"{self.operation.name} changes something, so it takes a POST")
        await self._perform(lambda: wanted_from_query(self.operation, self.request.query_arguments))

    async def post(self) -> None:
        await self._perform(lambda: wanted_from_json(self.operation, self.request.body))

    async def _perform(self, read: Callable[[], Any]) -> None:
        caller, actor = await self.signed_in()
        self.room.admit(caller, actor, self.operation)
        try:
            wanted = read()
        except Invalid as error:
            raise other_version(self) or error from error
        status, answer = await self.room.perform(self.operation, wanted, actor)
        self.answer(answer, status)


def other_version(handler: web.RequestHandler) -> VersionMismatch | None:
    """Why a request is not understood, where a program asks that is of another version than this."""
    said = handler.request.headers.get("Modama-Contract", "")
    if not said or said == contract():
        return None
    version = handler.request.headers.get("Modama-Version", "")
    return VersionMismatch(
        what="the program that asks",
        found=version if re.fullmatch(r"[0-9A-Za-z.+-]{1,40}", version) else "another one",
        wanted=jupyter_modama.__version__,
        next_step="stop your server on the hub's control panel and start it again, so that it is of the service's "
        "version; if this stays so, tell your administrator",
    )


class StatusHandler(ServiceHandler):
    name = "status"

    async def get(self) -> None:
        self.answer(await self.room.status(*await self.signed_in()))


class OpenApiHandler(ServiceHandler):
    name = "openapi"

    async def get(self) -> None:
        await self.signed_in()
        self.answer(document())


class HealthHandler(ServiceHandler):
    """For whoever watches over the service, without a token."""

    name = "health"

    async def get(self) -> None:
        found = await self.room.health()
        self.answer(found, 200 if found.status == "fine" else 503)


class MetricsHandler(ServiceHandler):
    """The numbers, for tokens with the hub's own scope for that."""

    name = "metrics"
    scope = "read:metrics"

    async def get(self) -> None:
        caller = await self.caller()
        if not caller.has(self.scope):
            raise NotAllowed(what=f"the numbers of the service are shown to tokens with the permission {self.scope}")
        await self.room.health()
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.room.numbers.text())


class EventsHandler(ServiceHandler):
    """The stream of events, as text/event-stream read by fetch; resumed by `Last-Event-ID`."""

    name = "events"

    async def get(self) -> None:
        _, actor = await self.signed_in()
        if actor.known_by != "hub-token":
            raise NotAllowed(what="events are for people; a delegate asks job.list with the time of its last look")
        news = self.room.news
        after = self.request.headers.get("Last-Event-ID", "")
        hears = await self.room.call(news.hears, actor)
        listener = news.subscribe(actor, int(after) if after.isascii() and after.isdigit() else None, hears)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        try:
            self.write(f": events after {news.latest}\n\n")
            await self.flush()
            await self._stream(listener)
        except (StreamClosedError, asyncio.CancelledError):
            pass
        finally:
            news.unsubscribe(listener)

    async def _stream(self, listener: Listener) -> None:
        """Until the service stops, the token is good no more, or the other end goes."""
        loop = asyncio.get_running_loop()
        closing = loop.create_task(self.room.closing.wait())
        checked = loop.time()
        try:
            while True:
                coming = loop.create_task(listener.queue.get())
                await asyncio.wait({coming, closing}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                if closing.done():
                    coming.cancel()
                    return
                if coming.done():
                    event = coming.result()
                    self.write(f"id: {event.id}\nevent: {event.type}\ndata: {to_json(event).decode()}\n\n")
                else:
                    coming.cancel()
                    self.write(": still here\n\n")
                if loop.time() - checked >= HEARTBEAT_S:
                    if not await self._still_good(loop.time() - checked):
                        return
                    checked = loop.time() if self._hub_said else checked
                await self.flush()
        finally:
            closing.cancel()

    _hub_said = True

    async def _still_good(self, silent_s: float) -> bool:
        """Whether the hub still knows the token; one that is away for a while is waited for."""
        try:
            await self.caller()
        except Unreachable:
            self._hub_said = False
            return silent_s < WITHOUT_HUB_S
        except NotSignedIn:
            return False
        self._hub_said = True
        return True


class UnknownHandler(ServiceHandler):
    """Any other address."""

    async def prepare(self) -> None:
        raise other_version(self) or NotFound(what=f"operation “{self.request.path.rsplit('/', 1)[-1][:60]}”")
