"""Opening paths below a root without ever being led out of it.

`openat2` with RESOLVE_BENEATH, NO_SYMLINKS and NO_MAGICLINKS does a whole path in one call; on kernels without it
(before 5.6, or where a container's filter forbids it) each component is opened with O_NOFOLLOW in turn. Mount points
below the root may be crossed (facilities mount volumes there); who must not cross them, as the seal, compares `st_dev`.

Source: openat2(2), Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from jupyter_modama.core.paths import TreePath

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

LONGEST_CALL = 4096  # PATH_MAX: a deeper path is opened piece by piece
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_libc = ctypes.CDLL(None, use_errno=True)


def open_beneath(root_fd: int, path: str, flags: int = PATH_ONLY, mode: int = 0) -> int:
    """A descriptor of `path` below the folder `root_fd`; no component may be a symlink.

    Raises: OSError (ELOOP for a symlink, EXDEV for a way out).
    """
    if not path:
        path = "."
    if len(os.fsencode(path)) < LONGEST_CALL and _has_openat2():
        return _openat2(root_fd, path, flags, mode)
    return _by_component(root_fd, path, flags, mode)


def _openat2(root_fd: int, path: str, flags: int, mode: int) -> int:
    how = _How(flags | os.O_CLOEXEC, mode, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    while True:
        fd: int = _libc.syscall(_OPENAT2, root_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number not in {errno.EAGAIN, errno.EINTR}:  # EAGAIN: a rename elsewhere raced with the look-up
            raise OSError(number, os.strerror(number), path)


@cache
def _has_openat2() -> bool:
    try:
        top = os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            os.close(_openat2(top, ".", PATH_ONLY, 0))
        finally:
            os.close(top)
    except OSError as error:
        if error.errno in {errno.ENOSYS, errno.EPERM}:
            return False
        raise
    return True


def _by_component(root_fd: int, path: str, flags: int, mode: int) -> int:
    fd = os.dup(root_fd)
    *folders, last = path.split("/")
    try:
        for name in folders:
            if name == "..":
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
            inner = os.open(name, _STEP, dir_fd=fd)
            os.close(fd)
            fd = inner
        if last == "..":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=fd)
    finally:
        os.close(fd)


@contextmanager
def opened(root_fd: int, path: TreePath, flags: int = FOLDER) -> Iterator[int]:
    """The descriptor of a path below the root, closed at the end."""
    fd = open_beneath(root_fd, path, flags)
    try:
        yield fd
    finally:
        os.close(fd)
