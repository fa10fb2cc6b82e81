"""Processes of a site: those that are begun again whenever they end, and killing one by its own number."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

AGAIN_S = 0.3  # as RestartSec= of systemd, which is 0.1 s


class Kept:
    """A process that is begun again whenever it ends, as systemd does with Restart=always."""

    def __init__(self, name: str, words: list[str], log: Path) -> None:
        self.name, self.words, self.log = name, words, log
        self.process: subprocess.Popen[bytes] | None = None
        self.begun = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeps-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.words,
                    cwd="/",
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.begun += 1
            self.process.wait()
            self._stopping.wait(AGAIN_S)

    @property
    def pid(self) -> int:
        """Of the process as it is now, -1 between two."""
        process = self.process
        return process.pid if process is not None and process.poll() is None else -1

    def stop(self) -> None:
        """End it for good, in order."""
        self._stopping.set()
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
        self._thread.join(10)


def _environment() -> dict[str, str]:
    """Nothing of whoever starts this that could find another jupyter_modama, or another site."""
    left_out = ("JUPYTER", "MODAMA", "PYTHON", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def processes() -> Iterator[tuple[int, int, bytes]]:
    """Number, account and words of each process that is not a zombie."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes()
            if words:
                yield int(name), os.stat(f"/proc/{name}").st_uid, words


def kill(pid: int) -> bool:
    """SIGKILL one process; answers whether it was there."""
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        signal.pidfd_send_signal(held, signal.SIGKILL)
        waiting = select.poll()
        waiting.register(held, select.POLLIN)
        return bool(waiting.poll(10_000))
    except OSError:
        return False
    finally:
        os.close(held)
