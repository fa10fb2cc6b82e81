"""The addresses of the server extension: one per operation, from the table, and the few that are no operations."""

from __future__ import annotations

from typing import Any

from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.server import handlers, transfers
from jupyter_modama.server.opening import OpenLab, OpenLibertem
from jupyter_modama.server.page import PageAssets, PageHandler
from jupyter_modama.server.room import Room


def routes(room: Room) -> list[tuple[str, type, dict[str, Any]]]:
    """Patterns below the server's base, their handlers and what these get."""
    shared = {"room": room}
    fixed: list[tuple[str, type, dict[str, Any]]] = [
        (r"/modama/api/status", handlers.StatusHandler, shared),
        (r"/modama/api/openapi\.json", handlers.OpenApiHandler, shared),
        (r"/modama/api/events", handlers.EventsHandler, shared),
        (r"/modama/api/preview", handlers.PreviewHandler, shared),
        (r"/modama/api/frame", handlers.FrameHandler, shared),
        (r"/modama/api/libertem\.open", handlers.LibertemHandler, shared),
        (r"/modama/api/root\.make", handlers.MakeRootHandler, shared),
        (r"/modama/api/upload", transfers.Upload, shared),
        (r"/modama/api/upload\.begin", transfers.UploadBegin, shared),
        (r"/modama/api/upload\.finish", transfers.UploadFinish, shared),
        (r"/modama/api/upload\.cancel", transfers.UploadCancel, shared),
        (r"/modama/api/folder\.make", transfers.FolderMake, shared),
        (r"/modama/api/download\.prepare", transfers.DownloadPrepare, shared),
        (r"/modama/api/download\.zip", transfers.DownloadZip, shared),
    ]
    of_table: list[tuple[str, type, dict[str, Any]]] = [
        (rf"/modama/api/{name.replace('.', chr(92) + '.')}", handlers.OperationHandler, {**shared, "operation": op})
        for name, op in OPERATIONS.items()
    ]
    pages: list[tuple[str, type, dict[str, Any]]] = [
        (r"/modama/page/?", PageHandler, {}),
        (r"/modama/page/assets/(.*)", PageAssets, {"path": PageAssets.folder}),
        (r"/modama/open/lab/?", OpenLab, {}),
        (r"/modama/open/libertem/?", OpenLibertem, {}),
    ]
    return [*fixed, *of_table, *pages, (r"/modama/api/.*", handlers.UnknownHandler, shared)]
