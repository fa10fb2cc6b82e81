"""What is sealed by its path: the rows in the records of sessions and projects.

What is sealed stands in the record `sealed-paths` of the session (or, outside of sessions, of the project) that it lies
in, by its path from there, so that renaming these changes nothing. A folder that becomes a session later can hold what
the project's record tells of, so both are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jupyter_modama.core.errors import Conflict, ModamaError
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.model import Person, Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder

RECORD = "sealed-paths"
SEALING, SEALED, UNSEALING = "sealing", "sealed", "unsealing"


@frozen
class SealedPath:
    """A file or folder that is sealed.

    `state`: sealed, sealing (under way or cut off), unsealing, open, or gone where nothing is there any more.
    """

    path: str
    state: str
    by: Person | None = None
    at: datetime | None = None
    files: int = 0
    bytes: int = 0
    protection: Protection = Protection.NONE
    note: str = ""
    path_b64: str = ""


@frozen
class Row:
    """What a record says of one sealed path; `home` is whose record."""

    home: TreePath
    key: str
    facts: dict[str, Any]

    @property
    def inner(self) -> TreePath:
        """The path from home; empty where the row is damaged."""
        try:
            return TreePath.parse(self.facts["path"], str(self.facts.get("path_b64") or ""))
        except ModamaError:
            return TreePath("")

    @property
    def path(self) -> TreePath:
        return self.home / self.inner if self.inner else TreePath("")

    @property
    def state(self) -> str:
        return str(self.facts.get("state"))

    @property
    def inode(self) -> int:
        """Of what was sealed, 0 where that was not kept."""
        found = self.facts.get("inode")
        return found if type(found) is int else 0


def below(path: TreePath, folder: TreePath) -> TreePath:
    """A path as seen from a folder above it."""
    return TreePath(path[len(folder) + 1 :]) if folder else path


def home_of(store: Store, where: Place) -> TreePath:
    """Whose record is to tell what is sealed at a place: the session's, or that of the project."""
    return where.session if where.session and is_folder(store, where.raw) else where.project


def rows_of(store: Store, home: TreePath) -> dict[str, dict[str, Any]]:
    """The sealed paths of a session or project, by their keys. Raises: RecordCorrupt."""
    found = (store.read_record(home, RECORD) or {}).get("paths")
    rows = found.items() if isinstance(found, dict) else ()
    return {key: row for key, row in rows if isinstance(row, dict) and isinstance(row.get("path"), str)}


def rows_at(store: Store, home: TreePath) -> Iterator[Row]:
    """The rows of one record. Raises: RecordCorrupt."""
    for key, facts in rows_of(store, home).items():
        yield Row(home, key, facts)


def rows_around(store: Store, where: Place) -> Iterator[Row]:
    """The rows that can say something of a place: of its session, and of its project. Raises: RecordCorrupt."""
    home = home_of(store, where)
    yield from rows_at(store, home)
    if home != where.project:
        yield from rows_at(store, where.project)


def covering(store: Store, where: Place) -> Row | None:
    """The row of the sealed file or folder that a place is, or lies in. Raises: RecordCorrupt."""
    return next((row for row in rows_around(store, where) if row.path and where.path.below(row.path)), None)


def sealed_path_at(store: Store, path: TreePath) -> SealedPath | None:
    """The sealed file or folder that a path lies in, None where it lies in none."""
    where = place(store.site, path)
    if not where.project or path == where.project or where.in_raw:
        return None
    try:
        row = covering(store, where)
    except ModamaError:
        return None
    return shown(store, row) if row else None


def check_nothing_sealed(store: Store, where: Place) -> None:
    """Raise where a path is sealed, or lies in what is, or holds something that is: it keeps its place.

    Raises: Conflict, RecordCorrupt.
    """
    for row in rows_around(store, where):
        if row.path and (row.path.below(where.path) or where.path.below(row.path)):
            kept = f"“{row.path.shown}” is sealed, and so keeps its place and its name"
            raise Conflict(what=f"{kept}; an administrator can unseal it")


def shown(store: Store, row: Row, state: str = "") -> SealedPath:
    """A row as people see it."""
    facts, path = row.facts, row.home / row.inner
    try:
        protection: Protection = Protection(facts.get("protection", ""))
        at: datetime | None = datetime.fromisoformat(str(facts.get("at")))
    except ValueError:
        protection, at = Protection.NONE, None
    return SealedPath(
        path.shown,
        state or row.state,
        store.person(facts["by"]) if type(facts.get("by")) is int else None,
        at,
        int(facts.get("files") or 0),
        int(facts.get("bytes") or 0),
        protection,
        str(facts.get("note") or ""),
        path.b64,
    )


def write_row(store: Store, home: TreePath, key: str, facts: dict[str, Any] | None, *, instead_of: str = "") -> None:
    """Write one row of a record, or take it out; the other rows stay, but for the one that it stands in place of."""
    rows = {k: v for k, v in rows_of(store, home).items() if k not in {key, instead_of}}
    store.write_record(home, RECORD, {"paths": rows | ({key: facts} if facts is not None else {})})
