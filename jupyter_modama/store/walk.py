"""Walking a tree that its users can change meanwhile: by descriptors, top down, never through a link."""

from __future__ import annotations

import os
import stat as bits
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, open_beneath


@dataclass(frozen=True, slots=True)
class Node:
    """One entry that a walk came to: its name below an open folder, and its path below the top of the walk."""

    folder: int
    name: str
    path: TreePath
    status: os.stat_result

    @property
    def is_file(self) -> bool:
        return bits.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        return bits.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return bits.S_ISLNK(self.status.st_mode)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor for reading of the very inode that was looked at.

        Raises: OSError, FileNotFoundError where something else has its name now.
        """
        fd = os.open(self.name, FOLDER if self.is_folder else FILE, dir_fd=self.folder)
        try:
            now = os.fstat(fd)
            if (now.st_dev, now.st_ino) != (self.status.st_dev, self.status.st_ino):
                raise FileNotFoundError(2, "it was replaced meanwhile", self.path)
            yield fd
        finally:
            os.close(fd)


Enter = Callable[[int, TreePath, os.stat_result], bool]
Failed = Callable[[TreePath, OSError], None]


def walk(top_fd: int, enter: Enter | None = None, failed: Failed | None = None) -> Iterator[Node]:
    """All entries below an open folder, top down.

    `enter(fd, path, status)` is called with each folder's own descriptor, the top's too, before it is listed, and may
    refuse it; `failed` hears of folders that cannot be opened or listed.
    Raises: OSError where `failed` is not given.
    """
    yield from _below(os.dup(top_fd), TreePath(""), enter, failed)


def _below(fd: int, path: TreePath, enter: Enter | None, failed: Failed | None) -> Iterator[Node]:
    """Walk below an open folder, which is closed."""
    try:
        if enter is not None and not enter(fd, path, os.fstat(fd)):
            return
        inner: list[TreePath] = []
        for name in os.listdir(fd):
            try:
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            node = Node(fd, name, path / name, status)
            if node.is_folder:
                inner.append(node.path)
            yield node
        for below in inner:
            try:
                next_fd = os.open(below.name, FOLDER, dir_fd=fd)
            except OSError as error:
                if failed is None:
                    raise
                failed(below, error)
                continue
            yield from _below(next_fd, below, enter, failed)
    except OSError as error:
        if failed is None:
            raise
        failed(path, error)
    finally:
        os.close(fd)


def opened_file(top_fd: int, path: TreePath) -> int:
    """A descriptor for reading of a regular file below an open folder.

    Raises: OSError.
    """
    return open_beneath(top_fd, path, FILE)


def opened_path(top_fd: int, path: TreePath) -> int:
    """A descriptor that only names an inode."""
    return open_beneath(top_fd, path, PATH_ONLY)
