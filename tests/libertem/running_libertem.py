"""A real Jupyter server with jupyter-server-proxy and the real LiberTEM behind it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_modama.libertem.channel import Channel
from jupyter_modama.libertem.proxy import NAME

ROOT = Path(__file__).parents[2]


@dataclass
class Jupyter:
    """A running Jupyter server."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path
    temporary: Path

    @property
    def channel(self) -> Channel:
        return Channel(f"{self.url}{NAME}/", {"Authorization": f"token {self.token}"})

    @property
    def gate(self) -> int | None:
        """The process that watches LiberTEM."""
        return next((p for p in children(self.process.pid) if "jupyter_modama.libertem.start" in command(p)), None)

    @property
    def libertem(self) -> int | None:
        gate = self.gate
        return next((p for p in children(gate) if "launcher.py" in command(p)), None) if gate else None

    @property
    def socket(self) -> Path:
        words = command(self.gate or 0).split("\0")
        return Path(words[words.index("--socket") + 1])

    def get(self, path: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"token {self.token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def children(pid: int) -> list[int]:
    try:
        return [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(true: Callable[[], Any], limit_s: float = 60) -> Any:
    end = time.monotonic() + limit_s
    while not (found := true()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.05)
    return found


@contextmanager
def jupyter(folder: Path, ip: str = "127.0.0.1", **variables: str) -> Iterator[Jupyter]:
    """Start a Jupyter server of its own, with its own home and temporary folder."""
    token, port = secrets.token_hex(16), free_port(ip)
    temporary = folder / "t"
    for made in (folder / "home", temporary, folder / "files"):
        made.mkdir(parents=True)
    extensions = {"jupyter_server_proxy": True, "extension_that_opens": True}
    private = {f"XDG_{kind}_HOME": str(folder / "home" / kind.lower()) for kind in ("STATE", "CACHE", "DATA", "CONFIG")}
    env = (
        os.environ
        | private
        | {"HOME": str(folder / "home"), "TMPDIR": str(temporary), "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    )
    env |= {"JUPYTER_TOKEN": token, "JUPYTERHUB_API_TOKEN": "secret-of-the-hub"} | variables
    flags = ["--no-browser", f"--ip={ip}", f"--port={port}", "--ServerApp.port_retries=0"]
    flags += [f"--ServerApp.root_dir={folder / 'files'}", "--ServerApp.base_url=/user/m%C3%A4ssig/", "--allow-root"]
    flags += [f"--ServerApp.jpserver_extensions={extensions}"]
    log = folder / "server.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *flags], env=env, cwd=folder / "files", stdout=out, stderr=out
        )
    server = Jupyter(process, f"http://{ip}:{port}/user/m%C3%A4ssig/", token, log, temporary)
    try:
        wait_for(lambda: answers(server))
        yield server
    finally:
        stop(process)


def answers(server: Jupyter) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(server.log.read_text())
    try:
        return server.get("api/status")[0] == 200
    except OSError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(sent)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                continue
    process.wait(5)


def free_port(ip: str) -> int:
    with socket.socket() as probe:
        probe.bind((ip, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def tab(server: Jupyter) -> AsyncIterator[Callable[..., Coroutine[Any, Any, dict[str, Any]]]]:
    """What a page of LiberTEM hears: a function that waits for the next message of a type."""
    url = server.url.replace("http", "ws", 1) + f"{NAME}/api/events/"
    events = await websocket_connect(HTTPRequest(url, headers=server.channel.headers))

    async def hear(*types: str) -> dict[str, Any]:
        while True:
            message = await asyncio.wait_for(events.read_message(), 150)
            assert message is not None
            if isinstance(message, str) and (found := json.loads(message))["messageType"] in types:
                return dict(found)

    try:
        yield hear
    finally:
        events.close()
        while await events.read_message() is not None:
            pass


async def shown(server: Jupyter) -> dict[str, dict[str, Any]]:
    """The data sets that a new page of LiberTEM shows at once, by their id."""
    async with tab(server) as hear:
        state = await hear("INITIAL_STATE")
    return {one["id"]: one["params"] for one in state["datasets"]}


async def start_analysis(server: Jupyter, dataset: str) -> str:
    """Start the sum of all frames, as the page does; the id of the job."""
    analysis, compound, job = (str(uuid.uuid4()) for _ in range(3))
    put, details = server.channel.request, {"analysisType": "SUM_FRAMES", "parameters": {"roi": {}}}
    body: dict[str, Any] = {"dataset": dataset, "details": details}
    await put("PUT", f"api/compoundAnalyses/{compound}/analyses/{analysis}/", body)
    body = {"dataset": dataset, "details": {"mainType": "SUM_FRAMES", "analyses": [analysis]}}
    await put("PUT", f"api/compoundAnalyses/{compound}/", body)
    await put("PUT", f"api/jobs/{job}/", {"job": {"analysis": analysis}})
    return job


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` to its end."""
    return asyncio.run(work)
