"""Talking HTTP to LiberTEM: through the Jupyter server's proxy, or straight to its socket."""

from __future__ import annotations

import json
import socket as sockets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.netutil import Resolver
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from jupyter_modama.core.errors import TimedOut
from jupyter_modama.libertem.proxy import NAME

NO_ANSWER = 599
FORWARDED = ("Authorization", "Cookie", "X-XSRFToken")  # what shows the Jupyter server who asks
EVERYWHERE = {"", "*", "0.0.0.0", "::", "localhost"}  # noqa: S104  (names to compare with, nothing is bound)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; status 599 says that nobody answered."""

    status: int
    body: bytes = b""
    location: str = ""

    def json(self) -> dict[str, Any]:
        """The body, or an empty object when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Channel:
    """Requests to the LiberTEM at `base` (ends with a slash); over `socket` when that is given."""

    base: str
    headers: Mapping[str, str] = field(default_factory=dict)
    socket: Path | None = None
    check_certificate: bool = True

    async def request(self, method: str, path: str, body: Any = None, *, limit_s: float = 20.0) -> Answer:
        """Send `body` as JSON and give back what came. Raises: TimedOut after `limit_s`."""
        request = HTTPRequest(
            self.base + path,
            method=method,
            headers=HTTPHeaders({"Content-Type": "application/json", **self.headers}),
            body=None if body is None else json.dumps(body).encode(),
            allow_nonstandard_methods=True,
            follow_redirects=False,
            connect_timeout=min(limit_s, 20.0),
            request_timeout=limit_s,
            validate_cert=self.check_certificate,
        )
        resolver = UnixResolver(socket_path=self.socket) if self.socket else None
        client = SimpleAsyncHTTPClient(force_instance=True, **({"resolver": resolver} if resolver else {}))
        try:
            response = await client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise TimedOut(what="LiberTEM", limit_s=round(limit_s)) from None
        except (HTTPClientError, StreamClosedError, OSError):
            return Answer(NO_ANSWER)
        finally:
            client.close()
        if isinstance(response.error, HTTPTimeoutError):
            raise TimedOut(what="LiberTEM", limit_s=round(limit_s))
        return Answer(response.code, response.body or b"", response.headers.get("Location", ""))


class UnixResolver(Resolver):
    """Leads every name to one unix socket."""

    def initialize(self, socket_path: Path) -> None:
        self.socket_path = socket_path

    async def resolve(self, host: str, port: int, family: sockets.AddressFamily = sockets.AF_UNSPEC) -> Any:
        return [(sockets.AF_UNIX, str(self.socket_path))]


def through_server(handler: Any) -> Channel:
    """The way through the Jupyter server that `handler` (a JupyterHandler) belongs to, as the one who asks it."""
    headers = {name: handler.request.headers[name] for name in FORWARDED if name in handler.request.headers}
    if token := handler.get_argument("token", default=""):
        headers["Authorization"] = f"token {token}"
    url = urlsplit(handler.serverapp.local_url)
    path = handler.base_url.rstrip("/") + f"/{NAME}/"
    if url.scheme.endswith("+unix"):
        return Channel(f"http://localhost{path}", headers, Path(unquote(url.netloc)))
    ip = handler.serverapp.ip
    host = "127.0.0.1" if ip in EVERYWHERE else f"[{ip}]" if ":" in ip else ip
    # the certificate is for the name that people see, and this is the server talking to itself
    return Channel(f"{url.scheme}://{host}:{url.port}{path}", headers, check_certificate=False)


def straight(socket: Path) -> Channel:
    """The way to a LiberTEM whose socket is known."""
    return Channel("http://localhost/", {}, socket)
