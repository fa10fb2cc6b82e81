"""A real Jupyter server with our extension as a process, for tests of what talks to it by HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_modama.testing.accounts import Account, _python
from jupyter_modama.testing.running_hub import PACKAGES

TOKEN = "a-token-for-tests"  # noqa: S105 - of a server that lives as long as a test
STARTS_WITHIN_S = 120.0
# The accounts of tests cannot enter the home of whoever runs them, where a Python can lie; so its packages are named.
START = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from jupyter_server.serverapp import main; sys.exit(main())"
)


@dataclass(frozen=True, slots=True)
class Served:
    """A server: its address, that of its API without `/api`, and the process."""

    url: str
    process: subprocess.Popen[bytes]
    token: str = TOKEN

    @property
    def modama(self) -> str:
        return f"{self.url}modama"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def served(
    root: Path,
    folder: Path,
    port: int = 0,
    environ: Mapping[str, str] | None = None,
    account: Account | None = None,
) -> Iterator[Served]:
    """A Jupyter server on a data tree, with its files in a folder, of whoever runs this or of an account.

    It ends with the block.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_modama": True},
            "port": port,
            "port_retries": 0,
            "ip": "127.0.0.1",
            "open_browser": False,
            "allow_root": True,
            "root_dir": str(folder),
        },
        "IdentityProvider": {"token": TOKEN},
        "ModamaExtension": {"root": str(root)},
    }
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "jupyter_server", "--config", str(folder / "config.json")]
    person: dict[str, Any] = {}
    if account is not None:
        command = [_python(), "-I", "-c", START, PACKAGES, "--config", str(folder / "config.json")]
        person = {"user": account.uid, "group": account.gid, "extra_groups": account.groups}
        os.chown(folder, account.uid, account.gid)
    own = {name: str(folder / name.lower()) for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            **person,
            env={**os.environ, **own, "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), **(environ or {})},
        )
    try:
        found = Served(f"http://127.0.0.1:{port}/", process)
        _await(found, folder / "log")
        yield found
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(found: Served, log: Path) -> None:
    request = urllib.request.Request(f"{found.modama}/api/status", headers={"Authorization": f"token {found.token}"})  # noqa: S310 - the test's own
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and found.process.poll() is None:
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text('utf-8', 'replace')[-3000:]}")
