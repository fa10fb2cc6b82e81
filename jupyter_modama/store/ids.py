"""Where the folders of ids were found last, remembered beside the counts of folders: disposable like these.

Each person has an index of their own, with what that person could see.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import ProjectIds

ALL_AGAIN_S = 600.0
ALL_AGAIN_FACTOR = 100.0  # of what reading everything took: no more than a hundredth of the time goes into that
_TABLES = (
    "CREATE TABLE IF NOT EXISTS found (project BLOB, id TEXT, path BLOB, PRIMARY KEY (id, path)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS stamp (project BLOB, path BLOB, stamp TEXT, PRIMARY KEY (project, path)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS look (at REAL, took REAL)",
    "DROP TABLE IF EXISTS place",  # of a version before
)


class IdIndex:
    """The places of ids below one root, in a file of SQLite's; in memory where that cannot be written."""

    def __init__(self, file: Path) -> None:
        self.file = file.with_name(file.stem + "-ids" + file.suffix)
        self._guard, self._begun = threading.Lock(), 0
        self._unwritten: dict[str, list[TreePath]] = {}

    def recall(self, uuid: str) -> tuple[TreePath, ...]:
        """The paths at which an id was found."""
        if self._unwritten:
            return tuple(self._unwritten.get(uuid, ()))
        try:
            with self._open() as base:
                rows = base.execute("SELECT path FROM found WHERE id = ?", (uuid,)).fetchall()
        except (OSError, sqlite3.Error):
            return ()
        return tuple(_path(row[0]) for row in rows)

    def stamps(self) -> dict[TreePath, dict[TreePath, str]]:
        """What was so when each project was read; nothing where it is time to read all of them again."""
        told: dict[TreePath, dict[TreePath, str]] = {}
        try:
            with self._open() as base:
                look = base.execute("SELECT at, took FROM look").fetchone()
                if look is None or not 0 <= time.time() - look[0] < max(ALL_AGAIN_S, ALL_AGAIN_FACTOR * look[1]):
                    return {}
                for project, path, stamp in base.execute("SELECT project, path, stamp FROM stamp"):
                    told.setdefault(_path(project), {})[_path(path)] = stamp
        except (OSError, sqlite3.Error):
            return {}
        return told

    def remember(self, read: Iterable[ProjectIds], seen: Collection[TreePath], *, whole: bool) -> None:
        """Take over what was read of some projects, or of all, and forget projects that are not there any more."""
        begun = time.monotonic()
        rows = list(read)
        took_s = time.monotonic() - begun
        self._unwritten = {}
        try:
            with self._open() as base, base:
                if whole:
                    base.execute("DELETE FROM look")
                    base.execute("INSERT INTO look VALUES (?, ?)", (time.time(), took_s))
                self._write(base, rows, seen, whole)
        except (OSError, sqlite3.Error):
            with suppress(OSError):
                self.file.unlink(missing_ok=True)  # damaged, perhaps: made anew by the next one
            for row in rows:
                for uuid, path in row.found:
                    self._unwritten.setdefault(uuid, []).append(path)

    def _write(self, base: sqlite3.Connection, rows: list[ProjectIds], seen: Collection[TreePath], whole: bool) -> None:
        known = {_path(row[0]) for row in base.execute("SELECT DISTINCT project FROM stamp")}
        old = known if whole else (known - set(seen)) | {row.project for row in rows}
        for table in ("found", "stamp"):
            words = f"DELETE FROM {table} WHERE project = ?"  # noqa: S608 - our own two names
            base.executemany(words, [(_key(project),) for project in old])
        base.executemany(
            "INSERT OR IGNORE INTO found (project, id, path) VALUES (?, ?, ?)",
            ((_key(row.project), uuid, _key(path)) for row in rows for uuid, path in row.found),
        )
        base.executemany(
            "INSERT OR REPLACE INTO stamp (project, path, stamp) VALUES (?, ?, ?)",
            ((_key(row.project), _key(path), stamp) for row in rows for path, stamp in row.stamps.items()),
        )

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """One looks through the tree at a time; answers whether another one began and ended that meanwhile."""
        before = self._begun
        with self._guard:
            looked = self._begun > before
            if not looked:
                self._begun += 1
            yield looked

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(self.file, timeout=5.0)) as base:
            for table in _TABLES:
                base.execute(table)
            yield base


def _key(path: TreePath) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _path(key: bytes) -> TreePath:
    return TreePath(bytes(key).decode("utf-8", "surrogateescape"))
