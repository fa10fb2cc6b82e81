"""A real hub that is set up by `configure(c)`, for tests of who is let in: it starts no servers of people."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 90.0
# What comes after the call wins: free ports, no service, no servers.
AFTER = """
import sys
from hub_config import configure

site = configure(c)
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:groups", "read:hub"]}}
]
c.JupyterHub.default_url = "/hub/home"
{more}
"""
SITE = """
[site]
name = "here"
root = "{root}"

[services]
hub = "http://127.0.0.1:{port}"

[hub]
bind = "http://127.0.0.1:{port}"
state = "{state}"
idle_minutes = 0

[hub.sign_in]
{sign_in}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Hub:
    """A hub that runs, and what to ask it with."""

    url: str
    folder: Path
    token: str
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")

    def ask(self, path: str) -> object:
        """What the hub's API answers, None where there is no such thing."""
        headers = {"Authorization": f"token {self.token}"}
        wish = urllib.request.Request(f"{self.url}/hub/api/{path}", headers=headers)  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(wish, timeout=30) as answer:  # noqa: S310  loopback
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None


def written(folder: Path, port: int, sign_in: str, more: str = "") -> Path:
    """The site file of such a hub, and its configuration beside it."""
    root = folder / "storage"
    root.mkdir(exist_ok=True)
    file = folder / "site.toml"
    file.write_text(SITE.format(root=root, port=port, state=folder / "hub", sign_in=sign_in))
    settings = AFTER.format(hub_port=free_port(), proxy_port=free_port(), token="token-of-the-test", more=more)
    (folder / "jupyterhub_config.py").write_text(settings)
    return file


def started(folder: Path) -> subprocess.Popen[bytes]:
    """The hub's process; what it says is in `hub.log`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "MODAMA_ROOT"))}
    environment |= {
        "MODAMA_SITE": str(folder / "site.toml"),
        "PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(REPOSITORY)]),
    }
    with (folder / "hub.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def running_hub(folder: Path, port: int, sign_in: str, more: str = "") -> Iterator[Hub]:
    written(folder, port, sign_in, more)
    hub = Hub(f"http://127.0.0.1:{port}", folder, "token-of-the-test", started(folder))
    try:
        _wait_for(hub)
        yield hub
    finally:
        hub.process.send_signal(signal.SIGTERM)
        try:
            hub.process.wait(30)
        except subprocess.TimeoutExpired:
            hub.process.kill()
            hub.process.wait(30)


def _wait_for(hub: Hub) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and hub.process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{hub.url}/hub/api/", timeout=5).close()  # noqa: S310  loopback
            return
        time.sleep(0.2)
    raise RuntimeError(f"the hub did not start:\n{hub.log[-6000:]}")
