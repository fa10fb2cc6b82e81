"""What lies below a folder, from one look at each entry: nothing is opened but folders, nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby

from jupyter_modama.core.model import EntryKind, Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store.beneath import FOLDER, opened
from jupyter_modama.store.status import kind_of, moment, statx

NAMED = 1000
_ATTRIBUTES, _NLINK, _MODE, _INODE, _SIZE = 2, 3, 6, 7, 8
_CHANGED_S, _CHANGED_NS, _MODIFIED_S, _MODIFIED_NS = 17, 18, 20, 21
_IMMUTABLE = 0x10
_WRITE = 0o222


class Files:
    """Rows of files, each with its size and the time of its last change in ns, and their bytes in all."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.size_bytes = 0

    def add(self, path: TreePath, size_bytes: int, modified_ns: int) -> None:
        self.size_bytes += size_bytes
        self.rows.add(path, b"%d %d" % (size_bytes, modified_ns))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.rows)


class Looked:
    """What was seen; paths are below the folder that was looked through. Lists hold at most the first thousand."""

    def __init__(self, rows: Callable[[], Rows] = Rows) -> None:
        self.files = Files(rows())
        self.links = rows()  # where each symbolic link points to
        self.folders = rows()  # and the one that was looked through, as the empty path
        self.bare: list[TreePath] = []  # what could still be changed
        self.unreadable: dict[TreePath, str] = {}  # folders, with why
        self.elsewhere: list[TreePath] = []  # files that have a name outside, too
        self.newest_change = (0, 0)  # of any inode: seconds and nanoseconds of a time that nobody can set

    @property
    def changed(self) -> datetime:
        """When anything here was changed last, in whatever way."""
        return moment(*self.newest_change)


def look(top_fd: int, by: Protection, rows: Callable[[], Rows] = Rows) -> Looked:
    """Look at each entry below an open folder, and at the folder: is it protected by these means?

    Raises: OSError for the folder itself; StorageError where the lists find no room.
    """
    found = Looked(rows)
    names = rows()  # of files that have several
    pending = [TreePath("")]
    while pending:
        path = pending.pop()
        found.folders.add(path)
        try:
            with opened(top_fd, path, FOLDER) as fd:
                status = statx(fd)
                found.newest_change = max(found.newest_change, (status[_CHANGED_S], status[_CHANGED_NS]))
                _note(found, path, status, by)
                pending += _entries(fd, path, found, names, by)
        except OSError as error:
            if not path:
                raise
            found.unreadable[path] = error.strerror or str(error)
    found.elsewhere = list(_elsewhere(names))
    return found


def _entries(fd: int, path: TreePath, found: Looked, names: Rows, by: Protection) -> Iterator[TreePath]:
    """Note the entries of an open folder; yields the folders in it."""
    with os.scandir(fd) as entries:
        for entry in entries:
            name = entry.name
            try:
                status = statx(fd, name)
            except FileNotFoundError:
                continue
            inner = path / name
            found.newest_change = max(found.newest_change, (status[_CHANGED_S], status[_CHANGED_NS]))
            kind = kind_of(status[_MODE])
            if kind is EntryKind.FOLDER:
                yield inner
            elif kind is EntryKind.LINK:
                found.links.add(inner, os.fsencode(os.readlink(name, dir_fd=fd)))
            elif kind is EntryKind.FILE:
                found.files.add(inner, status[_SIZE], status[_MODIFIED_S] * 10**9 + status[_MODIFIED_NS])
                _note(found, inner, status, by)
                if status[_NLINK] > 1:
                    names.put(b"%d %d\0%s" % (status[_INODE], status[_NLINK], os.fsencode(inner)))


def _elsewhere(names: Rows) -> Iterator[TreePath]:
    """The first names of files that have more names than were seen."""
    named = 0
    for inode, rows in groupby(names, key=lambda row: row.partition(b"\0")[0]):
        count = int(inode.split()[1])
        paths = [row.partition(b"\0")[2] for _, row in zip(range(count), rows, strict=False)]
        if len(paths) < count and named < NAMED:
            named += len(paths)
            yield from (TreePath(os.fsdecode(path)) for path in paths)


def _note(found: Looked, path: TreePath, status: tuple[int, ...], by: Protection) -> None:
    held = bool(status[_ATTRIBUTES] & _IMMUTABLE) or (by is Protection.READ_ONLY and not status[_MODE] & _WRITE)
    if not held and len(found.bare) < NAMED:
        found.bare.append(path)
