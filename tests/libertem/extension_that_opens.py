"""A server extension that opens a file in LiberTEM as the one who asks, like the real one; run by the tests' server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem.channel import through_server
from jupyter_modama.libertem.opener import Opener


class OpenHandler(APIHandler):
    @web.authenticated
    async def get(self) -> None:
        try:
            opened = await Opener().open(Path(self.get_argument("path")), channel=through_server(self))
        except ModamaError as error:
            self.set_status(error.status)
            self.finish(error.problem())
        else:
            self.finish({"url_path": opened.url_path, "shape": list(opened.shape)})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "extension_that_opens"}]


def _load_jupyter_server_extension(app: Any) -> None:
    path = url_path_join(app.web_app.settings["base_url"], "test-open")
    app.web_app.add_handlers(".*$", [(path, OpenHandler)])
