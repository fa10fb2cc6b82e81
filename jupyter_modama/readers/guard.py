"""The limits that a worker puts on itself before it opens a file from a stranger."""

from __future__ import annotations

import os
import resource
import signal
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Nothing of this is needed to read a file; a file that brings a reader to do it is refused.
FORBIDDEN = frozenset(
    [
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "subprocess.Popen",
        "pty.spawn",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "urllib.Request",
        "pickle.find_class",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.chmod",
        "os.chown",
        "os.truncate",
        "os.link",
        "os.setxattr",
        "os.removexattr",
        "os.utime",
        "os.kill",
        "os.killpg",
        "shutil.rmtree",
        "shutil.move",
    ]
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Forbidden(PermissionError):
    """A reader tried what no reader needs, such as opening a file elsewhere."""


def limit(memory_bytes: int) -> None:
    """Bound memory, files and core dumps of this process.

    Private memory is bounded (RLIMIT_DATA, enforced for mappings too), not the address space: a 500 GB file is mapped,
    not read, and the mapping costs nothing.
    """
    _bound(resource.RLIMIT_DATA, memory_bytes)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, 0)
    _bound(resource.RLIMIT_NOFILE, 256)


def _bound(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def alarm(seconds: float) -> None:
    """Let the kernel end this process after some seconds, whatever it hangs in; 0 takes the alarm back."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


_lowered: list[bool] = []


@contextmanager
def lowered() -> Iterator[None]:
    """Let our own code, not that of a reader, open what it has judged."""
    _lowered.append(True)
    try:
        yield
    finally:
        _lowered.pop()


class Fence:
    """Lets Python code open only what lies in one folder (and Python's own files), and only for reading.

    A second wall behind the checks of each format: it sees what Python opens, not what a C library such as HDF5 does.
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.own = tuple({os.path.realpath(path) + "/" for path in _own_folders()} | set(_own_folders()))

    def put_up(self) -> None:
        """Cannot be undone; `lowered` lets our own hands through."""
        sys.addaudithook(self._look)

    def _look(self, event: str, facts: tuple[Any, ...]) -> None:
        if _lowered:
            return
        if event == "open":
            self._opens(*facts)
        elif event in FORBIDDEN:
            raise Forbidden(f"a reader tried {event}")

    def _opens(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        name = os.path.normpath(os.fsdecode(path))
        if name == "/dev/null":
            return
        if (isinstance(flags, int) and flags & WRITING) or (isinstance(mode, str) and set(mode) & set("wax+")):
            raise Forbidden("a reader tried to write a file")
        if not self.allows(name):
            raise Forbidden("a reader tried to open another file")

    def allows(self, name: str) -> bool:
        """Whether a path may be read: in the room one of our links, or below one without leaving it."""
        if name.startswith(self.room + "/"):
            top = os.path.join(self.room, name[len(self.room) + 1 :].split("/", 1)[0])
            return name == top or os.path.realpath(name).startswith(os.path.realpath(top) + "/")
        if name.startswith(("/proc/self/", "/proc/cpuinfo", "/proc/meminfo", "/sys/", *self.own)):
            return True
        # Some readers resolve links first: then it is one of our files under its true name.
        return any(os.path.realpath(os.path.join(self.room, link)) == name for link in os.listdir(self.room))


def _own_folders() -> list[str]:
    """Where Python and its packages lie; modules are imported late by many readers."""
    folders = [sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    folders += [path for path in sys.path if path and os.path.isdir(path)] + [site.getusersitepackages()]
    folders += ["/usr/lib", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/localtime"]
    return [path.rstrip("/") + "/" for path in dict.fromkeys(folders) if path not in {"", "/"}]
