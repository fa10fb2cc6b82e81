"""`make demo` as it is used: in a terminal, by a person who opens things, and then ends it in one way or another."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment

ROOT = Path(__file__).parents[1]
SCAN = "adhoc/grain-boundary-4dstem/2025-02-04-4dstem-scan/raw/boundary-4dstem.dm4"
ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+/lab\?token=\w+")
# Makes its standard input the terminal that Ctrl-C comes from, as a window of a desktop does.
IN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests under nohup
os.execvp(sys.argv[1], sys.argv[1:])
"""

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(240)]


class Terminal:
    """A terminal in which `make demo` runs."""

    def __init__(self, keyboard: int, process: subprocess.Popen[bytes], home: Path) -> None:
        self.keyboard, self.process, self.home = keyboard, process, home
        self.said = b""
        self.is_open = True
        self.screen = threading.Thread(target=self.show)
        self.screen.start()

    def show(self) -> None:
        """Take what is printed, as a window does: a program stands still when nobody does."""
        with contextlib.suppress(OSError):  # nobody has the terminal open any more
            while self.is_open:
                if select.select([self.keyboard], [], [], 0.1)[0]:
                    self.said += os.read(self.keyboard, 65536)

    def read(self, wanted: re.Pattern[bytes]) -> str:
        """Wait until this was printed."""
        wait_until(lambda: wanted.search(self.said) is not None, self)
        found = wanted.search(self.said)
        assert found is not None
        return found[0].decode()

    def press_ctrl_c(self) -> None:
        os.write(self.keyboard, b"\x03")

    def terminate(self) -> None:
        """What `kill` does to the job."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def close(self) -> None:
        """Close the window."""
        if self.is_open:
            self.is_open = False
            self.screen.join()
            os.close(self.keyboard)

    def is_over(self) -> bool:
        """The program is gone, with all that it started."""
        return self.process.poll() is not None and not left_of(self.home)

    def __str__(self) -> str:
        return f"{self.said.decode(errors='replace')}\nprocesses: {left_of(self.home)}"


def wait_until(holds: Callable[[], bool], terminal: Terminal, limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, str(terminal)
        time.sleep(0.1)


def left_of(home: Path) -> dict[int, str]:
    """The processes that were started with this home: it stands in the environment or the words of each."""
    found = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and int(process.name) != os.getpid() and is_alive(process):
                words = (process / "cmdline").read_bytes()
                if os.fsencode(home) in (process / "environ").read_bytes() + words:
                    found[int(process.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def is_alive(process: Path) -> bool:
    return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder; all starts have the same one."""
    return tmp_path_factory.mktemp("demo")


@contextlib.contextmanager
def demo(folder: Path, home: Path) -> Iterator[Terminal]:
    """`make demo` in a terminal; whatever is left of it afterwards is killed."""
    (home / "tmp").mkdir(parents=True)
    variables = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "JUPYTER", "XDG"))},
        **{"SHELL": "/bin/bash", "HOME": str(home), "TMPDIR": str(home / "tmp"), "MODAMA_DEMO_PORT": str(free_port())},
        "MODAMA_LIBERTEM_VENV": str(environment.folder()),
    }
    # What `make setup` does was done, or these tests would not run.
    command = ["make", "--no-print-directory", "-o", "setup", "demo", f"DEMO={folder}", f"VENV={sys.prefix}"]
    keyboard, screen = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *command],
        cwd=ROOT,
        env=variables,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    terminal = Terminal(keyboard, process, home)
    try:
        yield terminal
    finally:
        for pid in left_of(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        terminal.close()


@dataclass(frozen=True)
class Server:
    """The Jupyter server at the address that was printed."""

    base: str
    token: str

    @classmethod
    def at(cls, address: str) -> Server:
        base, token = address.split("lab?token=")
        return cls(base, token)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            self.base + path,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return json.load(answer)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of the storage, with its size and the time of its last change."""
    found = {}
    for path in (folder / "storage").rglob("*"):
        if path.is_file():
            found[str(path.relative_to(folder))] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


def start_everything(server: Server) -> None:
    """A kernel, a terminal, a worker that reads a file, and LiberTEM with a data set."""
    server.ask("api/kernels", {"name": "python3"})
    server.ask("api/terminals", {})
    server.ask("modama/api/entry.metadata?path=" + SCAN)
    opened = server.ask("modama/api/libertem.open", {"path": SCAN})
    assert "modama-libertem" in opened["url"]


WAYS = {"ctrl-c": Terminal.press_ctrl_c, "kill": Terminal.terminate, "closed window": Terminal.close}


@pytest.mark.libertem
@pytest.mark.parametrize("leave", WAYS.values(), ids=WAYS)
def test_demo_ends_with_all_that_it_started(leave: Callable[[Terminal], None], folder: Path, tmp_path: Path) -> None:
    """However it is left, no kernel, no shell, no reader of files and no LiberTEM stays behind."""
    try:
        environment.find()
    except ModamaError as error:
        pytest.fail(f"{error}; `make setup` does it")
    with demo(folder, tmp_path / "home") as terminal:
        address = terminal.read(ADDRESS)
        with urllib.request.urlopen(address, timeout=60) as page:  # noqa: S310
            assert (page.status, b"JupyterLab" in page.read()) == (200, True)
        start_everything(Server.at(address))
        words = " ".join(left_of(terminal.home).values())
        for started in ("jupyterlab", "ipykernel", "/bash", "readers.worker", "libertem/launcher.py"):
            assert started in words
        said_before = len(terminal.said)
        leave(terminal)
        wait_until(terminal.is_over, terminal)
        assert b"Traceback" not in terminal.said[said_before:], str(terminal)


def test_ctrl_c_ends_a_demo_that_is_still_starting(folder: Path, tmp_path: Path) -> None:
    """Nobody has to wait for the address."""
    with demo(folder, tmp_path / "home") as terminal:
        wait_until(lambda: "-m jupyterlab" in " ".join(left_of(terminal.home).values()), terminal)
        terminal.press_ctrl_c()
        wait_until(terminal.is_over, terminal)
        assert ADDRESS.search(terminal.said) is None


def test_second_start_keeps_the_data_and_the_address(folder: Path, tmp_path: Path) -> None:
    """Nothing is made anew: the token is the same, and so is every file, those that were changed or removed too."""
    seen = []
    for number in range(2):
        with demo(folder, tmp_path / f"home-{number}") as terminal:
            token = Server.at(terminal.read(ADDRESS)).token
            terminal.press_ctrl_c()
            wait_until(terminal.is_over, terminal)
        if not number:
            (folder / "storage/adhoc/skyrmion-holography/2024-11-14-composition/notes.md").write_text("mine")
            next((folder / "storage/adhoc/skyrmion-holography/2024-11-12-biasing-test/raw").rglob("*.dm4")).unlink()
        seen.append((token, tree(folder)))
    assert seen[0] == seen[1]
