"""Files with several names: a seal is of the inode, so a name outside raw must not lead to one that is sealed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.beneath import FILE, FOLDER, opened

if TYPE_CHECKING:
    from jupyter_modama.store.protect import Guard

Names = dict[int, list[TreePath]]  # the names below raw of each inode
FICLONE = 0x40049409
PIECE = 256 << 20
COPY = "copy-of-a-linked-file"  # in our own folder, one name for all: what a crash left is found and replaced
_NO_CLONE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM}


def settle(raw_fd: int, box: int, many: Names, guard: Guard) -> Iterator[TreePath | None]:
    """Protect the files that have all their names in raw, and put copies in the place of the others.

    Copies are made in the open folder `box`, where people do not see them. Yields a folder after it had to be opened
    for a moment, and None now and then while bytes are copied.
    Raises: OSError.
    """
    for paths in many.values():
        with opened(raw_fd, paths[0], FILE) as fd:
            status = os.fstat(fd)
            if status.st_nlink <= len(paths):
                guard.hold(fd, status.st_mode)
                continue
        for path in paths:
            with opened(raw_fd, path.parent, FOLDER) as folder:
                yield from _replaced(folder, path.name, box, guard)
            yield path.parent


@contextmanager
def _writable(folder: int) -> Iterator[None]:
    """Let names be changed in an open folder for a moment, though it is protected already."""
    mode, held = os.fstat(folder).st_mode & 0o7777, flags.is_immutable(folder)
    if held:
        flags.set_immutable(folder, False)
    if not mode & 0o200:
        os.fchmod(folder, mode | 0o200)
    try:
        yield
    finally:
        if not mode & 0o200:
            os.fchmod(folder, mode)
        if held:
            flags.set_immutable(folder, True)


def _replaced(folder: int, name: str, box: int, guard: Guard) -> Iterator[None]:
    """Put a protected copy in the place of a file; it shares its blocks with the original where the disk can do that.

    Owner, mode and times are kept. The folder stays protected until the copy is whole.
    """
    source = os.open(name, FILE, dir_fd=folder)
    try:
        status = os.fstat(source)
        discard_copy(box)
        copy = os.open(COPY, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=box)
        try:
            yield from _copied(source, copy)
            with suppress(PermissionError):
                os.fchown(copy, status.st_uid, status.st_gid)
            os.fchmod(copy, guard.mode(status.st_mode))
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(copy)
            with _writable(folder):
                _is_still(folder, name, source, status)
                os.rename(COPY, name, src_dir_fd=box, dst_dir_fd=folder)
            guard.hold(copy, os.fstat(copy).st_mode)
        except BaseException:
            with suppress(OSError):
                discard_copy(box)
            raise
        finally:
            os.close(copy)
    finally:
        os.close(source)


def discard_copy(box: int) -> None:
    """Remove the copy that a crash left behind, if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(COPY, dir_fd=box)


def _is_still(folder: int, name: str, source: int, then: os.stat_result) -> None:
    """Raise where the name leads to another file by now, or where this one was written into while it was copied."""
    there, now = os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(source)
    if (there.st_dev, there.st_ino) != (then.st_dev, then.st_ino) or (now.st_size, now.st_mtime_ns) != (
        then.st_size,
        then.st_mtime_ns,
    ):
        raise OSError(errno.EBUSY, "it has a name outside raw, and was changed there while it was copied", name)


def _copied(source: int, copy: int) -> Iterator[None]:
    try:
        fcntl.ioctl(copy, FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        while os.sendfile(copy, source, None, PIECE):
            yield None
