"""Folders of any size, page by page: the names once, pinned as a snapshot, and a stat for what a page shows.

A snapshot is kept for ten minutes since it was last asked for, and all of them together up to 200 MB.
"""

from __future__ import annotations

import fnmatch
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from jupyter_modama.core.errors import CursorExpired, Invalid
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath

KEPT_S = 600.0
KEPT_BYTES = 200 << 20
SORTED_BY_STAT = 20_000
SORTED_NATURALLY = 20_000
_SETTLED_NS = 50_000_000

SORTS = ("name", "-name", "modified", "-modified", "size", "-size", "type", "-type")


@dataclass(slots=True)
class Snapshot:
    """The names of a folder as they were, in the order that was asked for."""

    key: tuple[str, str, str]
    stamp: tuple[int, int, int]
    names: list[str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    used: float = field(default_factory=time.monotonic)
    settled: bool = True

    @property
    def bytes(self) -> int:
        return 200 + sum(len(name) + 58 for name in self.names[:1000]) * max(1, len(self.names) // 1000)


class Snapshots:
    """The snapshots that are kept, of whoever runs this process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._guard = threading.Lock()

    def take(self, fd: int, path: TreePath, sort: str, filter_text: str, cursor: str) -> tuple[Snapshot, bool]:
        """The snapshot that a cursor stands for, or one of now, and whether the folder has moved on since.

        Raises: CursorExpired, Invalid.
        """
        if sort not in SORTS:
            raise Invalid(what=f"a folder cannot be sorted by {sort!r}; possible are {', '.join(SORTS)}")
        stamp = stamp_of(fd)
        key = (path, sort, filter_text)
        with self._guard:
            self._forget_old()
            found = self._kept.get(cursor) if cursor else self._same(key, stamp)
        if found is not None and found.key == key:
            found.used = time.monotonic()
            return found, found.stamp != stamp
        if cursor:
            raise CursorExpired()
        return self.keep(Snapshot(key, stamp, names_of(fd, sort, filter_text), settled=_settled(stamp))), False

    def keep(self, snapshot: Snapshot) -> Snapshot:
        with self._guard:
            self._kept[snapshot.token] = snapshot
            self._sizes[snapshot.token] = snapshot.bytes
            self._forget_old()
        return snapshot

    def _same(self, key: tuple[str, str, str], stamp: tuple[int, int, int]) -> Snapshot | None:
        for kept in reversed(self._kept.values()):
            if kept.key == key and kept.stamp == stamp and kept.settled:
                return kept
        return None

    def _forget_old(self) -> None:
        now = time.monotonic()
        for token in [t for t, s in self._kept.items() if now - s.used > KEPT_S]:
            del self._kept[token], self._sizes[token]
        while len(self._kept) > 1 and sum(self._sizes.values()) > KEPT_BYTES:
            oldest = min(self._kept.values(), key=lambda s: s.used)
            del self._kept[oldest.token], self._sizes[oldest.token]


def stamp_of(fd: int) -> tuple[int, int, int]:
    """What changes when names in a folder change: its inode and time of modification."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _settled(stamp: tuple[int, int, int]) -> bool:
    # A folder that changed within the clock's tick may change again without its time changing.
    return time.time_ns() - stamp[2] > _SETTLED_NS


def names_of(fd: int, sort: str, filter_text: str) -> list[str]:
    """The names of a folder in order: folders first, our own records left out.

    Sorting by size or time looks at every entry, and is refused above SORTED_BY_STAT of them (see `sorted_by_stat`).
    """
    folders, others = split_names(fd, filter_text)
    what = sort.lstrip("-")
    if what in {"size", "modified"}:
        if len(folders) + len(others) > SORTED_BY_STAT:
            raise Invalid(
                what=f"this folder has {len(folders) + len(others):,} entries, and sorting that many by {what} takes a "
                "while: start it as a job (folder.sort), or type a filter first",
                entries=len(folders) + len(others),
            )
        return [
            name
            for part in (folders, others)
            for name in sorted(part, key=lambda n: (_stat_key(fd, n, what), n), reverse=sort.startswith("-"))
        ]
    return _by_name(folders, sort) + _by_name(others, sort)


def split_names(fd: int, filter_text: str) -> tuple[list[str], list[str]]:
    """The names of folders and of everything else that pass a filter (part of a name, or a pattern with * ? [])."""
    folders: list[str] = []
    others: list[str] = []
    keep = matcher(filter_text)
    with os.scandir(fd) as entries:
        for entry in entries:
            (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    if RECORDS in folders:
        folders.remove(RECORDS)
    if keep is not None:
        return [n for n in folders if keep.search(n)], [n for n in others if keep.search(n)]
    return folders, others


def matcher(filter_text: str) -> re.Pattern[str] | None:
    """The pattern of a filter: a part of the name in any case, or with * ? [] the whole name."""
    if not filter_text:
        return None
    if any(sign in filter_text for sign in "*?["):
        return re.compile(fnmatch.translate(filter_text), re.IGNORECASE)
    return re.compile(re.escape(filter_text), re.IGNORECASE)


def _by_name(names: list[str], sort: str) -> list[str]:
    if sort.lstrip("-") == "type":
        names.sort(key=lambda n: (n.rpartition(".")[2].lower() if "." in n else "", n), reverse=sort.startswith("-"))
    elif len(names) <= SORTED_NATURALLY:
        names.sort(key=natural, reverse=sort.startswith("-"))
    else:
        names.sort(reverse=sort.startswith("-"))
    return names


_DIGITS = re.compile(r"(\d+)")


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which frame-2 comes before frame-10, in any case."""
    parts = _DIGITS.split(name)
    return [(0, int(p), p) if i % 2 else (1, 0, p.lower()) for i, p in enumerate(parts)] + [(2, 0, name)]


def _stat_key(fd: int, name: str, what: str) -> int:
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return -1
    return found.st_size if what == "size" else found.st_mtime_ns


def sorted_by_stat(fd: int, sort: str, filter_text: str) -> Iterator[tuple[int, int] | list[str]]:
    """The names of a folder of any size in order of size or time: yields (done, total), at last the names."""
    folders, others = split_names(fd, filter_text)
    total, done = len(folders) + len(others), 0
    names: list[str] = []
    for part in (folders, others):
        keyed = []
        for name in part:
            keyed.append((_stat_key(fd, name, sort.lstrip("-")), name))
            done += 1
            if done % 5000 == 0:
                yield done, total
        keyed.sort(reverse=sort.startswith("-"))
        names += [name for _, name in keyed]
    yield names
