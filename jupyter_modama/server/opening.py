"""Where links from outside arrive: Lab with the panel at a path, or a file in LiberTEM. They change no data.

<base>modama/open/lab?path=...         Lab, and the panel shows the path
<base>modama/open/libertem?path=...    a page that opens the file or folder in LiberTEM and goes there
"""

from __future__ import annotations

from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from jupyter_modama.core.errors import PathRefused
from jupyter_modama.core.paths import TreePath
from jupyter_modama.server.page import send_page

PANEL_AT = "modama-path"


class OpenHandler(JupyterHandler):
    """What both ways share: who asks, and for which path."""

    auth_resource = "modama"

    def asked_path(self) -> TreePath:
        """The path that the address names, byte by byte.

        Raises: HTTPError, which Jupyter shows as a page.
        """
        asked = self.request.query_arguments
        b64 = asked.get("path_b64", [b""])[-1].decode("ascii", "replace")
        try:
            return TreePath.parse(asked.get("path", [b""])[-1].decode("utf-8", "surrogateescape"), b64)
        except PathRefused as error:
            raise web.HTTPError(error.status, "%s", str(error)) from error


class OpenLab(OpenHandler):
    """Send to Lab; the panel there looks at what stands behind the question mark."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        path = self.asked_path()
        where = {PANEL_AT: path.shown, **({f"{PANEL_AT}_b64": path.b64} if path.b64 else {})}
        self.redirect(f"{self.base_url}lab?{urlencode(where)}")


class OpenLibertem(OpenHandler):
    """A page that asks this server to open the path, and says what goes wrong."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        path = self.asked_path()
        said = {"page": "open", "base": self.base_url, "path": path.shown, "path_b64": path.b64}
        send_page(self, said)
