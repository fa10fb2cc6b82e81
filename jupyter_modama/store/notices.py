"""What people are to be told by mail, until it was told: kept over any crash, each thing once, and none unwanted."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import StorageError
from jupyter_modama.store.sizes import is_damaged

DAY_S = 24 * 3600.0
KEPT_DAYS = 400  # so long it is known that something was told
WAITS_DAYS = 30  # what could not be told for so long is told no more
NOTHING = "{}"  # the facts of what was told: they hold names of people, and are needed no more
_TABLES = (
    """CREATE TABLE IF NOT EXISTS notice (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL,
    uid INTEGER NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL, made REAL NOT NULL, told REAL)""",
    "CREATE TABLE IF NOT EXISTS off (uid INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (uid, kind)) WITHOUT ROWID",
)


class NoticeBook:
    """The notices of one site, in a file of SQLite's."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, key: str, uid: int, kind: str, facts: dict[str, Any]) -> None:
        """Have somebody told something; what has this key already, or is not wanted, is not told.

        Raises: StorageError.
        """
        row = (key, uid, kind, json.dumps(facts), time.time())
        with self._open() as base:
            if kind not in _off(base, uid):
                base.execute("INSERT OR IGNORE INTO notice (key, uid, kind, facts, made) VALUES (?, ?, ?, ?, ?)", row)

    # what is wanted ------------------------------------------------------------------------------------------------

    def off(self, uid: int) -> frozenset[str]:
        """The kinds that somebody does not want to be told. Raises: StorageError."""
        with self._open() as base:
            return _off(base, uid)

    def switch_off(self, uid: int, kinds: frozenset[str]) -> None:
        """Have somebody told nothing of these kinds, of what waits neither, and of all others. Raises: StorageError."""
        with self._open() as base:
            base.execute("DELETE FROM off WHERE uid = ?", (uid,))
            base.executemany("INSERT INTO off (uid, kind) VALUES (?, ?)", [(uid, kind) for kind in kinds])
            base.executemany(
                "DELETE FROM notice WHERE uid = ? AND kind = ? AND told IS NULL", [(uid, kind) for kind in kinds]
            )

    def about(self, uid: int) -> list[tuple[str, float, float | None]]:
        """Of what somebody was or is to be told: the kind, and since when and when. Raises: StorageError."""
        with self._open() as base:
            return list(base.execute("SELECT kind, made, told FROM notice WHERE uid = ? ORDER BY id", (uid,)))

    def forget(self, uid: int) -> None:
        """Keep nothing about somebody. Raises: StorageError."""
        with self._open() as base:
            for table in ("off", "notice"):
                base.execute(f"DELETE FROM {table} WHERE uid = ?", (uid,))  # noqa: S608 - our own two names

    # telling -------------------------------------------------------------------------------------------------------

    def waiting(self, limit: int) -> list[dict[str, Any]]:
        """What is to be told, the oldest first. Raises: StorageError."""
        now = time.time()
        with self._open() as base:
            base.execute("DELETE FROM notice WHERE told IS NOT NULL AND told < ?", (now - KEPT_DAYS * DAY_S,))
            base.execute("DELETE FROM notice WHERE told IS NULL AND made < ?", (now - WAITS_DAYS * DAY_S,))
            rows = base.execute(
                "SELECT key, uid, kind, facts FROM notice WHERE told IS NULL ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
        return [{"key": key, "uid": uid, "kind": kind, "facts": json.loads(facts)} for key, uid, kind, facts in rows]

    def told(self, keys: Iterable[str]) -> None:
        """These were told. Raises: StorageError."""
        now = time.time()
        with self._open() as base:
            base.executemany(
                "UPDATE notice SET told = ?, facts = ? WHERE key = ? AND told IS NULL",
                [(now, NOTHING, key) for key in keys],
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises: StorageError; a damaged file is put aside, and a new one begun the next time."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self.file, timeout=10.0)) as base:
                for table in _TABLES:
                    base.execute(table)
                with base:
                    yield base
        except OSError as error:
            raise StorageError(what="the notices of this site", why=error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if is_damaged(error):
                with suppress(OSError):
                    self.file.rename(self.file.with_name(f"{self.file.name}.damaged-{int(time.time())}"))
            raise StorageError(what="the notices of this site", why=str(error)) from error


def _off(base: sqlite3.Connection, uid: int) -> frozenset[str]:
    return frozenset(str(kind) for (kind,) in base.execute("SELECT kind FROM off WHERE uid = ?", (uid,)))
