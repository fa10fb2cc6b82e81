"""Taking away, and giving back, the possibility to change what lies in a raw folder.

Top down, each inode through its own descriptor, a folder before it is listed: what a program makes meanwhile either is
seen by the walk, or cannot be made any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress

from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.beneath import FOLDER, PATH_ONLY, opened
from jupyter_modama.store.walk import Node, walk

WRITE = 0o222
FICLONE = 0x40049409
TOLD_EVERY = 2000


def protect(raw_fd: int, by: Protection, spare: Collection[TreePath] = ()) -> Iterator[int]:
    """Protect all below an open raw folder, and the folder; yields now and then how many files are protected.

    Files in `spare` (they are still written) and the folders that they lie in are left as they are. May be repeated.
    Raises: OSError.
    """
    busy = {parent for path in spare for parent in _ancestors(path)}

    def enter(fd: int, path: TreePath, status: os.stat_result) -> bool:
        if path not in busy:
            _protect_open(fd, status, by)
        return True

    done = 0
    for node in walk(raw_fd, enter):
        if node.is_file and node.path not in spare:
            protect_file(node, by)
            done += 1
            if done % TOLD_EVERY == 0:
                yield done
    yield done


def _ancestors(path: TreePath) -> Iterator[TreePath]:
    while path:
        path = path.parent
        yield path


def protect_file(node: Node, by: Protection) -> None:
    """Protect one regular file; one that is gone is no matter here, since the end is verified."""
    try:
        with node.opened() as fd:
            _protect_open(fd, node.status, by)
    except FileNotFoundError:
        return
    except PermissionError:
        _make_readable(node)
        with node.opened() as fd:
            _protect_open(fd, node.status, by)


def _protect_open(fd: int, status: os.stat_result, by: Protection) -> None:
    mode = status.st_mode & 0o7777
    wanted = sealed_mode(status.st_mode)
    if mode != wanted and not (by is Protection.IMMUTABLE and flags.is_immutable(fd)):
        os.fchmod(fd, wanted)
    if by is Protection.IMMUTABLE:
        flags.set_immutable(fd, True)


def sealed_mode(mode: int) -> int:
    """Nobody may write, and everybody whom the project's gate lets in may read: an ACL cannot be changed later."""
    execute = 0o111 if mode & 0o040000 or mode & 0o111 else 0
    return (mode & 0o7777 & ~WRITE) | 0o444 | execute


def _make_readable(node: Node) -> None:
    """Let the owner of a file that nobody may read read it: only so can it be protected and hashed."""
    fd = os.open(node.name, PATH_ONLY, dir_fd=node.folder)
    try:
        os.chmod(f"/proc/self/fd/{fd}", sealed_mode(node.status.st_mode))
    finally:
        os.close(fd)


def unprotect(raw_fd: int, folder_mode: int) -> Iterator[int]:
    """Give back what `protect` took: modes as the folder above has them; yields how many files are done.

    Raises: OSError.
    """

    def enter(fd: int, path: TreePath, status: os.stat_result) -> bool:
        with suppress(OSError):
            flags.set_immutable(fd, False)
        os.fchmod(fd, (status.st_mode & 0o7000) | (folder_mode & 0o777) | 0o700)
        return True

    done = 0
    for node in walk(raw_fd, enter):
        if not node.is_file:
            continue
        with node.opened() as fd:
            if flags.is_immutable(fd):
                flags.set_immutable(fd, False)
            execute = 0o111 & folder_mode if node.status.st_mode & 0o100 else 0
            os.fchmod(fd, (folder_mode & 0o666) | execute | 0o600)
        done += 1
        if done % TOLD_EVERY == 0:
            yield done
    yield done


def unprotected(raw_fd: int, by: Protection) -> Iterator[TreePath]:
    """The files and folders below raw that are not protected as they should be."""

    def is_held(fd: int, mode: int) -> bool:
        return flags.is_immutable(fd) if by is Protection.IMMUTABLE else not mode & WRITE

    bare: list[TreePath] = []

    def enter(fd: int, path: TreePath, status: os.stat_result) -> bool:
        if not is_held(fd, status.st_mode):
            bare.append(path)
        return True

    for node in walk(raw_fd, enter):
        yield from bare
        bare.clear()
        if node.is_file:
            with node.opened() as fd:
                if not is_held(fd, node.status.st_mode):
                    yield node.path
    yield from bare


def replace_by_copy(raw_fd: int, path: TreePath) -> None:
    """Put a copy in the place of a file that has a name outside raw too, so that a seal freezes nothing elsewhere.

    The copy shares its blocks with the original where the file system can do that. Owner, mode and times are kept.
    Raises: OSError.
    """
    with opened(raw_fd, path.parent, FOLDER) as folder:
        source = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        temporary = f".{secrets.token_hex(4)}.part"
        try:
            status = os.fstat(source)
            copy = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                _copy(source, copy)
                _same_owner(copy, status)
                os.fchmod(copy, status.st_mode & 0o7777)
                os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
                os.fsync(copy)
            finally:
                os.close(copy)
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        finally:
            os.close(source)


def _copy(source: int, copy: int) -> None:
    try:
        fcntl.ioctl(copy, FICLONE, source)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM}:
            raise
        while os.sendfile(copy, source, None, 1 << 30):
            pass


def _same_owner(copy: int, status: os.stat_result) -> None:
    with suppress(PermissionError):
        os.fchown(copy, status.st_uid, status.st_gid)
