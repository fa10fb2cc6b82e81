"""Counting what lies below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from jupyter_modama.core.model import FormatCount, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FOLDER, opened
from jupyter_modama.store.status import moment, statx

MOST_FORMATS = 50


class Tally:
    """What has been counted so far; it can be read while it is being counted."""

    def __init__(self) -> None:
        self.files = self.bytes = self.folders = 0
        self._formats: dict[str, tuple[int, int]] = {}
        self._first: tuple[float, str] | None = None
        self._last: tuple[float, str] | None = None

    def add(self, name: str, path: str, size: int, arrived: float) -> None:
        self.files += 1
        self.bytes += size
        ending = name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""
        ending = ending if len(ending) <= 12 else ""
        files, size_bytes = self._formats.get(ending, (0, 0))
        self._formats[ending] = (files + 1, size_bytes + size)
        if self._first is None or (arrived, path) < self._first:
            self._first = (arrived, path)
        if self._last is None or (arrived, path) > self._last:
            self._last = (arrived, path)

    def summary(self, *, complete: bool) -> Summary:
        """The counts; without `complete` only so far, so that there is no time at which they were right."""
        formats = [FormatCount(TreePath(n).shown, files, size) for n, (files, size) in self._formats.copy().items()]
        first, last = self._first or (0.0, ""), self._last or (0.0, "")
        return Summary(
            files=self.files,
            bytes=self.bytes,
            folders=self.folders,
            first_file=TreePath(first[1]).shown,
            first_arrival=_moment(first[0]) if self._first else None,
            last_file=TreePath(last[1]).shown,
            last_arrival=_moment(last[0]) if self._last else None,
            duration_s=max(0.0, last[0] - first[0]),
            formats=tuple(sorted(formats, key=lambda f: (-f.bytes, f.format))[:MOST_FORMATS]),
            complete=complete,
            counted_at=datetime.now(UTC) if complete else None,
        )


def _moment(seconds: float) -> datetime:
    return moment(int(seconds // 1), int(seconds % 1 * 1e9))


def count(top: int, path: TreePath, tally: Tally, ours: Callable[[TreePath], bool], stop: Callable[[], bool]) -> None:
    """Count files and bytes below the open folder `top` at `path`; what cannot be opened is left out.

    Each folder is opened from the top anew, so that depth costs neither descriptors nor stack.
    """
    waiting = [TreePath("")]
    while waiting and not stop():
        folder = waiting.pop()
        try:
            with opened(top, folder, FOLDER) as fd:
                inner = _count_folder(fd, folder, tally, stop)
        except OSError:
            continue
        for name in inner:
            if not ours(path / folder / name if folder else path / name):
                tally.folders += 1
                waiting.append(folder / name)


def _count_folder(fd: int, folder: TreePath, tally: Tally, stop: Callable[[], bool]) -> list[str]:
    """Count the files in one open folder; answers the names of the folders in it."""
    inner: list[str] = []
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                try:
                    found = statx(fd, entry.name)
                except OSError:
                    continue
                # A file arrived when it was born here; where the file system keeps no births, when it last changed.
                arrived = found[14] + found[15] / 1e9 if found[14] > 0 else found[17] + found[18] / 1e9
                tally.add(entry.name, folder / entry.name, found[8], arrived)
            if tally.files % 1000 == 0 and stop():
                break
    return inner
