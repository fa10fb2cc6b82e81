"""What people are to be told by mail, until it was told: kept over any crash, each thing once."""

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
_TABLE = """CREATE TABLE IF NOT EXISTS notice (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL,
    uid INTEGER NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL, made REAL NOT NULL, told REAL)"""


class NoticeBook:
    """The notices of one site, in a file of SQLite's."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, key: str, uid: int, kind: str, facts: dict[str, Any]) -> None:
        """Have somebody told something; what has this key already is not told again. Raises: StorageError."""
        row = (key, uid, kind, json.dumps(facts), time.time())
        with self._open() as base:
            base.execute("INSERT OR IGNORE INTO notice (key, uid, kind, facts, made) VALUES (?, ?, ?, ?, ?)", row)

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
            base.executemany("UPDATE notice SET told = ? WHERE key = ? AND told IS NULL", [(now, key) for key in keys])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises: StorageError; a damaged file is put aside, and a new one begun the next time."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self.file, timeout=10.0)) as base:
                base.execute(_TABLE)
                with base:
                    yield base
        except OSError as error:
            raise StorageError(what="the notices of this site", why=error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if is_damaged(error):
                with suppress(OSError):
                    self.file.rename(self.file.with_name(f"{self.file.name}.damaged-{int(time.time())}"))
            raise StorageError(what="the notices of this site", why=str(error)) from error
