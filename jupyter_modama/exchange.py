"""One exchange with a service by HTTP: a request, and its answer or the error that it stands for.

A token goes to one address and nowhere else: redirects are not followed. Each request has a connection of its own, so
that many threads can ask.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from jupyter_modama.core import version
from jupyter_modama.core.addresses import checked_address
from jupyter_modama.core.errors import (
    ModamaError,
    NotSignedIn,
    TokenRefused,
    Unreachable,
    VersionMismatch,
    from_problem,
    printable,
)
from jupyter_modama.core.model import Via
from jupyter_modama.core.operations import OPERATIONS
from jupyter_modama.core.shapes import Misshapen, shaped

CONNECT_S = 10.0
LARGEST_ANSWER = 256 << 20
UNSURE = "; whether this was still done cannot be known, so please look before you try again"
AWAY = {502, 503, 504}  # what a proxy says of a service that is not there, in words of its own

Opened = Callable[[socket.socket], None]
Response = http.client.HTTPResponse


class Exchange:
    """The way to one service, for the person of one token."""

    def __init__(self, address: str, token: str, via: Via) -> None:
        """Raises: Invalid for an address that is none."""
        self.address = checked_address(address)
        self.token, self.via = token, via
        self.version = ""  # of the service, as its last answer said
        parts = urlsplit(self.address)
        self._host, self._port = parts.hostname or "", parts.port
        self._base = f"{parts.path}/api/"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    @contextmanager
    def asked(
        self,
        method: str,
        name: str,
        body: bytes | None = None,
        *,
        limit_s: float,
        headers: dict[str, str] | None = None,
        opened: Opened | None = None,
    ) -> Iterator[Response]:
        """The response to a request, where it is a good one. Raises: ModamaError for every other."""
        sent = False
        connection = self._connection()
        with closing(connection):
            try:
                connection.connect()
                connection.sock.settimeout(limit_s)
                if opened is not None:
                    opened(connection.sock)
                sent = True
                connection.request(method, self._base + name, body, {**self._headers(body), **(headers or {})})
                response = connection.getresponse()
                self.version = response.getheader("Modama-Version") or self.version
                with closing(response):
                    if response.status >= 300:
                        raise self._refusal(response, name)
                    yield response
            except (OSError, http.client.HTTPException) as error:
                why = _in_words(error, limit_s) + (UNSURE if sent and changes(name) else "")
                raise self.unreachable(why) from error

    def json(self, response: Response, name: str = "") -> Any:
        """The JSON values in an answer. Raises: Unreachable."""
        body = response.read(LARGEST_ANSWER + 1)
        try:
            if len(body) > LARGEST_ANSWER:
                raise ValueError("it is too large")
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.unreachable("its answer cannot be read" + (UNSURE if changes(name) else "")) from error

    def shaped(self, kind: Any, value: Any) -> Any:
        """The value of a type that an answer stands for. Raises: VersionMismatch, Unreachable for something else."""
        try:
            return shaped(kind, value)
        except Misshapen as error:
            self.check_version()
            raise self.unreachable(f"its answer is not as expected ({error})") from error

    def check_version(self) -> None:
        """Raises: VersionMismatch where the service's last answer was of a version that does not go with this one."""
        if self.version and series(self.version) != series(version.VERSION):
            raise mismatch(self.version)

    def unreachable(self, why: str) -> Unreachable:
        """The error for a service that does not answer as it should."""
        return Unreachable(what=f"the service {self.address}", why=why)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_S)

    def _headers(self, body: bytes | None) -> dict[str, str]:
        found = {
            "Accept": "application/json",
            "Authorization": f"token {self.token}",
            "User-Agent": f"jupyter-modama/{version.VERSION}",
            "Modama-Version": version.VERSION,
            "Modama-Via": self.via.value,
        }
        return found if body is None else found | {"Content-Type": "application/json"}

    def _refusal(self, response: Response, name: str) -> ModamaError:
        """What an answer that is none means: the service's own words, or those of whatever stands before it."""
        kind = (response.getheader("Content-Type") or "").split(";")[0].strip().lower()
        if kind == "application/problem+json":
            problem = self.json(response)
            if isinstance(problem, dict):
                return self._said(from_problem(problem), name)
        if 300 <= response.status < 400:
            where = printable(response.getheader("Location") or "elsewhere")[:200]
            return self.unreachable(f"it sends us to {where}; is its address right?")
        if response.status in {401, 403}:
            return TokenRefused(service=self.address)
        if response.status in AWAY:
            return self.unreachable("it is not running at the moment")
        if response.status == 404:
            return self.unreachable("there is nothing of MODAMA at this address")
        return self.unreachable(f"the web server there says {response.status} {response.reason}")

    def _said(self, error: ModamaError, name: str) -> ModamaError:
        """An operation that the service does not know is one of another version; who is not signed in has no token."""
        if type(error) is NotSignedIn:
            return TokenRefused(service=self.address)
        if f"operation “{name}”" in str(error):
            try:
                self.check_version()
            except VersionMismatch as other:
                return other
        return error


def changes(name: str) -> bool:
    """Whether an operation of this name changes something."""
    row = OPERATIONS.get(name)
    return row is not None and row.changes


def _in_words(error: Exception, limit_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"no answer came within {limit_s:.0f} s"
    if isinstance(error, socket.gaierror):
        return "there is no machine of that name"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection broke off"


def series(release: str) -> str:
    """What has to be equal for two parts to go together: the first two numbers."""
    return ".".join(release.split(".")[:2])


def mismatch(found: str) -> VersionMismatch:
    """The error for a service of another version."""
    own = version.VERSION
    step = (
        "restart your server from the hub's control panel, or bring this installation to that version"
        if _numbers(found) > _numbers(own)
        else "this installation is newer; please tell your administrator"
    )
    what = "the service of this site"
    return VersionMismatch(what=what, found=series(found) or "unknown", wanted=series(own), next_step=step)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series(release).split(".") if part.isdecimal())
