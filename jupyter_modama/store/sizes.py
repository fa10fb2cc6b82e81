"""What was counted of the site: projects, how they grew, and the disk; disposable, and counted anew where it is gone.

Growth is one row a project and day, only where the size has changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import StorageError
from jupyter_modama.core.names import fold
from jupyter_modama.core.paths import TreePath

GROWTH_DAYS = 30
KEPT_DAYS = 800
UNDAMAGED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
UNDAMAGED |= {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR}
_TABLES = """
CREATE TABLE IF NOT EXISTS project (path BLOB PRIMARY KEY, folded TEXT, looked_at TEXT, owners TEXT,
    owners_gone INTEGER, size_bytes INTEGER, files INTEGER, counted_at TEXT, grown_bytes INTEGER, grown_days INTEGER,
    sessions INTEGER, unsealed INTEGER, quiet INTEGER, requests INTEGER);
CREATE TABLE IF NOT EXISTS growth (id TEXT, day INTEGER, size_bytes INTEGER, PRIMARY KEY (id, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disk (day INTEGER PRIMARY KEY, used INTEGER, total INTEGER);
CREATE TABLE IF NOT EXISTS quiet (path BLOB PRIMARY KEY, project BLOB, since TEXT, size_bytes INTEGER, files INTEGER);
CREATE INDEX IF NOT EXISTS quiet_of ON quiet (project);
"""
COLUMNS = (
    *("path", "owners", "owners_gone", "size_bytes", "files", "counted_at", "grown_bytes", "grown_days", "sessions"),
    *("unsealed", "quiet", "requests"),
)
ORDERS = {
    "project": "folded",
    "size": "size_bytes",
    "growth": "grown_bytes",
    "gone": "owners_gone",
    **{name: name for name in ("files", "sessions", "unsealed", "quiet", "requests")},
}
ONLY = {
    "all": "1",
    "gone": "owners_gone > 0",
    "unsealed": "unsealed > 0",
    "quiet": "quiet > 0",
    "requests": "requests > 0",
}


class SizeBook:
    """The counts of one site, in a file of SQLite's."""

    def __init__(self, file: Path) -> None:
        self.file = file

    # counting --------------------------------------------------------------------------------------------------------

    def looked_at(self) -> dict[TreePath, str]:
        """When each project was counted last."""
        with self._open() as base:
            return {_path(path): at for path, at in base.execute("SELECT path, looked_at FROM project")}

    def note(
        self, path: TreePath, now: datetime, *, id: str, words: str, quiet: list[dict[str, Any]], **facts: Any
    ) -> None:
        """Remember what was counted of a project, and its size of this day where that has changed.

        `words`: what else it is found by.

        Raises: StorageError.
        """
        with self._open() as base:
            grown, days = _grown(base, id, _day(now), facts["size_bytes"])
            row = {
                "path": _key(path),
                "folded": f"{fold(path.shown)}\n{fold(words)}",
                "looked_at": now.isoformat(),
                **facts,
                "owners": json.dumps(facts["owners"]),
                "counted_at": facts["counted_at"].isoformat(),
                "grown_bytes": grown,
                "grown_days": days,
                "quiet": len(quiet),
            }
            _put(base, "project", row)
            base.execute("DELETE FROM quiet WHERE project = ?", (_key(path),))
            for one in quiet:
                _put(
                    base,
                    "quiet",
                    {**one, "path": _key(one["path"]), "project": _key(path), "since": one["since"].isoformat()},
                )

    def note_disk(self, now: datetime, used: int, total: int) -> None:
        """Remember how full the disk is today. Raises: StorageError."""
        with self._open() as base:
            _put(base, "disk", {"day": _day(now), "used": used, "total": total})

    def forget_others(self, paths: set[TreePath], now: datetime) -> None:
        """Forget projects that are there no more, and what is too old to tell of growth. Raises: StorageError."""
        known = {_key(path) for path in paths}
        with self._open() as base:
            gone = [(path,) for (path,) in base.execute("SELECT path FROM project") if bytes(path) not in known]
            base.executemany("DELETE FROM project WHERE path = ?", gone)
            base.executemany("DELETE FROM quiet WHERE project = ?", gone)
            base.execute("DELETE FROM disk WHERE day < ?", (_day(now) - KEPT_DAYS,))
            base.execute(
                "DELETE FROM growth WHERE day < ? AND EXISTS (SELECT 1 FROM growth newer WHERE newer.id = growth.id "
                "AND newer.day > growth.day AND newer.day <= ?)",
                (_day(now) - KEPT_DAYS, _day(now) - KEPT_DAYS),
            )

    # looking ---------------------------------------------------------------------------------------------------------

    def page(
        self, search: str, only: str, by: str, downwards: bool, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Some projects, and how many there are of these."""
        # instr and not LIKE: what is searched for has no patterns.
        where = f"{ONLY[only]} AND instr(folded, ?) > 0"
        order = f"{ORDERS[by]} {'DESC' if downwards else 'ASC'}, path"
        found = (fold(search),)
        with self._open() as base:
            total = base.execute(f"SELECT count(*) FROM project WHERE {where}", found).fetchone()[0]  # noqa: S608
            rows = base.execute(
                f"SELECT {', '.join(COLUMNS)} FROM project WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
                (*found, limit, start),
            ).fetchall()
        return [_row(dict(zip(COLUMNS, row, strict=True))) for row in rows], int(total)

    def totals(self) -> tuple[dict[str, int], datetime | None]:
        """Sums of all projects, and when the oldest of them was counted."""
        names = ("size_bytes", "files", "sessions", "unsealed", "quiet", "requests")
        sums = ", ".join(f"total({name})" for name in names)
        with self._open() as base:
            found = base.execute(
                f"SELECT count(*), min(looked_at), total(owners_gone > 0), {sums} FROM project"  # noqa: S608
            ).fetchone()
        counted = datetime.fromisoformat(found[1]) if found[1] else None
        sums_of = {name: int(value) for name, value in zip(names, found[3:], strict=True)}
        return {"projects": found[0], "gone": int(found[2]), **sums_of}, counted

    def quiet(self, limit: int) -> list[dict[str, Any]]:
        """Quiet sessions, those that are quiet longest first."""
        with self._open() as base:
            rows = base.execute(
                "SELECT path, since, size_bytes, files FROM quiet ORDER BY since, path LIMIT ?", (limit,)
            ).fetchall()
        return [
            {"path": _path(path), "since": datetime.fromisoformat(since), "size_bytes": size, "files": files}
            for path, since, size, files in rows
        ]

    def disk_days(self) -> list[tuple[int, int]]:
        """(day, bytes used) of the last days that were counted."""
        oldest = _day(datetime.now(UTC)) - GROWTH_DAYS
        with self._open() as base:
            return base.execute("SELECT day, used FROM disk WHERE day >= ? ORDER BY day", (oldest,)).fetchall()

    # the file --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises: StorageError; a damaged file is thrown away first."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self.file, timeout=10.0)) as base:
                # Whole after any kill; only a machine that loses power can damage it, and it can be made anew.
                base.execute("PRAGMA synchronous=OFF")
                base.executescript(_TABLES)
                with base:
                    yield base
        except OSError as error:
            raise StorageError(what="the sizes of this site", why=error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if is_damaged(error):
                throw_away(self.file)
            raise StorageError(what="the sizes of this site", why=f"{error}; please try again") from error


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether an error says something of the file itself, and not of the disk or of others who use it."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.DatabaseError) and (code is None or code & 0xFF not in UNDAMAGED)


def throw_away(file: Path) -> None:
    """Remove a file of SQLite's with what belongs to it."""
    for ending in ("", "-journal"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _put(base: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    base.execute(f"REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def _grown(base: sqlite3.Connection, id: str, day: int, size: int) -> tuple[int | None, int]:
    """How much a project has grown, and in how many days; writes down its size of today where that is another."""
    last = base.execute("SELECT size_bytes FROM growth WHERE id = ? ORDER BY day DESC LIMIT 1", (id,)).fetchone()
    if last is None or last[0] != size:
        _put(base, "growth", {"id": id, "day": day, "size_bytes": size})
    then = base.execute(
        "SELECT day, size_bytes FROM growth WHERE id = ? AND day <= ? ORDER BY day DESC LIMIT 1",
        (id, day - GROWTH_DAYS),
    ).fetchone()
    if then is not None:
        return size - then[1], GROWTH_DAYS
    first = base.execute("SELECT day, size_bytes FROM growth WHERE id = ? ORDER BY day LIMIT 1", (id,)).fetchone()
    begun = base.execute("SELECT min(day) FROM disk").fetchone()[0]
    if begun is not None and begun < first[0]:  # it was not there when others were counted: all of it is growth
        return size, min(GROWTH_DAYS, day - begun)
    return (size - first[1], day - first[0]) if day > first[0] else (None, 0)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "path": _path(row["path"]),
        "owners": tuple(json.loads(row["owners"])),
        "counted_at": datetime.fromisoformat(row["counted_at"]),
    }


def _day(now: datetime) -> int:
    return now.date().toordinal()


def _key(path: TreePath) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _path(key: bytes) -> TreePath:
    return TreePath(bytes(key).decode("utf-8", "surrogateescape"))
