"""Taking away, and giving back, the possibility to change what lies in a raw folder.

Top down, each inode through its own descriptor, a folder before it is listed: what a program makes meanwhile either is
seen by the walk, or cannot be made any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections import deque
from collections.abc import Collection, Iterator

from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags, links
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.status import is_mount

WRITE = 0o222
TOLD_EVERY = 2000
_GONE = {errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENOTDIR}
_INT = struct.Struct("=i")


class Guard:
    """One way to protect an inode: `by` which means, and whether everybody may read it from then on.

    Behind a project's gate a sealed file is readable for all whom the gate lets in, since a sealed ACL cannot change
    for those who come later. Where there is no gate nobody is let in whom the mode did not let in before.
    """

    def __init__(self, by: Protection, *, opens: bool = True) -> None:
        self.by = by
        self.immutable = by is Protection.IMMUTABLE
        self.added = 0o444 if opens else 0

    def mode(self, mode: int) -> int:
        """The mode of a protected inode that had this one."""
        execute = 0o111 if self.added and (mode & 0o040000 or mode & 0o111) else 0
        return (mode & 0o7777 & ~WRITE) | self.added | execute

    def hold(self, fd: int, mode: int) -> None:
        """Protect an open inode; what is protected already is left alone.

        Raises: OSError.
        """
        wanted = self.mode(mode)
        if not self.immutable:
            if mode & 0o7777 != wanted and not (mode & WRITE == 0 and flags.is_immutable(fd)):
                os.fchmod(fd, wanted)
            return
        # Two calls less than through `flags`: this is done for every file of a session.
        found: int = _INT.unpack(fcntl.ioctl(fd, flags.GET, b"\0\0\0\0"))[0]
        if not found & flags.IMMUTABLE:
            if mode & 0o7777 != wanted:
                os.fchmod(fd, wanted)
            fcntl.ioctl(fd, flags.SET, _INT.pack(found | flags.IMMUTABLE))

    def holds(self, fd: int, mode: int) -> bool:
        """Whether an open inode is protected like this."""
        return flags.is_immutable(fd) or (not self.immutable and not mode & WRITE)


def protect(raw_fd: int, box: int, guard: Guard, spare: Collection[TreePath] = ()) -> Iterator[int]:
    """Protect all below an open raw folder, and the folder; yields now and then how many files are protected.

    Files in `spare` (they are still written) and the folders that they lie in are left as they are. A file that has a
    name outside raw too is replaced by a copy, made in our own open folder `box`. May be repeated.
    Raises: OSError.
    """
    many: links.Names = {}
    done = 0
    for done in _all_below(raw_fd, TreePath(""), guard, spare, many):
        yield done
    for step in links.settle(raw_fd, box, many, guard):
        if step is not None:  # a folder that had to be opened for a moment: what was made in it meanwhile
            for _ in _all_below(raw_fd, step, guard, spare, {}):
                yield done
        yield done


def _all_below(
    raw_fd: int, top: TreePath, guard: Guard, spare: Collection[TreePath], many: links.Names
) -> Iterator[int]:
    busy = {parent for path in spare for parent in _ancestors(path)}
    device = os.fstat(raw_fd).st_dev
    pending, done = [top], 0
    while pending:
        path = pending.pop()
        try:
            with opened(raw_fd, path, FOLDER) as fd:
                status = os.fstat(fd)
                if status.st_dev != device:
                    raise OSError(errno.EXDEV, "another file system is mounted there", path)
                if path not in busy:
                    guard.hold(fd, status.st_mode)
                with os.scandir(fd) as entries:  # one by one: a million names are not held
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(path / entry.name)
                        elif entry.is_file(follow_symlinks=False) and not (spare and path / entry.name in spare):
                            _file(fd, entry.name, path, guard, many)
                            done += 1
                            if done % TOLD_EVERY == 0:
                                yield done
        except OSError as error:
            if error.errno not in _GONE or not path:
                raise  # what is gone is no matter here, since all is looked at again at the end
    yield done


def listed(fd: int) -> tuple[list[str], list[str]]:
    """The names of the folders and of the regular files in an open folder."""
    folders, files = [], []
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.name)
    return folders, files


def _ancestors(path: TreePath) -> Iterator[TreePath]:
    while path:
        path = path.parent
        yield path


def _file(folder: int, name: str, path: TreePath, guard: Guard, many: links.Names) -> None:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except PermissionError:
        _make_readable(folder, name)
        fd = os.open(name, FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in _GONE:
            return
        raise
    try:
        status = os.fstat(fd)
        if status.st_mode & 0o170000 != 0o100000:
            return  # something else has the name now
        if status.st_nlink > 1 and not flags.is_immutable(fd):
            many.setdefault(status.st_ino, []).append(path / name)  # whose other names may lie elsewhere
        else:
            guard.hold(fd, status.st_mode)
    finally:
        os.close(fd)


def _make_readable(folder: int, name: str) -> None:
    """Let the owner of a file that nobody may read read it: only so can it be protected and hashed."""
    fd = os.open(name, PATH_ONLY, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{fd}", os.fstat(fd).st_mode & 0o7777 | 0o400)
    finally:
        os.close(fd)


# giving back ---------------------------------------------------------------------------------------------------------


def unprotect(raw_fd: int, folder_mode: int) -> Iterator[int]:
    """Give back what `protect` took, as far as the folder above gives it; yields now and then how many files are done.

    From below: in a folder that is still closed nobody can put something else in the place of what is opened. What was
    mounted there meanwhile is left alone.
    Raises: OSError.
    """
    done = 0
    for path in reversed(list(_folders(raw_fd))):
        with opened(raw_fd, path, FOLDER) as fd:
            for name in listed(fd)[1]:
                try:
                    inner = os.open(name, FILE, dir_fd=fd)
                except OSError as error:
                    if error.errno in _GONE:
                        continue
                    raise
                try:
                    release(inner, folder_mode, 0o600)
                finally:
                    os.close(inner)
                done += 1
                if done % TOLD_EVERY == 0:
                    yield done
            release(fd, folder_mode, 0o700)
    yield done


def _folders(raw_fd: int) -> Iterator[TreePath]:
    """The folders from raw downwards, each after the one that it lies in."""
    device = os.fstat(raw_fd).st_dev
    pending = deque([TreePath("")])
    while pending:
        path = pending.popleft()
        with opened(raw_fd, path, FOLDER) as fd:
            if path and (os.fstat(fd).st_dev != device or is_mount(fd)):
                continue
            pending += [path / name for name in listed(fd)[0]]
        yield path


def release(fd: int, folder_mode: int, own: int) -> None:
    """Clear the flag, and let those write again who may write in the folder above; nobody sees more than there."""
    if flags.is_immutable(fd):
        flags.set_immutable(fd, False)
    mode = os.fstat(fd).st_mode & 0o7777
    group = mode & 0o070 | (folder_mode & 0o020 if mode & 0o040 else 0)
    other = mode & folder_mode & 0o007 | (folder_mode & 0o002 if mode & 0o004 else 0)
    os.fchmod(fd, mode & 0o7700 | own | group | other)
