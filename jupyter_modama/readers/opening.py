"""The one place where a worker opens a path that it was given.

Whatever is opened gets a link of its own name in the worker's private room, which points at the open file; readers see
only that room. A later change of the path on the disk cannot lead them elsewhere, and a server may pass open files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from jupyter_modama.readers.formats import Format, companion_names, format_of
from jupyter_modama.readers.guard import lowered


class Refused(Exception):
    """The file cannot be shown; the text continues the sentence "<file> cannot be shown: ..."."""


class Incomplete(Refused):
    """The file is surely of the format that was tried, so no other reader needs to be asked."""


@dataclass(slots=True)
class Item:
    """An open file (or folder that is one data set), and where readers find it by name."""

    name: str
    row: Format
    fd: int
    size: int
    room: str
    folder_fd: int
    head: bytes = b""
    companions: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.room}/{self.name}"

    def invite(self, names: Iterable[str]) -> list[str]:
        """Open those of the named neighbours that are ordinary files in the same folder, and let readers see them."""
        for name in names:
            if name in self.companions or name == self.name or "/" in name or len(self.companions) >= 100:
                continue
            with suppress(OSError, Refused), lowered():
                fd = _open_ordinary(name, self.folder_fd, folder=False)
                self.companions[name] = fd
                os.symlink(f"/proc/self/fd/{fd}", f"{self.room}/{name}")
        return list(self.companions)


@contextmanager
def opened(path: str, room: str) -> Iterator[Item]:
    """The file at a path with its companions; closes all of it and clears the room.

    Raises: Refused, OSError.
    """
    parent, name = os.path.split(path)
    with lowered():
        folder_fd = os.open(parent or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    item: Item | None = None
    try:
        row = _row(name, folder_fd)
        with lowered():
            fd = _open_ordinary(name, folder_fd, row.folder)
        item = Item(name, row, fd, os.fstat(fd).st_size, room, folder_fd)
        os.symlink(f"/proc/self/fd/{fd}", item.path)
        if not row.folder:
            item.head = os.pread(fd, 65536, 0)
            item.invite(companion_names(row, name, item.head))
        yield item
    finally:
        _clear(room)
        for held in [folder_fd, *([item.fd, *item.companions.values()] if item else [])]:
            os.close(held)


def _row(name: str, folder_fd: int) -> Format:
    is_folder = stat.S_ISDIR(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
    return format_of(name, is_folder)


def _open_ordinary(name: str, folder_fd: int, folder: bool) -> int:
    """Open without following a link and without touching a device or fifo, whose mere opening can block or act."""
    looked = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        mode = os.fstat(looked).st_mode
        if stat.S_ISLNK(mode):
            raise Refused("it is a link; please open the file that it points to")
        if folder != stat.S_ISDIR(mode) or not (folder or stat.S_ISREG(mode)):
            raise Refused("it is a folder" if stat.S_ISDIR(mode) else "it is no ordinary file")
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_DIRECTORY if folder else 0)
        return os.open(f"/proc/self/fd/{looked}", flags)
    finally:
        os.close(looked)


def _clear(room: str) -> None:
    with lowered():
        for left in os.listdir(room):
            os.unlink(f"{room}/{left}")


def said(error: OSError) -> str:
    """The code of the answer for an error of the system."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}:
        return "not-found"
    return "not-allowed" if error.errno in {errno.EACCES, errno.EPERM} else "unsupported"
