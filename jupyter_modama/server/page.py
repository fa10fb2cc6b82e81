"""A plain page made of the sidebar's own components, for people without JupyterLab's shell around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

import jupyter_modama
from jupyter_modama.core.json_ld import in_a_page

FOLDER = Path(jupyter_modama.__file__).parent / "_page"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MODAMA</title>
<link rel="stylesheet" href="{base}modama/page/assets/page.css">
</head>
<body>
<div id="modama" data-base="{base}"></div>
<script id="modama-site" type="application/json">{site}</script>
<script src="{base}modama/page/assets/page.js"></script>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
"""


def send_page(handler: JupyterHandler, site: Mapping[str, object]) -> None:
    """Answer with the page; `site` is what it begins with (`PageSite` of the interface)."""
    _ = handler.xsrf_token  # sets the cookie that the page sends back with each change
    handler.set_header("Content-Type", "text/html; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    handler.finish(PAGE.format(base=handler.base_url, site=in_a_page(site)))


class PageHandler(JupyterHandler):
    """The page itself; what it shows it asks of the API, like the sidebar."""

    auth_resource = "modama"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        send_page(self, {"page": "panel", "base": self.base_url})


class PageAssets(web.StaticFileHandler, JupyterHandler):
    """The page's script and style."""

    auth_resource = "modama"
    folder = str(FOLDER)

    @web.authenticated
    @authorized
    async def get(self, path: str, include_body: bool = True) -> None:  # type: ignore[override]
        await super().get(path, include_body)

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:  # type: ignore[override]
        await super().get(path, include_body=False)
