"""The handlers: who asks by the `Authorization` header alone, each error a problem+json of one shape."""

from __future__ import annotations

import re
import secrets
from http.client import responses
from typing import Any

from tornado import web

import jupyter_modama
from jupyter_modama.core.errors import Invalid, ModamaError, NotAllowed, NotFound, NotSignedIn, StorageError
from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import Kind, Operation
from jupyter_modama.server.openapi import contract, document
from jupyter_modama.server.wire import to_json, wanted_from_json, wanted_from_query
from jupyter_modama.service.auth import Caller, token_in
from jupyter_modama.service.room import Room

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ServiceHandler(web.RequestHandler):
    """What all handlers share."""

    def initialize(self, room: Room) -> None:
        self.room = room
        said = self.request.headers.get("X-Request-Id", "")
        self.request_id = said if _REQUEST_ID.fullmatch(said) else secrets.token_hex(8)
        self.set_header("X-Request-Id", self.request_id)
        self.actor: Actor | None = None

    def set_default_headers(self) -> None:
        self.set_header("Server", "modama")
        self.set_header("Modama-Version", jupyter_modama.__version__)
        self.set_header("Modama-Contract", contract())
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    async def signed_in(self) -> tuple[Caller, Actor]:
        """Who asks. Raises: NotSignedIn, NotAllowed, Unreachable."""
        caller = await self.room.hub.caller(token_in(self.request.headers.get("Authorization", "")))
        headers = self.request.headers
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
        problem = as_error(raised, status_code).problem(self.request_id)
        if isinstance(raised, web.HTTPError):
            problem["status"] = status_code
        self.set_status(problem["status"])
        self.set_header("Content-Type", "application/problem+json")
        self.finish(to_json(problem))


def as_error(raised: BaseException | None, status: int) -> ModamaError:
    """The error of ours that an exception means to a person."""
    if isinstance(raised, ModamaError):
        return raised
    if status == 401:
        return NotSignedIn()
    said = getattr(raised, "log_message", None) or responses.get(status, "unknown error")
    if status == 403:
        return NotAllowed(what=f"the service refused this request ({said})")
    if status == 404:
        return NotFound(what="such address")
    if 400 <= status < 500:
        return Invalid(what=str(said))
    return StorageError(what="this request", why="an unexpected error inside the service, which is in its log")


class OperationHandler(ServiceHandler):
    """One row of the table of operations."""

    def initialize(self, room: Room, operation: Operation) -> None:  # type: ignore[override]
        super().initialize(room)
        self.operation = operation

    async def get(self) -> None:
        if self.operation.kind is not Kind.READ:
            self.set_header("Allow", "POST")
            raise web.HTTPError(405, f"{self.operation.name} changes something, so it takes a POST")
        await self._perform(lambda: wanted_from_query(self.operation, self.request.query_arguments))

    async def post(self) -> None:
        await self._perform(lambda: wanted_from_json(self.operation, self.request.body))

    async def _perform(self, read: Any) -> None:
        caller, actor = await self.signed_in()
        self.room.admit(caller, actor, self.operation)
        status, answer = await self.room.perform(self.operation, read(), actor)
        self.answer(answer, status)


class OpenApiHandler(ServiceHandler):
    async def get(self) -> None:
        await self.signed_in()
        self.answer(document())


class UnknownHandler(ServiceHandler):
    """Any other address."""

    async def prepare(self) -> None:
        raise NotFound(what=f"operation “{self.request.path.rsplit('/', 1)[-1][:60]}”")
