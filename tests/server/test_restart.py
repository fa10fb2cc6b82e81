"""Long operations survive the server that runs them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(150)]
TOKEN = "token-of-the-restart-tests"


class Server:
    """A Jupyter server in a process of its own."""

    def __init__(self, home: Path, root: Path) -> None:
        self.home, self.root = home, root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            *[sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={self.port}"],
            *["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.home}"],
            *[f"--IdentityProvider.token={TOKEN}", "--ServerApp.jpserver_extensions={'jupyter_modama': True}"],
        ]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, "MODAMA_ROOT": str(self.root)}, stdout=log, stderr=log, cwd=self.home
            )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.ask("status")
                return
            assert self.process.poll() is None, (self.home / "server.log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def ask(self, operation: str, /, **wanted: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/modama/api/{operation}",
            data=json.dumps(wanted).encode() if operation != "status" else None,
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def until(self, session: str, state: str) -> Any:
        """The session when it has reached a state."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = self.ask("session.show", project="adhoc/p", session=session)
            if found["state"] == state:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{session} is {found['state']}, not {state}: {self.ask('job.list')}")


@pytest.fixture
def server(tmp_path: Path, root: Path) -> Iterator[Server]:
    home = tmp_path / "home"
    home.mkdir()
    running = Server(home, root)
    yield running
    running.stop()
    subprocess.run(["chattr", "-R", "-i", str(root)], check=False, capture_output=True)


def fill(root: Path, session: str) -> Path:
    """A session with one file that takes a while to hash, and no room on the disk."""
    raw = root / "adhoc/p" / session / "raw"
    raw.mkdir(parents=True)
    with (raw / "large.bin").open("wb") as file:
        file.truncate(4 << 30)
    return raw


def test_a_seal_goes_on_when_the_server_was_killed(server: Server, root: Path) -> None:
    """The server dies while it hashes; the next one finishes the seal without being asked."""
    raw = fill(root, "s")
    server.start()
    server.ask("session.seal", project="adhoc/p", session="s")
    server.until("s", "sealing")
    wait_for_phase(server, "hashing")
    server.kill()
    assert not (raw.parent / "manifest-sha256.txt").exists(), "too fast: the server was killed after the seal"
    server.start()
    sealed = server.until("s", "sealed")
    assert sealed["seal"]["files"] == 1
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=raw.parent, check=True)
    states = [job["state"] for job in server.ask("job.list", session="s")["items"]]
    assert states == ["done"], "it went on as the same job"


def test_a_cancelled_seal_stays_cancelled(server: Server, root: Path) -> None:
    """Cancelled while it hashes: protection stays, the state is interrupted, and a restart does not go on with it."""
    fill(root, "s")
    server.start()
    job = server.ask("session.seal", project="adhoc/p", session="s")["job"]
    wait_for_phase(server, "hashing")
    server.ask("job.cancel", id=job["id"])
    server.until("s", "interrupted")
    assert server.ask("job.show", id=job["id"])["state"] == "cancelled"
    server.stop()
    server.start()
    time.sleep(1.0)
    assert server.ask("session.show", project="adhoc/p", session="s")["state"] == "interrupted"
    server.ask("session.seal", project="adhoc/p", session="s")
    server.until("s", "sealed")


def wait_for_phase(server: Server, phase: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        jobs = server.ask("job.list")["items"]
        if jobs and jobs[0]["phase"] == phase:
            return
        time.sleep(0.02)
    raise AssertionError(f"no job came to {phase}: {jobs}")
