"""Walking a tree that its users can change meanwhile: by descriptors, top down, never through a link."""

from __future__ import annotations

import errno
import os
import stat as bits
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

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
Level = tuple[int, TreePath, list[str]]  # an open folder, its path, and the names of folders in it still to come
Names = tuple[int, TreePath, list[str], list[str]]


def walk(top_fd: int, enter: Enter | None = None, failed: Failed | None = None) -> Iterator[Node]:
    """All entries below an open folder, top down.

    `enter(fd, path, status)` is called with each folder's own descriptor, the top's too, before it is listed, and may
    refuse it; `failed` hears of folders that cannot be opened or listed. What vanishes meanwhile is passed over.
    Raises: OSError where `failed` is not given.
    """
    for level in _levels(top_fd, enter, failed):
        yield from _entries(level, enter, failed)


def walk_folders(
    top_fd: int, enter: Enter | None = None, failed: Failed | None = None, most: int = 1000
) -> Iterator[Names]:
    """The same for who looks at many files at a time: a folder, its path, names of files, and names of what is no
    file, folder or link; several times for a folder that has more files than `most`.
    """
    for level in _levels(top_fd, enter, failed):
        yield from _names(level, enter, failed, most)


def _levels(top_fd: int, enter: Enter | None, failed: Failed | None) -> Iterator[Level]:
    """Each folder in turn, opened; whoever takes it notes the names of the folders in it."""
    levels: list[Level] = []
    try:
        levels.append((os.dup(top_fd), TreePath(""), []))
        yield levels[-1]
        while levels:
            fd, path, inner = levels[-1]
            if not inner:
                os.close(levels.pop()[0])
                continue
            name = inner.pop()
            below = _opened_folder(fd, name, path / name, failed)
            if below is not None:
                levels.append((below, path / name, []))
                yield levels[-1]
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


def _entries(level: Level, enter: Enter | None, failed: Failed | None) -> Iterator[Node]:
    """The entries of one open folder; the names of its folders are noted in the level."""
    fd, path, inner = level
    try:
        with _listing(level, enter) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                yield Node(fd, path, entry)
    except OSError as error:
        if failed is None:
            raise
        failed(path, error)


def _names(level: Level, enter: Enter | None, failed: Failed | None, most: int) -> Iterator[Names]:
    fd, path, inner = level
    files: list[str] = []
    others: list[str] = []
    try:
        with _listing(level, enter) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                elif not entry.is_symlink():
                    others.append(entry.name)
                if len(files) >= most:
                    yield fd, path, files, others
                    files, others = [], []
    except OSError as error:
        if failed is None:
            raise
        failed(path, error)
    yield fd, path, files, others


def _listing(level: Level, enter: Enter | None) -> AbstractContextManager[Iterable[os.DirEntry[str]]]:
    """Raises: OSError."""
    fd, path, _ = level
    if enter is not None and not enter(fd, path, os.fstat(fd)):
        return nullcontext(())
    return os.scandir(fd)


def opened_file(top_fd: int, path: TreePath) -> int:
    """A descriptor for reading of a regular file below an open folder.

    Raises: OSError.
    """
    return open_beneath(top_fd, path, FILE)
