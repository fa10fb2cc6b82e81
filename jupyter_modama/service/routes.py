"""The addresses of the service, below its prefix at the hub."""

from __future__ import annotations

import re
from typing import Any

from tornado import web

from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.service import handlers
from jupyter_modama.service.page_auth import cookie_secret
from jupyter_modama.service.page_routes import page_routes
from jupyter_modama.service.room import Room

LARGEST_BODY = 2 << 20  # what is larger than the 1 MiB of an operation is answered in words, up to this

Row = tuple[str, type[web.RequestHandler], dict[str, Any]]


def application(room: Room) -> web.Application:
    """The application of a service."""
    return web.Application(
        rows(room),
        default_handler_class=handlers.UnknownHandler,
        default_handler_args={"room": room},
        cookie_secret=cookie_secret(room.settings.state),
    )


def rows(room: Room) -> list[Row]:
    """Patterns, their handlers and what these get."""
    shared, prefix = {"room": room}, re.escape(room.settings.prefix)
    fixed: list[Row] = [
        (rf"{prefix}api/status", handlers.StatusHandler, shared),
        (rf"{prefix}api/openapi\.json", handlers.OpenApiHandler, shared),
        (rf"{prefix}api/events", handlers.EventsHandler, shared),
        (rf"{prefix}health", handlers.HealthHandler, shared),
        (rf"{prefix}metrics", handlers.MetricsHandler, shared),
    ]
    of_table: list[Row] = [
        (rf"{prefix}api/{re.escape(name)}", handlers.OperationHandler, {**shared, "operation": operation})
        for name, operation in OPERATIONS.items()
    ]
    return [*fixed, *of_table, *page_routes(room)]
