"""Counts and sizes of folders, remembered: disposable, rebuilt from the tree whenever it is gone or damaged.

A count goes on in the background when somebody's patience ends; the next one who asks finds its result.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import FormatCount, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FOLDER, open_beneath
from jupyter_modama.store.status import moment, statx

FRESH_S = 2.0
FRESH_FACTOR = 20.0  # what took 3 s to count is believed for a minute more
_TABLE = "CREATE TABLE IF NOT EXISTS summary (path BLOB PRIMARY KEY, inode INTEGER, took REAL, body TEXT NOT NULL)"


class Index:
    """What was counted below one root."""

    def __init__(self, root_fd: int, root: str, cache: Path) -> None:
        self.root_fd = root_fd
        self.file = cache / f"index-{hashlib.sha256(root.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.sqlite"
        self._counting: dict[TreePath, Future[Summary]] = {}
        self._guard = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="modama-count")

    def summary(self, path: TreePath, patience_s: float) -> Summary:
        """The counts of a folder: fresh ones, or after the patience those of last time, or what is there so far.

        Raises: OSError where the folder cannot be opened at all.
        """
        fd = open_beneath(self.root_fd, path, FOLDER)
        inode, modified = os.fstat(fd).st_ino, os.fstat(fd).st_mtime
        os.close(fd)
        known, took = self._recall(path, inode)
        if known and known.counted_at:
            age = (datetime.now(UTC) - known.counted_at).total_seconds()
            older = known.counted_at.timestamp() > modified
            if 0 <= age < (FRESH_S if older else 0.0) + FRESH_FACTOR * took:
                return known
        with self._guard:
            counting = self._counting.get(path)
            if counting is None:
                counting = self._counting[path] = self._pool.submit(self._count, path, inode)
        try:
            return counting.result(timeout=patience_s)
        except NotYet:
            return replace(known, complete=False) if known else Summary(0, 0, 0, complete=False)

    def _count(self, path: TreePath, inode: int) -> Summary:
        try:
            begun = time.monotonic()
            found = count(self.root_fd, path)
            self._remember(path, inode, found, time.monotonic() - begun)
            return found
        finally:
            with self._guard:
                self._counting.pop(path, None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    # the file ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        base = sqlite3.connect(self.file, timeout=2.0)
        try:
            base.execute(_TABLE)
            with base:
                yield base
        finally:
            base.close()

    def _recall(self, path: TreePath, inode: int) -> tuple[Summary | None, float]:
        try:
            with self._open() as base:
                row = base.execute(
                    "SELECT body, took FROM summary WHERE path = ? AND inode = ?", (_key(path), inode)
                ).fetchone()
            return (_from_json(json.loads(row[0])), float(row[1])) if row else (None, 0.0)
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError):
            self._start_anew()
            return None, 0.0

    def _remember(self, path: TreePath, inode: int, found: Summary, took_s: float) -> None:
        body = json.dumps(asdict(found), default=lambda v: v.isoformat())
        try:
            with self._open() as base:
                base.execute("REPLACE INTO summary VALUES (?, ?, ?, ?)", (_key(path), inode, took_s, body))
        except (sqlite3.Error, OSError):
            self._start_anew()

    def _start_anew(self) -> None:
        """Throw a damaged index away; a full disk only means that nothing is remembered."""
        for name in (self.file, self.file.with_name(self.file.name + "-journal")):
            try:
                name.unlink(missing_ok=True)
            except OSError:
                return


def _key(path: TreePath) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _from_json(body: dict[str, Any]) -> Summary:
    times = {k: datetime.fromisoformat(body[k]) for k in ("first_arrival", "last_arrival", "counted_at") if body[k]}
    formats = tuple(FormatCount(**f) for f in body["formats"])
    return Summary(**{**body, **times, "formats": formats})


class _Tally:
    def __init__(self) -> None:
        self.files = self.bytes = self.folders = 0
        self.formats: dict[str, list[int]] = {}
        self.first: tuple[float, str] | None = None
        self.last: tuple[float, str] | None = None

    def add(self, name: str, path: str, size: int, arrived: float) -> None:
        self.files += 1
        self.bytes += size
        ending = name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""
        per_format = self.formats.setdefault(ending if len(ending) <= 12 else "", [0, 0])
        per_format[0] += 1
        per_format[1] += size
        if self.first is None or (arrived, path) < self.first:
            self.first = (arrived, path)
        if self.last is None or (arrived, path) > self.last:
            self.last = (arrived, path)


def count(root_fd: int, path: TreePath) -> Summary:
    """Count files and bytes below a folder, by descriptors; what cannot be opened is left out.

    A file arrived when it was born here; where the file system keeps no births, when it last changed.
    """
    tally = _Tally()
    top = open_beneath(root_fd, path, FOLDER)
    _walk(top, "", tally)
    formats = sorted((FormatCount(n, c, b) for n, (c, b) in tally.formats.items()), key=lambda f: (-f.bytes, f.format))
    first, last = tally.first or (0.0, ""), tally.last or (0.0, "")
    shown = (TreePath(first[1]).shown, TreePath(last[1]).shown)
    return Summary(
        files=tally.files,
        bytes=tally.bytes,
        folders=tally.folders,
        first_file=shown[0],
        first_arrival=moment(int(first[0]), int(first[0] % 1 * 1e9)) if tally.first else None,
        last_file=shown[1],
        last_arrival=moment(int(last[0]), int(last[0] % 1 * 1e9)) if tally.last else None,
        duration_s=last[0] - first[0],
        formats=tuple(formats[:50]),
        counted_at=datetime.now(UTC),
    )


def _walk(fd: int, prefix: str, tally: _Tally) -> None:
    """Count below an open folder, which is closed."""
    inner: list[str] = []
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != RECORDS:
                        inner.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    try:
                        found = statx(fd, entry.name)
                    except OSError:
                        continue
                    born = found[14] + found[15] / 1e9 if found[14] > 0 else found[17] + found[18] / 1e9
                    tally.add(entry.name, prefix + entry.name, found[8], born)
        for name in inner:
            tally.folders += 1
            try:
                below = os.open(name, FOLDER, dir_fd=fd)
            except OSError:
                continue
            _walk(below, f"{prefix}{name}/", tally)
    finally:
        os.close(fd)
