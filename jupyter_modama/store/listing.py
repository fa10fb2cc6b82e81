"""Folders of any size, page by page: the names once, pinned as a snapshot, and a stat for what a page shows.

A snapshot is kept for ten minutes since it was last asked for, and all of them together up to 200 MB.
"""

from __future__ import annotations

import fnmatch
import os
import re
import secrets
import sys
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from jupyter_modama.core.errors import CursorExpired, Invalid
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.lister import by_type

KEPT_S = 600.0
KEPT_BYTES = 200 << 20
SORTED_BY_STAT = 20_000
SORTED_NATURALLY = 20_000
READ_HERE = 10_000
TOLD_EVERY = 5000
BY_STAT = {"size", "modified"}
_SETTLED_NS = 50_000_000

Stamp = tuple[int, int, int, int]


@frozen
class Asked:
    """Which folder, in which order, which names of it: all but `hidden` that pass the filter."""

    path: TreePath
    sort: str = "name"
    filter: str = ""
    hidden: str = ""

    @property
    def by(self) -> str:
        return self.sort.lstrip("-")

    @property
    def backwards(self) -> bool:
        return self.sort.startswith("-")


@dataclass(slots=True)
class Snapshot:
    """The names of a folder as they were, in the order that was asked for."""

    key: Asked
    stamp: Stamp
    names: list[str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    used: float = field(default_factory=time.monotonic)
    settled: bool = True

    @property
    def bytes(self) -> int:
        some = self.names[:: max(1, len(self.names) // 1000)]
        return 200 + len(self.names) * (8 + sum(map(sys.getsizeof, some)) // max(1, len(some)))


class Snapshots:
    """The snapshots that are kept, of whoever runs this process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._guard = threading.Lock()

    def take(self, fd: int, asked: Asked, cursor: str) -> tuple[Snapshot, bool]:
        """The snapshot that a cursor stands for, or one of now, and whether the folder has moved on since.

        Raises: CursorExpired, Invalid.
        """
        stamp = stamp_of(fd)
        with self._guard:
            self._forget_old()
            found = self._kept.get(cursor) if cursor else self._same(asked, stamp)
            if found is not None and found.key == asked and found.stamp[:2] == stamp[:2]:
                found.used = time.monotonic()
                return found, found.stamp != stamp
        if cursor:
            raise CursorExpired()
        return self.keep(asked, stamp, names_of(fd, asked)), False

    def keep(self, asked: Asked, stamp: Stamp, names: list[str]) -> Snapshot:
        """Pin the names of a folder that had this stamp before they were read."""
        snapshot = Snapshot(asked, stamp, names, settled=_settled(stamp))
        with self._guard:
            self._kept[snapshot.token] = snapshot
            self._sizes[snapshot.token] = snapshot.bytes
            self._forget_old()
        return snapshot

    @property
    def bytes(self) -> int:
        """What all of them take in memory, about."""
        return sum(self._sizes.values())

    def _same(self, asked: Asked, stamp: Stamp) -> Snapshot | None:
        for kept in reversed(self._kept.values()):
            if kept.key == asked and kept.stamp == stamp and kept.settled:
                return kept
        return None

    def _forget_old(self) -> None:
        now = time.monotonic()
        for token in [t for t, s in self._kept.items() if now - s.used > KEPT_S]:
            del self._kept[token], self._sizes[token]
        while len(self._kept) > 1 and self.bytes > KEPT_BYTES:
            oldest = min(self._kept.values(), key=lambda s: s.used)
            del self._kept[oldest.token], self._sizes[oldest.token]


def stamp_of(fd: int) -> Stamp:
    """What changes when names in a folder change: its times; that of modification alone rsync sets back."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _settled(stamp: Stamp) -> bool:
    # A folder that changed within the clock's tick may change again without its time changing.
    return time.time_ns() - max(stamp[2:]) > _SETTLED_NS


def names_of(fd: int, asked: Asked) -> list[str]:
    """The names of a folder in order, folders first.

    Sorting by size or time looks at every entry, and is refused above SORTED_BY_STAT of them (see `sorted_by_stat`).
    """
    folders, others, ready = _split(fd, asked)
    if asked.by in BY_STAT:
        count = len(folders) + len(others)
        if count > SORTED_BY_STAT:
            raise Invalid(
                what=f"this folder has {count:,} entries, and sorting that many by {asked.by} takes a while: start it "
                "as a job (folder.sort), or type a filter first",
                entries=count,
            )
        return [
            name
            for part in (folders, others)
            for name in sorted(part, key=lambda n: (_stat_key(fd, n, asked.by), n), reverse=asked.backwards)
        ]
    return _by_name(folders, asked, ready) + _by_name(others, asked, ready)


def split_names(fd: int, asked: Asked) -> tuple[list[str], list[str]]:
    """The names of folders and of everything else that pass the filter."""
    return _split(fd, asked)[:2]


def _split(fd: int, asked: Asked) -> tuple[list[str], list[str], bool]:
    """The names of folders and of everything else that pass the filter, and whether they are sorted plainly already.

    Those of large folders are read and sorted by another process: to sort a million holds the interpreter for half a
    second, in which a server would answer nobody.
    """
    keep = matcher(asked.filter)
    found = _scanned(fd, READ_HERE)
    if found is None:
        from jupyter_modama.store import listers

        apart = listers.shared.names(fd, asked.sort, asked.hidden, keep.pattern if keep else "")
        if apart is not None:
            return *apart, True
    folders, others = found or _scanned(fd, sys.maxsize) or ([], [])
    if asked.hidden in folders:
        folders.remove(asked.hidden)
    if keep is not None:
        return [n for n in folders if keep.search(n)], [n for n in others if keep.search(n)], False
    return folders, others, False


def _scanned(fd: int, most: int) -> tuple[list[str], list[str]] | None:
    """The names of folders and of everything else; None where there are more than `most`."""
    folders: list[str] = []
    others: list[str] = []
    with os.scandir(fd) as entries:
        for number, entry in enumerate(entries):
            if number == most:
                return None
            (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    return folders, others


def matcher(filter_text: str) -> re.Pattern[str] | None:
    """The pattern of a filter: a part of the name in any case, or with * ? [] the whole name."""
    if not filter_text:
        return None
    # Names from a Mac have their accents apart.
    spellings = {filter_text, *(unicodedata.normalize(form, filter_text) for form in ("NFC", "NFD"))}
    if any(sign in filter_text for sign in "*?["):
        return re.compile("|".join(rf"\A{fnmatch.translate(text)}" for text in sorted(spellings)), re.IGNORECASE)
    return re.compile("|".join(map(re.escape, sorted(spellings))), re.IGNORECASE)


def _by_name(names: list[str], asked: Asked, ready: bool) -> list[str]:
    if asked.by != "type" and len(names) <= SORTED_NATURALLY:
        names.sort(key=natural, reverse=asked.backwards)
    elif ready:
        return names
    elif asked.by == "type":
        names.sort(key=by_type, reverse=asked.backwards)
    else:
        names.sort(reverse=asked.backwards)
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


def sorted_by_stat(fd: int, asked: Asked) -> Iterator[tuple[int, int] | list[str]]:
    """The names of a folder of any size in order of size or time: yields (done, total), at last the names.

    An order that needs no look at the entries is made at once.
    """
    if asked.by not in BY_STAT:
        yield names_of(fd, asked)
        return
    folders, others = split_names(fd, asked)
    total, done = len(folders) + len(others), 0
    names: list[str] = []
    for part in (folders, others):
        keyed = []
        for name in part:
            keyed.append((_stat_key(fd, name, asked.by), name))
            done += 1
            if done % TOLD_EVERY == 0:
                yield done, total
        keyed.sort(reverse=asked.backwards)
        names += [name for _, name in keyed]
    yield names
