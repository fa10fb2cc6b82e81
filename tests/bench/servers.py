"""A real Jupyter server with our extension, as a person would start it, and a connection that is kept open."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.measure import Skipped

START_S = 60
EXTENSIONS = {"jupyter_modama": True, "jupyter_server_proxy": True}


class Server:
    """A running server."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    def connect(self, limit_s: float = 600) -> Connection:
        return Connection(self, limit_s)


class Connection:
    """One connection, kept open from request to request, as a browser does."""

    def __init__(self, server: Server, limit_s: float) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=limit_s)
        self._headers = {"Authorization": f"token {server.token}"}

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None)

    def call(self, operation: str, **wanted: Any) -> Any:
        """The answer of one of our operations."""
        return json.loads(self._ask("POST", f"/modama/api/{operation}", json.dumps(wanted).encode()))

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        self._http.request(method, path, body, self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise Skipped(f"{path} answers {answer.status}: {content[:300].decode(errors='replace')}")
        return content

    def close(self) -> None:
        self._http.close()


@contextmanager
def server(root: Path, **variables: str) -> Iterator[Server]:
    """A server on the tree below `root`, with a home of its own; stopped afterwards."""
    own = Path(tempfile.mkdtemp(prefix="modama-bench-home-"))
    port, token = free_port(), secrets.token_hex(16)
    folders = {f"XDG_{kind}_HOME": str(own / kind.lower()) for kind in ("STATE", "CACHE", "DATA", "CONFIG")}
    env = {**os.environ, **folders, "HOME": str(own), "TMPDIR": str(own), "MODAMA_ROOT": str(root)}
    env |= {"JUPYTER_TOKEN": token, **variables}
    flags = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
    flags += [f"--ServerApp.root_dir={root}", f"--ServerApp.jpserver_extensions={EXTENSIONS}"]
    with open(own / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *flags], env=env, cwd=own, stdout=log, stderr=log
        )
    try:
        running = Server(port, token)
        _wait(running, process, own / "log")
        yield running
    finally:
        _stop(process)
        shutil.rmtree(own, ignore_errors=True)


def _wait(running: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            connection = running.connect(5)
            connection.get("/api/status")
            connection.close()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    raise Skipped(f"the Jupyter server does not start: {log.read_text(errors='replace')[-500:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(sent)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                continue


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
