"""Walking a tree that its users can change meanwhile: by descriptors, top down, never through a link."""

from __future__ import annotations

import errno
import os
import stat as bits
from collections.abc import Callable, Iterator

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, FOLDER, open_beneath

LONGEST_PATH = 4000  # bytes below the top: what is deeper cannot be opened by its path, which the checksums need


class Node:
    """One entry that a walk came to: its name below an open folder, and its path below the top of the walk.

    Only valid until the walk is asked for the next one.
    """

    __slots__ = ("_entry", "above", "folder")

    def __init__(self, folder: int, above: TreePath, entry: os.DirEntry[str]) -> None:
        self.folder, self.above, self._entry = folder, above, entry

    @property
    def name(self) -> str:
        return self._entry.name

    @property
    def path(self) -> TreePath:
        return self.above / self._entry.name

    @property
    def is_file(self) -> bool:
        return self._entry.is_file(follow_symlinks=False)

    @property
    def is_folder(self) -> bool:
        return self._entry.is_dir(follow_symlinks=False)

    @property
    def is_link(self) -> bool:
        return self._entry.is_symlink()

    @property
    def status(self) -> os.stat_result:
        """What the inode says of itself.

        Raises: FileNotFoundError where the entry is gone.
        """
        return self._entry.stat(follow_symlinks=False)

    def open(self) -> tuple[int, os.stat_result]:
        """A descriptor for reading of the regular file that has the name now, and its status.

        Raises: OSError, FileNotFoundError where no regular file has the name any more.
        """
        try:
            fd = os.open(self._entry.name, FILE, dir_fd=self.folder)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise FileNotFoundError(errno.ENOENT, "it was replaced meanwhile", self.path) from error
            raise
        status = os.fstat(fd)
        if not bits.S_ISREG(status.st_mode):
            os.close(fd)
            raise FileNotFoundError(errno.ENOENT, "it was replaced meanwhile", self.path)
        return fd, status


Enter = Callable[[int, TreePath, os.stat_result], bool]
Failed = Callable[[TreePath, OSError], None]


def walk(top_fd: int, enter: Enter | None = None, failed: Failed | None = None) -> Iterator[Node]:
    """All entries below an open folder, top down.

    `enter(fd, path, status)` is called with each folder's own descriptor, the top's too, before it is listed, and may
    refuse it; `failed` hears of folders that cannot be opened or listed. What vanishes meanwhile is passed over.
    Raises: OSError where `failed` is not given.
    """
    levels: list[tuple[int, TreePath, list[str]]] = []
    try:
        levels.append((os.dup(top_fd), TreePath(""), []))
        yield from _entries(levels[-1], enter, failed)
        while levels:
            fd, path, inner = levels[-1]
            if not inner:
                os.close(levels.pop()[0])
                continue
            name = inner.pop()
            below = _opened_folder(fd, name, path / name, failed)
            if below is not None:
                levels.append((below, path / name, []))
                yield from _entries(levels[-1], enter, failed)
    finally:
        for fd, _, _ in levels:
            os.close(fd)


def _opened_folder(fd: int, name: str, path: TreePath, failed: Failed | None) -> int | None:
    try:
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        return os.open(name, FOLDER, dir_fd=fd)
    except (FileNotFoundError, NotADirectoryError):
        return None  # removed, or replaced by something that is no folder
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        if failed is None:
            raise
        failed(path, error)
        return None


def _entries(level: tuple[int, TreePath, list[str]], enter: Enter | None, failed: Failed | None) -> Iterator[Node]:
    """The entries of one open folder; the names of its folders are noted in the level."""
    fd, path, inner = level
    try:
        if enter is not None and not enter(fd, path, os.fstat(fd)):
            return
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                yield Node(fd, path, entry)
    except OSError as error:
        if failed is None:
            raise
        failed(path, error)


def opened_file(top_fd: int, path: TreePath) -> int:
    """A descriptor for reading of a regular file below an open folder.

    Raises: OSError.
    """
    return open_beneath(top_fd, path, FILE)
