"""A facility with a managed tree, and a keeper that runs as it does there."""

from __future__ import annotations

import ctypes
import os
import platform
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from jupyter_modama.core.model import Actor, Site
from jupyter_modama.keeper.client import KeeperKeys, Reader
from jupyter_modama.keeper.protocol import Channel
from jupyter_modama.keeper.workers import PACKAGE
from jupyter_modama.site import described, managed_by
from jupyter_modama.testing.accounts import Account
from jupyter_modama.testing.accounts import _python as everybodys_python

SERVICE = "https://data.example.org"
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from jupyter_modama.keeper.__main__ import main; sys.exit(main())"
)
PATIENCE_S = 30.0
Of = TypeVar("Of")
_SETRESUID = {"x86_64": 117}.get(platform.machine(), 147)
_libc = ctypes.CDLL(None, use_errno=True)


def with_uid(uid: int, do: Callable[[], Of]) -> Of:
    """Do something in a thread whose effective uid is another: a connection that it makes is that uid's."""
    answers: list[Of] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            assert _libc.syscall(_SETRESUID, -1, uid, -1) == 0
            answers.append(do())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


class PeersKeys(KeeperKeys):
    """The keys as the service's account has them."""

    def __init__(self, path: Path, uid: int) -> None:
        super().__init__(str(path))
        self.uid = uid

    def _connected(self) -> Channel:
        return with_uid(self.uid, super()._connected)


@dataclass
class Running:
    """A keeper's process, with what it was started with."""

    process: subprocess.Popen[str]
    socket: Path
    state: Path
    service: Account
    words: list[str]
    readers: list[Reader] = field(default_factory=list)

    @property
    def keys(self) -> PeersKeys:
        return PeersKeys(self.socket, self.service.uid)

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def channel(self) -> Channel:
        """A connection on which the keeper has greeted already."""
        return self.keys._connected()

    def read_as(self, actor: Actor) -> Reader:
        reader = self.keys.read_as(actor)
        self.readers.append(reader)
        return reader

    def end(self, how: signal.Signals = signal.SIGTERM) -> str:
        """What it said until it ended."""
        for reader in self.readers:
            reader.close()
        if self.is_alive:
            self.process.send_signal(how)
        assert self.process.stdout is not None
        if self.process.stdout.closed:
            return ""
        try:
            return self.process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@dataclass
class Facility:
    """A managed tree on the disk with its site file, and what belongs to it."""

    root: Path
    site_file: Path
    service: Account
    admin: Account
    folder: Path
    started: list[Running] = field(default_factory=list)

    @property
    def site(self) -> Site:
        site = described(self.site_file)
        return Site(**{**{n: getattr(site, n) for n in site.__slots__}, "managed_by": managed_by(site.root)})

    def words(self, *more: str) -> list[str]:
        socket, state = self.folder / "keeper.sock", self.folder / "state"
        named = ["--site", str(self.site_file), "--socket", str(socket), "--state", str(state)]
        return [*named, "--peer-uid", str(self.service.uid), *more]

    def start(self, *more: str, package: str = PACKAGE, under: tuple[str, ...] = ()) -> Running:
        """`under`: a program that starts it, with its arguments."""
        words = self.words(*more)
        process = subprocess.Popen(
            [*under, everybodys_python(), "-I", "-c", START, package, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = Running(process, self.folder / "keeper.sock", self.folder / "state", self.service, words)
        self.started.append(running)
        return running

    @contextmanager
    def keeper(self, *more: str, under: tuple[str, ...] = ()) -> Iterator[Running]:
        running = self.start(*more, under=under)
        try:
            said = until(running.process, "interrupted job(s) go on")
            assert running.is_alive, said
            yield running
        finally:
            running.end()


def until(process: subprocess.Popen[str], text: str) -> str:
    """What a process says until it says this, or ends."""
    assert process.stdout is not None
    said = ""
    while text not in said:
        assert select.select([process.stdout], [], [], PATIENCE_S)[0], said
        piece = os.read(process.stdout.fileno(), 4096)
        if not piece:
            break
        said += piece.decode()
    return said
