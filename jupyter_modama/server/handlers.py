"""The handlers: each authenticated, each error a problem+json of one shape."""

from __future__ import annotations

import asyncio
import secrets
from http.client import responses
from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_modama.core.errors import (
    Invalid,
    ModamaError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StorageError,
    Unreachable,
)
from jupyter_modama.core.operations import Kind, Operation
from jupyter_modama.server.openapi import MakeRoot, OpenInLibertem, document
from jupyter_modama.server.room import Room
from jupyter_modama.server.wire import LARGEST_BODY, texts_from_query, to_json, wanted_from_json, wanted_from_query

HEARTBEAT_S = 15.0


class ModamaHandler(APIHandler):
    """What all handlers share."""

    auth_resource = "modama"

    def initialize(self, room: Room) -> None:
        self.room = room
        self.request_id = secrets.token_hex(6)

    def get_login_url(self) -> str:
        # @web.authenticated asks for it to redirect; programs want an answer instead
        raise NotSignedIn()

    @property
    def arguments_asked(self) -> dict[str, list[bytes]]:
        """The arguments of the address, without those that let somebody in, or only keep a browser from its cache."""
        asked: dict[str, list[bytes]] = self.request.query_arguments
        return {
            k: v for k, v in asked.items() if k not in {"token", "_xsrf", "_"} and not (k.isdecimal() and v == [b""])
        }

    def answer(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(to_json(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error in one shape; what went wrong inside stays in the log, under the request's id."""
        raised = (kwargs.get("exc_info") or (None, None, None))[1]
        error = _as_modama(raised, status_code)
        problem = error.problem(self.request_id)
        if isinstance(raised, web.HTTPError) and error.status != status_code < 500:
            problem["status"] = status_code
        self.set_status(problem["status"])
        self.finish(to_json(problem), set_content_type="application/problem+json")

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if isinstance(value, ModamaError):
            self.log.info("modama %s: %s (%s)", self.request_id, value.code, self.request.path)
        else:
            super().log_exception(kind, value, trace)


def _as_modama(raised: BaseException | None, status: int) -> ModamaError:
    if isinstance(raised, ModamaError):
        return raised
    if status == 401:
        return NotSignedIn()
    said = getattr(raised, "log_message", None) or responses.get(status, "unknown error")
    if status == 403:
        return NotAllowed(what=f"the server refused this request ({said}); please reload the page and sign in again")
    if status == 404:
        return NotFound(what="such address")
    if 400 <= status < 500:
        return Invalid(what=str(said))
    if isinstance(raised, web.HTTPError):  # of ours none is; what lets people in raises it where the hub is away
        return Unreachable(
            what="the hub",
            why="it could not be asked who you are. Nothing has been changed; please try again in a moment, and if "
            "this stays so, stop your server on the hub's control panel and start it again",
        )
    return StorageError(what="this request", why="an unexpected error inside the server, which is in its log")


class OperationHandler(ModamaHandler):
    """One row of the table of operations."""

    def initialize(self, room: Room, operation: Operation) -> None:  # type: ignore[override]
        super().initialize(room)
        self.operation = operation

    @web.authenticated
    @authorized
    async def get(self) -> None:
        if self.operation.kind is not Kind.READ:
            self.set_header("Allow", "POST")
            raise web.HTTPError(405, f"{self.operation.name} changes something, so it takes a POST")
        await self._perform(wanted_from_query(self.operation, self.arguments_asked))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        await self._perform(wanted_from_json(self.operation, self.request.body))

    async def _perform(self, wanted: Any) -> None:
        answer = await self.room.perform(self.operation, wanted)
        self.answer(answer, 202 if self.operation.kind is Kind.LONG else 200)


class StatusHandler(ModamaHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(await self.room.call(self.room.status))


class OpenApiHandler(ModamaHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(document())


class MakeRootHandler(ModamaHandler):
    """Make a data tree in the person's home, once."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        body_as(self.request.body, MakeRoot)
        if self.room.store is None:
            from jupyter_modama.site import make_home_root

            await self.room.call(make_home_root)
            self.room.open()
        self.answer(await self.room.call(self.room.status))


class PreviewHandler(ModamaHandler):
    """A picture of a file."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        found = await self.room.call(self.room.pictures.preview, texts_from_query(self.arguments_asked))
        self.set_header("X-Modama-Preview", found.facts)
        self.set_header("ETag", found.etag)
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish(set_content_type="image/png")
            return
        self.finish(found.png, set_content_type="image/png")

    def compute_etag(self) -> None:
        return None  # ours says which version of the file was shown


class FrameHandler(ModamaHandler):
    """The numbers of a frame, or of a part of it, for a viewer that draws them."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        found = await self.room.call(self.room.pictures.frame, texts_from_query(self.arguments_asked))
        self.set_header("ETag", found.etag)
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish(set_content_type="application/octet-stream")
            return
        self.finish(found.body, set_content_type="application/octet-stream")

    def compute_etag(self) -> None:
        return None  # ours says which version of the file was read


class LibertemHandler(ModamaHandler):
    """Open a file in LiberTEM and answer the address of its tab."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wanted = body_as(self.request.body, OpenInLibertem)
        self.answer(await self.room.libertem(wanted, self))


class EventsHandler(ModamaHandler):
    """The stream of events, as text/event-stream read by fetch; resumed by `Last-Event-ID`."""

    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        events = self.room.listening
        after = self.request.headers.get("Last-Event-ID", "")
        queue = events.subscribe(int(after) if after.isascii() and after.isdigit() else None)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        try:
            self.write(f": events after {events.latest}\n\n")
            await self.flush()
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                    self.write(f"id: {event.id}\nevent: {event.type}\ndata: {to_json(event).decode()}\n\n")
                except TimeoutError:
                    self.write(": still here\n\n")
                await self.flush()
        except (StreamClosedError, asyncio.CancelledError):
            pass
        finally:
            events.unsubscribe(queue)


class UnknownHandler(ModamaHandler):
    """Any other address below the API."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        raise NotFound(what=f"operation “{self.request.path.rsplit('/', 1)[-1]}”")

    post = put = delete = patch = get


def body_as(body: bytes, kind: type) -> Any:
    """A request of the server's own, from its JSON.

    Raises: Invalid.
    """
    if len(body) > LARGEST_BODY:
        raise Invalid(what=f"the request is larger than {LARGEST_BODY} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(what=f"the body of the request is not as expected: {error}") from error
