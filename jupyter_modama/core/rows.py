"""Rows in the order of their paths: few are held in memory, a million lie in a file without a name.

A row is a path, a NUL, and what is said of it; so rows are in the order of the paths' bytes. What is held is put down
sorted when it has become much, and the sorted runs are read side by side.
"""

from __future__ import annotations

import heapq
import os
import weakref
from collections.abc import Callable, Iterable, Iterator

from jupyter_modama.core.errors import from_os
from jupyter_modama.core.paths import TreePath

HELD_BYTES = 4 << 20
WEIGHT = 64  # bytes that a row takes in memory beside its own
PIECE = 1 << 15
Joined = tuple[bytes, bytes | None, bytes | None]


class Rows:
    """A list that is sorted when it is read, as often as wanted; `opened` gives a descriptor of a file of its own.

    Raises (add, put, iteration): StorageError, DiskFull.
    """

    def __init__(self, opened: Callable[[], int] | None = None) -> None:
        self._opened = opened
        self._fd = -1
        self._end = 0
        self._runs: list[tuple[int, int]] = []
        self._held: list[bytes] = []
        self._weight = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, path: str, said: bytes = b"") -> None:
        self.put(path.encode("utf-8", "surrogateescape") + b"\0" + said)

    def put(self, row: bytes) -> None:
        self._held.append(row)
        self._count += 1
        self._weight += len(row) + WEIGHT
        if self._weight > HELD_BYTES and self._opened is not None:
            try:
                self._put_down(self._opened)
            except OSError as error:
                raise from_os(error, "keeping a long list of files for a while") from error

    def __iter__(self) -> Iterator[bytes]:
        self._held.sort()
        if not self._runs:
            return iter(self._held)
        return heapq.merge(*(self._run(*run) for run in self._runs), self._held)

    def _put_down(self, opened: Callable[[], int]) -> None:
        if self._fd < 0:
            self._fd = opened()
            weakref.finalize(self, os.close, self._fd)
        begin = self._end
        self._held.sort()
        for first in range(0, len(self._held), 1000):
            view = memoryview(b"".join(map(_escaped, self._held[first : first + 1000])))
            while view:
                count = os.pwrite(self._fd, view, self._end)
                view, self._end = view[count:], self._end + count
        self._runs.append((begin, self._end))
        self._held, self._weight = [], 0

    def _run(self, at: int, end: int) -> Iterator[bytes]:
        rest = b""
        while at < end:
            try:
                piece = os.pread(self._fd, min(PIECE, end - at), at)
                if not piece:
                    raise OSError(5, "the list ends too early")
            except OSError as error:
                raise from_os(error, "reading a long list of files again") from error
            at += len(piece)
            piece = rest + piece
            *rows, rest = piece.split(b"\n")
            yield from map(_unescaped, rows) if b"\\" in piece else rows


def _escaped(row: bytes) -> bytes:
    if b"\n" in row or b"\\" in row:
        row = row.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    return row + b"\n"


def _unescaped(row: bytes) -> bytes:
    if b"\\" not in row:
        return row
    return b"\\".join(part.replace(b"\\n", b"\n") for part in row.split(b"\\\\"))


# Reading -------------------------------------------------------------------------------------------------------------


def path_of(row: bytes) -> TreePath:
    """The path of a row."""
    return TreePath(row.partition(b"\0")[0].decode("utf-8", "surrogateescape"))


def below(rows: Iterable[bytes], top: TreePath, part: TreePath | None = None) -> Iterator[bytes]:
    """The rows of what is `part` (or `top`) or lies below it, with their paths from `top`."""
    whole = top.encode("utf-8", "surrogateescape")
    above = whole + b"/" if top else b""
    wanted = whole if part is None else part.encode("utf-8", "surrogateescape")
    for row in rows:
        if not wanted or row.startswith((wanted + b"/", wanted + b"\0")):
            yield row[len(above) if row.startswith(above) else len(whole) :]


def joined(then: Iterable[bytes], now: Iterable[bytes]) -> Iterator[Joined]:
    """Two sorted lists side by side: each path with what either says of it, None where it has no such path."""
    olds, news = iter(then), iter(now)
    old, new = _next(olds), _next(news)
    while old is not None or new is not None:
        if old is not None and (new is None or old[0] < new[0]):
            yield old[0], old[1], None
            old = _next(olds)
        elif new is not None and (old is None or new[0] < old[0]):
            yield new[0], None, new[1]
            new = _next(news)
        elif old is not None and new is not None:
            yield old[0], old[1], new[1]
            old, new = _next(olds), _next(news)


def _next(rows: Iterator[bytes]) -> tuple[bytes, bytes] | None:
    row = next(rows, None)
    if row is None:
        return None
    path, _, said = row.partition(b"\0")
    return path, said
