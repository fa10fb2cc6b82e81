"""What this process has last written into each record, so that it is known again after others could have changed it.

A row a record, with its SHA-256, in a file of SQLite's beside the jobs. A folder of records is known by its inode and
the time of its birth, which nobody can set, so that a renamed project is known and a copied one is not. What is not in
here is not believed, which is the safe side: the file may be lost, and is filled again every night.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jupyter_modama.store.sizes import is_damaged
from jupyter_modama.store.status import statx

_TABLE = """CREATE TABLE IF NOT EXISTS written (box TEXT, name TEXT, sha256 TEXT, PRIMARY KEY (box, name))
    WITHOUT ROWID"""
_INODE, _BORN_S, _BORN_NS = 7, 14, 15


class Written:
    """The checksums of the records of one tree."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def note(self, box: int, name: str, content: bytes) -> None:
        """Remember what a file in an open folder of records holds."""
        self.note_sha256(box, name, hashlib.sha256(content).hexdigest())

    def note_sha256(self, box: int, name: str, sha256: str) -> None:
        """The same of what has this checksum."""
        with suppress(OSError, sqlite3.Error), self._open() as base:
            row = (_key(box), name, sha256)
            base.execute("INSERT OR REPLACE INTO written (box, name, sha256) VALUES (?, ?, ?)", row)

    def knows(self, box: int, name: str, sha256: str) -> bool:
        """Whether this is what was written last under a name."""
        with suppress(OSError, sqlite3.Error), self._open() as base:
            words = "SELECT 1 FROM written WHERE box = ? AND name = ? AND sha256 = ?"
            return base.execute(words, (_key(box), name, sha256)).fetchone() is not None
        return False

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises: OSError, sqlite3.Error; a damaged file is put aside, and a new one begun the next time."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self.file, timeout=10.0)) as base:
                base.execute("PRAGMA synchronous = OFF")  # a row that is lost makes nobody believe anything
                base.execute(_TABLE)
                with base:
                    yield base
        except sqlite3.Error as error:
            if is_damaged(error):
                with suppress(OSError):
                    self.file.rename(self.file.with_name(f"{self.file.name}.damaged-{int(time.time())}"))
            raise


def _key(box: int) -> str:
    found = statx(box)
    return f"{found[_INODE]}:{found[_BORN_S]}.{found[_BORN_NS]}"
