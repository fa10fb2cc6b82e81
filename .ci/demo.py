"""Start JupyterLab on the demo's storage with the sidebar open, and print its address.

    python .ci/demo.py .demo

Everything it keeps (token, workspace, settings) lies in that folder, so starting it again shows the same place.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PANEL = {"collapsed": False, "current": "modama-panel", "widgets": ["modama-panel"]}
WORKSPACE = {
    "data": {"layout-restorer:data": {"left": PANEL, "relativeSizes": [0.3, 0.7, 0]}},
    "metadata": {"id": "default"},
}
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


def main(folder: Path) -> int:
    """Run JupyterLab until it ends; Ctrl-C ends it, and with it all that it started."""
    for name in ("workspaces", "settings/@jupyterlab/apputils-extension", "config", "runtime", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    once(folder / "workspaces/default-37a8.jupyterlab-workspace", json.dumps(WORKSPACE))
    once(folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings", json.dumps(NO_NEWS))
    token = once(folder / "token", secrets.token_hex(16))
    port = free_port(int(os.environ.get("MODAMA_DEMO_PORT", "8888")))
    command = [sys.executable, "-m", "jupyterlab", *arguments(folder, token, port)]
    with subprocess.Popen(command, env=environment(folder)) as lab:
        signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to both; Lab ends, and then we do
        if answers(port, lab):
            print(
                f"\n  The demo is ready. Open this address in a browser:\n\n    http://127.0.0.1:{port}/lab?token={token}\n"
            )
            print("  Ctrl-C here stops everything; `make demo` starts it again with the same data.\n", flush=True)
        return lab.wait()


def answers(port: int, lab: subprocess.Popen[bytes]) -> bool:
    """Wait until the server takes connections; false where it ended before."""
    while lab.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.2)
    return False


def arguments(folder: Path, token: str, port: int) -> list[str]:
    """The command line of the server: loopback only, no questions asked at Ctrl-C."""
    return [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.answer_yes=True",
        "--log-level=WARN",
        f"--ServerApp.root_dir={folder}",
        "--FileContentsManager.preferred_dir=storage",
        f"--IdentityProvider.token={token}",
    ]


def environment(folder: Path) -> dict[str, str]:
    """The person's environment, with the demo's storage and its own places for what Jupyter remembers."""
    return {
        **os.environ,
        "MODAMA_ROOT": str(folder / "storage"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }


def once(path: Path, text: str) -> str:
    """The text of the file, which is written at the first start, readable by its owner alone."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def free_port(wanted: int) -> int:
    """The wanted port, or where somebody else has it, any that is free; says so."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                print(f"port {port} is in use by another program; taking a free one")
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("there is no free port on 127.0.0.1")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
