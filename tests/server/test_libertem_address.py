"""The address of LiberTEM in a server as people start it: with Jupyter's own defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_modama.libertem.proxy import NAME

pytestmark = pytest.mark.usefixtures("http_server")


@pytest.fixture
def jp_server_config(root: Path) -> dict[str, Any]:
    # Without `allow_unauthenticated_access`, under which Jupyter itself would refuse what a handler lets through.
    extensions = {"jupyter_modama": True, "jupyter_server_proxy": True}
    return {"ServerApp": {"jpserver_extensions": extensions}, "ModamaExtension": {"root": str(root)}}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "/", "/api/config/", "/api/datasets/x/", "/../modama-libertem/"])
async def test_nobody_reaches_libertem_without_a_token(jp_serverapp: Any, path: str, method: str) -> None:
    """A stranger is sent to the login or refused, and no LiberTEM is started for them."""
    body = "{}" if method in {"POST", "PUT", "PATCH"} else None
    response = await AsyncHTTPClient().fetch(
        f"{jp_serverapp.connection_url}{NAME}{path}",
        raise_error=False,
        method=method,
        body=body,
        follow_redirects=False,
    )
    if response.code == 302:
        assert "/login" in response.headers["Location"]
    else:
        assert response.code in {401, 403, 404, 405}
    assert b"LiberTEM" not in response.body


async def test_nobody_listens_to_libertem_without_a_token(jp_serverapp: Any) -> None:
    """Its web socket is refused, too."""
    address = f"{jp_serverapp.connection_url}{NAME}/api/events/".replace("http", "ws", 1)
    with pytest.raises(HTTPClientError, match=r"HTTP 40[13]"):
        await websocket_connect(HTTPRequest(address))


async def test_the_proxy_is_there(jp_serverapp: Any) -> None:
    """What the tests above are refused is LiberTEM's address, not one that leads nowhere."""
    known = jp_serverapp.extension_manager.extensions["jupyter_server_proxy"]
    assert known.enabled
    token = f"token {jp_serverapp.identity_provider.token}"
    response = await AsyncHTTPClient().fetch(
        f"{jp_serverapp.connection_url}server-proxy/servers-info", headers={"Authorization": token}
    )
    assert NAME.encode() in response.body
