"""The addresses of the service, below its prefix at the hub."""

from __future__ import annotations

import re
from typing import Any

from tornado import web

from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.service import handlers
from jupyter_modama.service.room import Room

LARGEST_BODY = 1 << 20


def application(room: Room) -> web.Application:
    """The application of a service."""
    shared = {"room": room}
    api = re.escape(room.settings.prefix) + "api/"
    rows: list[tuple[str, type[web.RequestHandler], dict[str, Any]]] = [
        (api + r"openapi\.json", handlers.OpenApiHandler, shared),
        *(
            (api + re.escape(name), handlers.OperationHandler, {**shared, "operation": operation})
            for name, operation in OPERATIONS.items()
        ),
    ]
    return web.Application(rows, default_handler_class=handlers.UnknownHandler, default_handler_args=shared)
