"""What the pages ask: the API of the service, for the person of the cookie."""

from __future__ import annotations

import base64
from typing import Any

import jupyter_modama
from jupyter_modama.core.entries import ShowEntry
from jupyter_modama.core.model import Actor
from jupyter_modama.core.operations import Operation
from jupyter_modama.keeper.pictures import VERBS
from jupyter_modama.server.openapi import ServiceStatus, Status, contract
from jupyter_modama.server.wire import texts_from_query
from jupyter_modama.service.auth import Caller
from jupyter_modama.service.handlers import EventsHandler, OperationHandler, ServiceHandler
from jupyter_modama.service.page_auth import ByCookie
from jupyter_modama.service.room import Room

PREVIEW = VERBS[1]


class PageOperation(ByCookie, OperationHandler):
    """One row of the table of operations."""

    def initialize(self, room: Room, auth: Any, operation: Operation) -> None:  # type: ignore[override]
        super().initialize(room, operation)
        self.hub_auth = auth


class PageRequest(ByCookie, ServiceHandler):
    """What the others share."""

    def initialize(self, room: Room, auth: Any) -> None:  # type: ignore[override]
        super().initialize(room)
        self.hub_auth = auth


class PageStatus(PageRequest):
    """What the interface asks first."""

    async def get(self) -> None:
        _, actor = await self.signed_in()
        site = self.room.site
        self.answer(
            Status(
                version=jupyter_modama.__version__,
                contract=contract(),
                mode="managed",
                site=site.name,
                root="",
                contents_root=None,
                person=actor.person,
                areas=[area.name for area in site.areas],
                previews=True,
                frames=False,
                libertem=False,
                libertem_note="LiberTEM runs in people's own servers",
                problem="",
                suggested_root="",
                service=ServiceStatus(site.managed_by, "here", ""),
                missing=[],
            )
        )


class PageEvents(ByCookie, EventsHandler):
    """News, as they come."""

    def initialize(self, room: Room, auth: Any) -> None:  # type: ignore[override]
        super().initialize(room)
        self.hub_auth = auth

    async def caller(self) -> Caller:
        """As the hub says now: a stream asks again and again. Raises: NotSignedIn, NotAllowed, Unreachable."""
        self.__dict__.pop("_cached_hub_user", None)
        return await super().caller()


class PagePreview(PageRequest):
    """A picture of a file, drawn with the person's rights."""

    async def get(self) -> None:
        _, actor = await self.signed_in()
        wanted = await self._with_path(texts_from_query(self.request.query_arguments), actor)
        shown = await self.room.call(self.room.reading.read, PREVIEW, wanted, actor)
        self.set_header("X-Modama-Preview", shown["facts"])
        self.set_header("ETag", shown["etag"])
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("Content-Type", "image/png")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.finish(base64.b64decode(shown["png"]))

    async def _with_path(self, wanted: dict[str, str], actor: Actor) -> dict[str, str]:
        found = await self.room.with_paths(ShowEntry(wanted.get("path", ""), wanted.get("path_b64", "")), actor)
        return {**wanted, "path": found.path, "path_b64": found.path_b64}

    def compute_etag(self) -> None:
        return None  # ours says which version of the file was shown
