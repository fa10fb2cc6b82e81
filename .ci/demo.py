"""Start JupyterLab on the demo's storage with the sidebar open, and print its address.

    python .ci/demo.py .demo

Everything it keeps (token, workspace, settings) lies in that folder, so starting it again shows the same place.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
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
    wish = WishToEnd()
    # Lab is in a session of its own: what the terminal sends is for us alone, and Lab ends once, in order.
    with subprocess.Popen(command, env=environment(folder), stdin=subprocess.DEVNULL, start_new_session=True) as lab:
        if answers(port, lab, wish):
            print(
                f"\n  The demo is ready. Open this address in a browser:\n\n    http://127.0.0.1:{port}/lab?token={token}\n"
            )
            print("  Ctrl-C here stops everything; `make demo` starts it again with the same data.\n", flush=True)
        wish.wait(lab)
        return end(lab, port, token)


class WishToEnd:
    """Ctrl-C, `kill`, or that the window of the terminal was closed."""

    def __init__(self) -> None:
        self.is_told = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks for that
                signal.signal(number, self.tell)

    def tell(self, *_: object) -> None:
        self.is_told = True

    def wait(self, lab: subprocess.Popen[bytes]) -> None:
        """Wait for it, or for Lab to end by itself."""
        window = select.poll()
        if sys.stdin is not None and sys.stdin.isatty():
            window.register(sys.stdin, 0)  # `make` as the first program of a window keeps the hang-up signal to itself
        while lab.poll() is None and not self.is_told:
            if window.poll(200):
                self.tell()


def end(lab: subprocess.Popen[bytes], port: int, token: str) -> int:
    """End Lab, the gentle way first; its exit code."""
    if lab.poll() is None:
        shut_down(lab, port, token)
    for force in (lab.terminate, lab.kill):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return lab.wait(20)
        force()
    return lab.wait()


def shut_down(lab: subprocess.Popen[bytes], port: int, token: str) -> None:
    """Ask the server to stop its kernels and terminals and then itself, or where it does not answer yet, stop it.

    Never a signal first: once LiberTEM was started a handler of jupyter-server-proxy takes signals, and leaves the
    kernels to notice by themselves.
    """
    address, headers = f"http://127.0.0.1:{port}/api/shutdown", {"Authorization": f"token {token}"}
    wish = urllib.request.Request(address, method="POST", headers=headers)
    try:
        urllib.request.urlopen(wish, timeout=10).close()  # noqa: S310  loopback
    except OSError:
        lab.terminate()


def answers(port: int, lab: subprocess.Popen[bytes], wish: WishToEnd) -> bool:
    """Wait until the server takes connections; false where it ended before, or shall end."""
    while lab.poll() is None and not wish.is_told:
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
