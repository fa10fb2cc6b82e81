"""What the kernel tells of changes anywhere on the file systems of a tree: hints, which say where to look again.

One mark for a whole file system, however large the tree. A folder comes as a handle, which is opened to learn its path;
by then it may have another one, or be gone. Source: fanotify(7), open_by_handle_at(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from collections.abc import Iterable, Iterator

from jupyter_modama.core.errors import StorageError
from jupyter_modama.core.frozen import frozen

MOVED_TO, CREATED, CLOSED, FOLDER = 0x80, 0x100, 0x08, 0x4000_0000
MOVED_FROM, DELETED = 0x40, 0x200
_OVERFLOW = 0x4000
_CLOEXEC, _NONBLOCK, _BY_FOLDER_AND_NAME = 0x1, 0x2, 0x400 | 0x800
_ADD, _FILE_SYSTEM, _HERE = 0x1, 0x100, -100
_FOLDER_AND_NAME = 2  # the kind of record that a name comes in
_EVENT, _RECORD = struct.Struct("=IBBHQii"), struct.Struct("=BBH")
_BUFFER = 256 << 10
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]


@frozen
class Hint:
    """Something happened to a name in a folder; `folder` is the path on the disk that it has now."""

    folder: str
    name: str
    what: int  # MOVED_TO, CREATED, …; several at once where the kernel has put events together


class Hints:
    """The changes on some file systems, from now on."""

    def __init__(self, folders: Iterable[int]) -> None:
        """Watch the whole file systems that these open folders lie on.

        Raises: StorageError where this process may not, or where a file system cannot be watched.
        """
        self.lost = 0  # how often more happened than the kernel keeps
        self._mounts: dict[bytes, int] = {}
        self._fd = _libc.fanotify_init(_CLOEXEC | _NONBLOCK | _BY_FOLDER_AND_NAME, os.O_RDONLY | os.O_CLOEXEC)
        if self._fd < 0:
            raise _said(ctypes.get_errno())
        try:
            for folder in folders:
                self._mark(folder)
        except BaseException:
            self.close()
            raise

    def _mark(self, folder: int) -> None:
        wanted = CREATED | MOVED_TO | CLOSED | FOLDER | MOVED_FROM | DELETED
        if _libc.fanotify_mark(self._fd, _ADD | _FILE_SYSTEM, wanted, folder, None) != 0:
            raise _said(ctypes.get_errno())
        self._mounts.setdefault(struct.pack("=Q", os.fstatvfs(folder).f_fsid), os.dup(folder))

    def close(self) -> None:
        for fd in (*self._mounts.values(), self._fd):
            os.close(fd)
        self._mounts.clear()
        self._fd = -1

    def wait(self, stop: int, seconds: float) -> bool:
        """Wait until something happens or the time is over; False as soon as a descriptor can be read."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(stop, select.POLLIN)
        ready = {fd for fd, _ in waiting.poll(seconds * 1000)}
        return stop not in ready

    def take(self) -> Iterator[Hint]:
        """What has happened so far."""
        paths: dict[tuple[bytes, bytes], str | None] = {}
        while raw := self._read():
            at = 0
            while at < len(raw):
                length, _, _, head, what, _, _ = _EVENT.unpack_from(raw, at)
                if what & _OVERFLOW:
                    self.lost += 1
                for fsid, handle, name in _records(raw[at + head : at + length]):
                    if (fsid, handle) not in paths:
                        paths[fsid, handle] = self._path(fsid, handle)
                    folder = paths[fsid, handle]
                    if folder is not None:
                        yield Hint(folder, os.fsdecode(name), what)
                at += length

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return b""

    def _path(self, fsid: bytes, handle: bytes) -> str | None:
        """The path that a folder has now, None where it is gone."""
        mount = self._mounts.get(fsid)
        if mount is None:
            return None
        fd = _libc.open_by_handle_at(mount, ctypes.create_string_buffer(handle, len(handle)), os.O_PATH | os.O_CLOEXEC)
        if fd < 0:
            return None
        try:
            return os.readlink(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)


def _records(raw: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """File system, handle of the folder and name, of each record of an event that has them."""
    at = 0
    while at + _RECORD.size <= len(raw):
        kind, _, length = _RECORD.unpack_from(raw, at)
        if length < _RECORD.size:
            return
        if kind == _FOLDER_AND_NAME:
            body = raw[at + _RECORD.size : at + length]
            (size,) = struct.unpack_from("=I", body, 8)
            name = body[16 + size :].partition(b"\0")[0]
            if name not in {b"", b"."}:
                yield body[:8], body[8 : 16 + size], name
        at += length


def _said(number: int) -> StorageError:
    if number in {errno.EPERM, errno.EACCES}:
        why = "it needs root's rights"
    elif number in {errno.EXDEV, errno.ENODEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
        why = "this file system or this kernel cannot tell of changes; the nightly pass finds them"
    else:
        why = os.strerror(number)
    return StorageError(what="watching the tree", why=why)
