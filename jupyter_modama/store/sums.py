"""Files and bytes of each folder, and their sums for each project: a memory that may be deleted at any time.

One row a folder, so that after a change one folder is looked at and not a tree. Used by one thread.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from jupyter_modama.core.paths import TreePath

_TABLES = """
CREATE TABLE IF NOT EXISTS folder (path BLOB PRIMARY KEY, above BLOB NOT NULL, project BLOB NOT NULL,
  inode INTEGER NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS folder_above ON folder (above);
CREATE TABLE IF NOT EXISTS project (path BLOB PRIMARY KEY, files INTEGER NOT NULL, bytes INTEGER NOT NULL,
  folders INTEGER NOT NULL, is_whole INTEGER NOT NULL) WITHOUT ROWID;
"""
_BELOW = """
SELECT COUNT(*), COALESCE(SUM(files), 0), COALESCE(SUM(bytes), 0)
  FROM folder WHERE path = ? OR (path > ? AND path < ?)
"""
_ADD = "UPDATE project SET files = files + ?, bytes = bytes + ?, folders = folders + ? WHERE path = ?"


class Sums:
    """The file with the rows.

    Raises (all methods): sqlite3.Error, OSError.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Not waited for on the disk: after a power cut it is made anew, after a kill it is whole.
        self._base = sqlite3.connect(file, timeout=2.0, check_same_thread=False)
        try:
            self._base.execute("PRAGMA synchronous = OFF")
            self._base.executescript(_TABLES)
            # what is damaged further down is noticed at the latest when it is used
            self._base.execute("SELECT path, above, project, inode, files, bytes FROM folder LIMIT 1").fetchone()
            self._base.execute("SELECT path, files, bytes, folders, is_whole FROM project LIMIT 1").fetchone()
            self._inode = os.stat(file).st_ino
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        self._base.close()

    def is_there(self) -> bool:
        """Whether the file is still the one that was opened, and nobody has deleted it."""
        try:
            return os.stat(self.file).st_ino == self._inode
        except OSError:
            return False

    def commit(self) -> None:
        self._base.commit()

    # folders -------------------------------------------------------------------------------------------------------

    def put(self, project: TreePath, folder: TreePath, inode: int, files: int, size: int) -> None:
        """Note what lies in one folder itself."""
        key = _key(folder)
        old = self._base.execute("SELECT files, bytes FROM folder WHERE path = ?", (key,)).fetchone()
        row = (key, _key(folder.parent), _key(project), _signed(inode), files, size)
        self._base.execute("REPLACE INTO folder VALUES (?, ?, ?, ?, ?, ?)", row)
        before, bytes_before = old or (0, 0)
        more = (files - before, size - bytes_before, int(old is None and folder != project))
        if folder == project:
            self._base.execute("INSERT OR IGNORE INTO project VALUES (?, 0, 0, 0, 0)", (key,))
        self._base.execute(_ADD, (*more, _key(project)))

    def inode(self, folder: TreePath) -> int | None:
        """The inode of a folder that was noted, None where none was."""
        row = self._base.execute("SELECT inode FROM folder WHERE path = ?", (_key(folder),)).fetchone()
        return _unsigned(row[0]) if row else None

    def inner(self, folder: TreePath) -> dict[str, int]:
        """The folders in a folder, by name, with their inodes."""
        rows = self._base.execute("SELECT path, inode FROM folder WHERE above = ?", (_key(folder),))
        return {_path(key).name: _unsigned(inode) for key, inode in rows}

    def remove(self, project: TreePath, folder: TreePath) -> None:
        """Forget a folder with all below it; of a project everything."""
        key = _key(folder)
        below = (key, key + b"/", key + b"0")  # "0" comes after "/"
        if folder == project:
            self._base.execute("DELETE FROM project WHERE path = ?", (key,))
        else:
            gone, files, size = self._base.execute(_BELOW, below).fetchone()
            self._base.execute(_ADD, (-files, -size, -gone, _key(project)))
        self._base.execute("DELETE FROM folder WHERE path = ? OR (path > ? AND path < ?)", below)

    # projects ------------------------------------------------------------------------------------------------------

    def total(self, project: TreePath) -> tuple[int, int, int] | None:
        """Files, bytes and folders of a project; None as long as it was not counted whole once."""
        found = "SELECT files, bytes, folders FROM project WHERE path = ? AND is_whole"
        row: tuple[int, int, int] | None = self._base.execute(found, (_key(project),)).fetchone()
        return row

    def whole(self, project: TreePath) -> None:
        """Note that all of a project was counted; its sums are made of its rows once more."""
        key = _key(project)
        rows, files, size = self._base.execute(_BELOW, (key, key + b"/", key + b"0")).fetchone()
        found = (files, size, max(0, rows - 1), key)
        self._base.execute("UPDATE project SET files = ?, bytes = ?, folders = ?, is_whole = 1 WHERE path = ?", found)

    def projects(self) -> list[TreePath]:
        return [_path(key) for (key,) in self._base.execute("SELECT path FROM project")]


def discard(file: Path) -> None:
    """Throw a damaged file away.

    Raises: OSError.
    """
    file.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        file.with_name(file.name + "-journal").unlink()


def _key(path: TreePath) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _path(key: bytes) -> TreePath:
    return TreePath(key.decode("utf-8", "surrogateescape"))


def _signed(inode: int) -> int:
    """The inode as a number that SQLite can hold; some file systems use all 64 bits."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode


def _unsigned(inode: int) -> int:
    return inode + (1 << 64) if inode < 0 else inode
