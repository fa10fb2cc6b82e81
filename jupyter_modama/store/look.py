"""What lies below a folder, from one look at each entry: nothing is opened but folders, nothing is changed."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from jupyter_modama.core.model import EntryKind, Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FOLDER, opened
from jupyter_modama.store.status import kind_of, moment, statx

NAMED = 1000
_ATTRIBUTES, _NLINK, _MODE, _INODE, _SIZE = 2, 3, 6, 7, 8
_CHANGED_S, _CHANGED_NS, _MODIFIED_S, _MODIFIED_NS = 17, 18, 20, 21
_IMMUTABLE = 0x10
_WRITE = 0o222


@dataclass(slots=True)
class Looked:
    """Paths are below the folder that was looked through; `bare` holds at most the first thousand."""

    files: dict[TreePath, tuple[int, int]] = field(default_factory=dict)  # size, time of the last change in ns
    links: dict[TreePath, str] = field(default_factory=dict)  # where each symbolic link points to
    folders: set[TreePath] = field(default_factory=set)  # and the one that was looked through, as the empty path
    bare: list[TreePath] = field(default_factory=list)  # what could still be changed
    unreadable: dict[TreePath, str] = field(default_factory=dict)  # folders, with why
    elsewhere: list[TreePath] = field(default_factory=list)  # files that have a name outside, too
    newest_change: tuple[int, int] = (0, 0)  # of any inode: seconds and nanoseconds of a time that nobody can set

    @property
    def changed(self) -> datetime:
        """When anything here was changed last, in whatever way."""
        return moment(*self.newest_change)


def look(top_fd: int, by: Protection) -> Looked:
    """Look at each entry below an open folder, and at the folder: is it protected by these means?

    Raises: OSError for the folder itself.
    """
    found = Looked()
    names: Counter[int] = Counter()
    links: dict[TreePath, tuple[int, int]] = {}
    pending = [TreePath("")]
    while pending:
        path = pending.pop()
        found.folders.add(path)
        try:
            with opened(top_fd, path, FOLDER) as fd:
                status = statx(fd)
                found.newest_change = max(found.newest_change, (status[_CHANGED_S], status[_CHANGED_NS]))
                _note(found, path, status, by)
                for name in os.listdir(fd):
                    try:
                        status = statx(fd, name)
                    except FileNotFoundError:
                        continue
                    inner = path / name
                    found.newest_change = max(found.newest_change, (status[_CHANGED_S], status[_CHANGED_NS]))
                    kind = kind_of(status[_MODE])
                    if kind is EntryKind.FOLDER:
                        pending.append(inner)
                    elif kind is EntryKind.LINK:
                        found.links[inner] = os.readlink(name, dir_fd=fd)
                    elif kind is EntryKind.FILE:
                        found.files[inner] = (status[_SIZE], status[_MODIFIED_S] * 10**9 + status[_MODIFIED_NS])
                        _note(found, inner, status, by)
                        if status[_NLINK] > 1:
                            names[status[_INODE]] += 1
                            links[inner] = (status[_INODE], status[_NLINK])
        except OSError as error:
            if not path:
                raise
            found.unreadable[path] = error.strerror or str(error)
    found.elsewhere = [path for path, (inode, count) in links.items() if names[inode] < count]
    return found


def _note(found: Looked, path: TreePath, status: tuple[int, ...], by: Protection) -> None:
    held = bool(status[_ATTRIBUTES] & _IMMUTABLE) or (by is Protection.READ_ONLY and not status[_MODE] & _WRITE)
    if not held and len(found.bare) < NAMED:
        found.bare.append(path)
