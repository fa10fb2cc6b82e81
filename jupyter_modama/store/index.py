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
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_modama.core.model import FormatCount, Summary
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FOLDER, open_beneath
from jupyter_modama.store.counting import Tally, count

FRESH_S = 2.0
FRESH_FACTOR = 20.0  # what took 3 s to count is believed for a minute more
AT_ONCE = 2
_TABLE = "CREATE TABLE IF NOT EXISTS summary (path BLOB PRIMARY KEY, inode INTEGER, took REAL, body TEXT NOT NULL)"
# What says nothing about the file itself: others are writing, the disk is full, it may not be written or opened.
_UNDAMAGED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}


class Index:
    """What was counted below one root; `ours` says which folders hold records and are not counted."""

    def __init__(self, root_fd: int, root: str, cache: Path, ours: Callable[[TreePath], bool]) -> None:
        self.root_fd = root_fd
        self.ours = ours
        self.file = cache / f"index-{hashlib.sha256(root.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.sqlite"
        self._counting: dict[TreePath, tuple[Future[Summary], Tally]] = {}
        self._guard = threading.Lock()
        self._room = threading.Semaphore(AT_ONCE)
        self._closed = threading.Event()

    def summary(self, path: TreePath, patience_s: float) -> Summary:
        """The counts of a folder: fresh ones, or after the patience those of last time, or what is counted so far.

        Raises: OSError where the folder cannot be opened at all.
        """
        fd = open_beneath(self.root_fd, path, FOLDER)
        inode = os.fstat(fd).st_ino
        known, took = self._recall(path, inode)
        if known and known.counted_at:
            age = (datetime.now(UTC) - known.counted_at).total_seconds()
            if 0 <= age < FRESH_S + FRESH_FACTOR * took:
                os.close(fd)
                return known
        counting, tally = self._begin(path, fd, inode)
        try:
            return counting.result(timeout=patience_s)
        except NotYet:
            return replace(known, complete=False) if known else tally.summary(complete=False)

    def _begin(self, path: TreePath, fd: int, inode: int) -> tuple[Future[Summary], Tally]:
        """Count an open folder, which is closed, in the background, unless somebody does already."""
        with self._guard:
            if path in self._counting:
                os.close(fd)
                return self._counting[path]
            begun = self._counting[path] = (Future(), Tally())
        # A daemon: a program that ends does not wait for a count, which the next one can make again.
        threading.Thread(target=self._count, args=(path, fd, inode, *begun), name="modama-count", daemon=True).start()
        return begun

    def _count(self, path: TreePath, fd: int, inode: int, counting: Future[Summary], tally: Tally) -> None:
        try:
            with self._room:
                begun = time.monotonic()
                count(fd, path, tally, self.ours, self._closed.is_set)
                found = tally.summary(complete=not self._closed.is_set())
                if found.complete:
                    self._remember(path, inode, found, time.monotonic() - begun)
            self._ended(path, fd)
            counting.set_result(found)
        except BaseException as error:
            self._ended(path, fd)
            counting.set_exception(error)

    def _ended(self, path: TreePath, fd: int) -> None:
        """Before the result is given, so that whoever asks after that has it counted anew."""
        os.close(fd)
        with self._guard:
            self._counting.pop(path, None)

    def close(self) -> None:
        """Let what is being counted stop."""
        self._closed.set()

    # the file ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(self.file, timeout=2.0)) as base:
            base.execute(_TABLE)
            with base:
                yield base

    def _recall(self, path: TreePath, inode: int) -> tuple[Summary | None, float]:
        try:
            with self._open() as base:
                found = "SELECT body, took FROM summary WHERE path = ? AND inode = ?"
                row = base.execute(found, (_key(path), _signed(inode))).fetchone()
            return (_from_json(json.loads(row[0])), float(row[1])) if row else (None, 0.0)
        except OSError:
            return None, 0.0
        except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
            self._start_anew(error)
            return None, 0.0

    def _remember(self, path: TreePath, inode: int, found: Summary, took_s: float) -> None:
        body = json.dumps(asdict(found), default=lambda v: v.isoformat())
        try:
            with self._open() as base:
                row = (_key(path), _signed(inode), took_s, body)
                base.execute("REPLACE INTO summary (path, inode, took, body) VALUES (?, ?, ?, ?)", row)
        except OSError:
            return
        except sqlite3.Error as error:
            self._start_anew(error)

    def _start_anew(self, error: Exception) -> None:
        """Throw a damaged index away; where it is only busy, or the disk full, nothing is remembered, that is all."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _UNDAMAGED:
            return
        for name in (self.file, self.file.with_name(self.file.name + "-journal")):
            try:
                name.unlink(missing_ok=True)
            except OSError:
                return


def _signed(inode: int) -> int:
    """The inode as a number that SQLite can hold; some file systems use all 64 bits."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode


def _key(path: TreePath) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _from_json(body: dict[str, Any]) -> Summary:
    times = {k: datetime.fromisoformat(body[k]) for k in ("first_arrival", "last_arrival", "counted_at") if body[k]}
    formats = tuple(FormatCount(**f) for f in body["formats"])
    return Summary(**{**body, **times, "formats": formats})
