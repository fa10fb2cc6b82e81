"""The addresses of the pages, and of what they ask."""

from __future__ import annotations

import re
from typing import Any

from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado import web

from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.service import pages
from jupyter_modama.service.page_api import PageEvents, PageOperation, PagePreview, PageStatus
from jupyter_modama.service.page_auth import oauth
from jupyter_modama.service.room import Room

ID = r"([^/]+)"
Row = tuple[str, type[web.RequestHandler], dict[str, Any]]


def page_routes(room: Room) -> list[Row]:
    """Patterns below the service's prefix, handlers, and what these get."""
    prefix, auth = re.escape(room.settings.prefix), oauth(room.settings)
    shared = {"room": room, "auth": auth}
    api = prefix + "pages/api/"
    return [
        (prefix + "?", pages.Landing, shared),
        (prefix + "sign-in", pages.SignIn, shared),
        (prefix + r"manage(?:/.*)?", pages.Plain, {**shared, "page": "manage"}),
        (prefix + r"browse(?:/(.*))?", pages.Browse, shared),
        (prefix + r"help/([a-z]+)", pages.HelpPages, shared),
        (prefix + "administration", pages.Administration, shared),
        (prefix + rf"at/{ID}(?:/(.*))?", pages.UuidPermalink, {**shared, "hints": {}}),
        (prefix + r"path/(.*)", pages.Permalink, shared),
        (prefix + "oauth_callback", _callback(auth), {}),
        (prefix + r"assets/(page\.(?:js|css))", pages.Assets, {"path": str(pages.FOLDER)}),
        (api + "status", PageStatus, shared),
        (api + "events", PageEvents, shared),
        (api + "preview", PagePreview, shared),
        *((api + re.escape(name), PageOperation, {**shared, "operation": op}) for name, op in OPERATIONS.items()),
        (prefix + r"(?!api/|pages/api/|health$|metrics$).*", pages.NothingHere, shared),
    ]


def _callback(auth: Any) -> type[web.RequestHandler]:
    """Where the hub sends people back to, as a client of ours and not as one from the environment."""
    made: type[web.RequestHandler] = type("Callback", (HubOAuthCallbackHandler,), {"_hub_auth": auth})
    return made
