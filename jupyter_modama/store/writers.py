"""Who holds a file open for writing: asked of the kernel by a lease, which it grants only while nobody does.

The lease is given back at once. Its signal is set to one that is ignored by default: that of a lease broken in the
moment between would otherwise end this process.
Source: fcntl(2), F_SETLEASE and F_SETSIG; proc(5).
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Collection
from contextlib import suppress
from enum import Enum

from jupyter_modama.core.model import Writer
from jupyter_modama.store import people

_WRITING = os.O_WRONLY | os.O_RDWR


class Probe(Enum):
    """What a lease said of one file."""

    QUIET = "quiet"
    WRITTEN = "written"
    NOT_PERMITTED = "not permitted"


def probe(fd: int) -> Probe:
    """Whether an open (for reading) regular file is held open for writing by anybody on this machine."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return Probe.WRITTEN
        if error.errno in {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP}:
            return Probe.NOT_PERMITTED
        raise
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Probe.QUIET


def programs(inodes: Collection[tuple[int, int]]) -> dict[tuple[int, int], Writer]:
    """The programs that write into inodes (device, inode), as far as /proc lets us see them; paths are left empty."""
    found: dict[tuple[int, int], Writer] = {}
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            key = _written(pid, descriptor)
            if key in inodes and key not in found:
                found[key] = Writer("", _program(pid), int(pid), _login(pid))
    left = {key for key in inodes if key not in found}
    return found | _mappers(left) if left else found


def _mappers(inodes: Collection[tuple[int, int]]) -> dict[tuple[int, int], Writer]:
    """The programs that have closed a file and still write into it through memory."""
    found: dict[tuple[int, int], Writer] = {}
    numbers = {str(inode) for _, inode in inodes}
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{pid}/maps", errors="surrogateescape") as maps:
                rows = [row.rstrip("\n").split(maxsplit=5) for row in maps]
        except OSError:
            continue
        for row in rows:
            if len(row) == 6 and "w" in row[1] and "s" in row[1] and row[4] in numbers:
                with suppress(OSError):
                    status = os.stat(row[5])
                    if (status.st_dev, status.st_ino) in inodes:
                        found[status.st_dev, status.st_ino] = Writer("", _program(pid), int(pid), _login(pid))
    return found


def _written(pid: str, descriptor: str) -> tuple[int, int]:
    try:
        status = os.stat(f"/proc/{pid}/fd/{descriptor}")
        with open(f"/proc/{pid}/fdinfo/{descriptor}") as info:
            flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
    except (OSError, StopIteration, ValueError):
        return (-1, -1)
    return (status.st_dev, status.st_ino) if flags & _WRITING else (-1, -1)


def _program(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm") as name:
            return name.read().strip()
    except OSError:
        return ""


def _login(pid: str) -> str:
    try:
        return people.person(os.stat(f"/proc/{pid}").st_uid).login
    except OSError:
        return ""
