"""Where the folders of ids were found last, remembered beside the counts of folders: disposable like these.

Each person has an index of their own, with what that person could see.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jupyter_modama.core.paths import TreePath

_TABLE = "CREATE TABLE IF NOT EXISTS place (id TEXT, path BLOB, PRIMARY KEY (id, path)) WITHOUT ROWID"


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
                rows = base.execute("SELECT path FROM place WHERE id = ?", (uuid,)).fetchall()
        except (OSError, sqlite3.Error):
            return ()
        return tuple(TreePath(bytes(row[0]).decode("utf-8", "surrogateescape")) for row in rows)

    def remember(self, rows: Iterable[tuple[str, TreePath]]) -> None:
        """Replace everything that was remembered."""
        found = list(rows)
        self._unwritten = {}
        try:
            self._write(found)
        except (OSError, sqlite3.Error):
            with suppress(OSError):
                self.file.unlink(missing_ok=True)  # damaged, perhaps: made anew by the next one
            for uuid, path in found:
                self._unwritten.setdefault(uuid, []).append(path)

    def _write(self, rows: list[tuple[str, TreePath]]) -> None:
        with self._open() as base, base:
            base.execute("DELETE FROM place")
            encoded = ((uuid, path.encode("utf-8", "surrogateescape")) for uuid, path in rows)
            base.executemany("INSERT OR IGNORE INTO place (id, path) VALUES (?, ?)", encoded)

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
            base.execute(_TABLE)
            yield base
