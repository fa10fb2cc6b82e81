"""The flags of an inode that keep it from being changed: immutable, and append-only.

Source: ioctl_iflags(2), Linux.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

GET, SET, IMMUTABLE, APPEND_ONLY = 0x80086601, 0x40086602, 0x10, 0x20
_NOT_HERE = {errno.EPERM, errno.EACCES, errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EROFS}


def is_immutable(fd: int) -> bool:
    """Whether an open file or folder has the flag; False where the file system knows none.

    Raises: OSError.
    """
    try:
        return bool(_flags(fd) & IMMUTABLE)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise


def set_immutable(fd: int, on: bool) -> bool:
    """Set or clear the flag of an open file or folder; answers whether that changed anything.

    Raises: OSError.
    """
    return change(fd, add=IMMUTABLE if on else 0, remove=0 if on else IMMUTABLE)


def change(fd: int, *, add: int = 0, remove: int = 0) -> bool:
    """Set and clear flags of an open file or folder in one step; answers whether that changed anything.

    Raises: OSError.
    """
    flags = _flags(fd)
    wanted = flags & ~remove | add
    if wanted == flags:
        return False
    fcntl.ioctl(fd, SET, struct.pack("=i", wanted))  # the kernel takes an int, whatever the manual page says
    return True


def try_change(fd: int, *, add: int = 0, remove: int = 0) -> bool:
    """The same; answers whether the flags are so now, False where this process or the file system cannot."""
    try:
        change(fd, add=add, remove=remove)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    return True


def can_set(folder_fd: int) -> bool:
    """Whether this process may set the flag on this very file system: tried on a file without a name."""
    try:
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=folder_fd)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise  # a full disk must not lead to the weaker protection
        return False
    try:
        set_immutable(fd, True)
        set_immutable(fd, False)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    finally:
        os.close(fd)
    return True


def _flags(fd: int) -> int:
    found: int = struct.unpack("=i", fcntl.ioctl(fd, GET, b"\0" * 4))[0]
    return found
