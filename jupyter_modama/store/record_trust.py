"""Records that others than the system could have written for a while, as after `chmod -R g+w` or `setfacl -R`.

They are not believed meanwhile. What is still exactly what was last written here is written anew, as a file of its own,
so that nobody holds it open; whatever else is there gets another name. Nothing is done to an inode that can have a
second name elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import locks, records
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.lists import lists_of
from jupyter_modama.store.status import is_immutable_at
from jupyter_modama.store.walk import walk

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

OTHERS_WRITE = 0o022
LOCKS = {locks.SIGN: 0o644}  # all others 0600
ASIDE = ".doubted-"
LARGEST_READ = 1 << 20


@frozen
class Renewed:
    """Names of records: those that are believed again, those put aside, and those that were left as they are."""

    again: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class _Unknown(Exception):
    """Not what was last written here."""


class DiskRecordTrust:
    """The records of one tree. A folder of records of somebody else's is none of ours, and not looked at."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store

    def doubted(self, folder: TreePath) -> tuple[str, ...]:
        """What others could write of the records of a folder: names, “.” for all that there may be."""
        try:
            with opened(self.store.root_fd, folder / RECORDS, FOLDER) as box:
                if not self._is_ours(status := os.fstat(box)):
                    return ()
                found = ["."] if status.st_mode & OTHERS_WRITE else []
                for name in sorted(os.listdir(box)):
                    with suppress(FileNotFoundError):
                        status = os.stat(name, dir_fd=box, follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS_WRITE and self._is_ours(status):
                            found.append(name)
                return tuple(found)
        except OSError:
            return ()

    def renew(self, folder: TreePath, *, aside: bool) -> Renewed:
        """Have the records of a folder believed again, as far as they are what was written here.

        Without `aside` nothing is changed where one of them is not. From the first change on nobody else makes,
        renames or removes anything there; what was open for writing before is written into no longer.
        Raises: NotFound, NotAllowed, StorageError.
        """
        if not self.doubted(folder):
            return Renewed()
        with self.store.opened(folder / RECORDS, FOLDER, "renewing") as box, self.store.translated(folder, "renewing"):
            was_open = bool(os.fstat(box).st_mode & OTHERS_WRITE)
            doubtful = [name for name in _names(box) if self._is_doubtful(box, name, was_open)]
            unknown = [name for name in doubtful if not self._knows(box, name)]
            if unknown and not aside:
                return Renewed(left=tuple(unknown))
            for _ in walk(box, self._close):
                pass
            done: dict[bool, list[str]] = {True: [], False: []}
            for name in sorted(os.listdir(box)):
                if name.endswith((".lock", ".locked")):
                    self._free(box, name)
                elif self._is_doubtful(box, name, was_open):
                    done[self._again(box, name)].append(name)
            return Renewed(tuple(done[True]), tuple(done[False]))

    def learn(self, folder: TreePath) -> None:
        """Remember what the records of a folder hold that are believed now."""
        with suppress(OSError), opened(self.store.root_fd, folder / RECORDS, FOLDER) as box:
            if os.fstat(box).st_mode & OTHERS_WRITE or not self._is_ours(os.fstat(box)):
                return
            for name in _names(box):
                with suppress(OSError), opened(box, TreePath(name), FILE) as fd:
                    status = os.fstat(fd)
                    if stat.S_ISREG(status.st_mode) and self._is_ours(status) and not status.st_mode & OTHERS_WRITE:
                        self.store.written.note_sha256(box, name, _sha256(fd))

    # one file --------------------------------------------------------------------------------------------------------

    def _is_ours(self, status: os.stat_result) -> bool:
        return self.store.trusted_uid(status.st_uid)

    def _is_doubtful(self, box: int, name: str, was_open: bool) -> bool:
        """Whether somebody else could have made a file what it is, or have put it here."""
        try:
            with opened(box, TreePath(name), PATH_ONLY) as fd:
                status = os.fstat(fd)
                if stat.S_ISDIR(status.st_mode) and self._is_ours(status):
                    return False
                if is_immutable_at(fd) and self._is_ours(status):
                    return False
                return was_open or not self._is_ours(status) or bool(status.st_mode & OTHERS_WRITE)
        except FileNotFoundError:
            return False
        except OSError:  # a link
            return True

    def _knows(self, box: int, name: str) -> bool:
        try:
            with opened(box, TreePath(name), FILE) as fd:
                status = os.fstat(fd)
                mine = stat.S_ISREG(status.st_mode) and self._is_ours(status)
                return mine and self.store.written.knows(box, name, _sha256(fd))
        except OSError:
            return False

    def _again(self, box: int, name: str) -> bool:
        """Write a record anew if it is what was written last, else put it aside; answers which."""
        try:
            fd = os.open(name, FILE, dir_fd=box)
        except OSError:  # a link, or what cannot be opened without waiting
            self._put_aside(box, name)
            return False
        try:
            self._copy(fd, box, name)
        except _Unknown:
            self._put_aside(box, name)
            return False
        finally:
            os.close(fd)
        return True

    def _copy(self, fd: int, box: int, name: str) -> None:
        """Raises: _Unknown, OSError."""
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not self._is_ours(status):
            raise _Unknown
        total = hashlib.sha256()
        with records.replacing(box, name, status.st_mode & 0o755 & ~OTHERS_WRITE | 0o400) as new:
            while content := os.read(fd, LARGEST_READ):
                total.update(content)
                _write(new, content)
            if not self.store.written.knows(box, name, total.hexdigest()):
                raise _Unknown

    def _put_aside(self, box: int, name: str) -> None:
        away = name if ASIDE in name else f"{name}{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        with suppress(FileNotFoundError):
            os.rename(name, away, src_dir_fd=box, dst_dir_fd=box)
            with suppress(OSError), opened(box, TreePath(away), FILE) as fd:
                if self._is_ours_alone(os.fstat(fd)):
                    lists_of(fd).leave_mode(fd, 0o600)

    def _free(self, box: int, name: str) -> None:
        """Remove a lock that nobody holds: somebody may have it open, and could keep others out by it later."""
        with suppress(FileNotFoundError):
            try:
                with opened(box, TreePath(name), os.O_RDWR | FILE) as fd:
                    if self._is_ours_alone(os.fstat(fd)):
                        lists_of(fd).leave_mode(fd, LOCKS.get(name, 0o600))
                        locks.acquire(fd, "renewing")
                    os.unlink(name, dir_fd=box)
            except BlockingIOError:
                pass  # it is held, by a work of ours that goes on
            except OSError:  # a link, or something else that is no lock
                os.unlink(name, dir_fd=box)

    def _close(self, fd: int, path: TreePath, status: os.stat_result) -> bool:
        """A folder, before what is in it is looked at."""
        if status.st_mode & OTHERS_WRITE and self._is_ours(status) and not is_immutable_at(fd):
            lists_of(fd).leave_mode(fd, 0o755)
        return self._is_ours(status)

    def _is_ours_alone(self, status: os.stat_result) -> bool:
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and self._is_ours(status)


def _names(box: int) -> list[str]:
    """Of records; locks hold nothing, and what is being written at this moment has another name."""
    return sorted(name for name in os.listdir(box) if not name.endswith((".lock", ".locked")) and name[0] != ".")


def _sha256(fd: int) -> str:
    with open(fd, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
