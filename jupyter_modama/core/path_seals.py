"""Sealing a file or folder outside raw, by administrators, for good reasons such as a published result.

What is sealed stands in the record `sealed-paths` of the session (or, outside of sessions, of the project) that it lies
in, by its path from there, so that renaming these changes nothing. A kill leaves a row that says what was under way:
sealing or unsealing again goes on from there. Folders above a sealed path can be renamed by those who may do so.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import (
    Conflict,
    Invalid,
    ModamaError,
    NotAllowed,
    NotFound,
    ReasonMissing,
    StorageError,
)
from jupyter_modama.core.layout import RECORDS, Place, place
from jupyter_modama.core.model import Actor, EntryKind, Person, Progress, Protection, Role, VerifyReport
from jupyter_modama.core.paths import TreePath, encoded
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.spreading import mend_part
from jupyter_modama.core.surveying import check_way, open_writers
from jupyter_modama.core.verifying import (
    MANIFEST,
    Comparison,
    compare,
    compare_folders,
    compare_links,
    hashed_files,
    mismatch,
)

RECORD = "sealed-paths"
SEALING, SEALED, UNSEALING = "sealing", "sealed", "unsealing"


@dataclass(frozen=True, slots=True)
class SealPath:
    """`despite_writers`: also where programs still hold files open for writing, which the audit keeps."""

    path: str
    note: str = ""
    despite_writers: bool = False
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class UnsealPath:
    path: str
    reason: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class VerifyPath:
    """A sealed file or folder, or something in one."""

    path: str
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class SealedPath:
    """A file or folder that is sealed; `state`: sealed, sealing (under way or cut off), unsealing, open."""

    path: str
    state: str
    by: Person | None = None
    at: datetime | None = None
    files: int = 0
    bytes: int = 0
    protection: Protection = Protection.NONE
    note: str = ""
    path_b64: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is asked for: the folder `top`, or `name` in it; `home` is whose record tells of it."""

    where: Place
    home: TreePath
    top: TreePath
    name: str

    @property
    def path(self) -> TreePath:
        return self.where.path

    @property
    def prefix(self) -> TreePath:
        """The folder as seen from home."""
        return below(self.top, self.home)

    @property
    def inner(self) -> TreePath:
        return below(self.path, self.home)


def below(path: TreePath, folder: TreePath) -> TreePath:
    """A path as seen from a folder above it."""
    return TreePath(path[len(folder) + 1 :])


# What is written down ------------------------------------------------------------------------------------------------


def home_of(store: Store, where: Place) -> TreePath:
    """Whose record tells what is sealed at a place: the session's, or that of the project."""
    return where.session if where.session and is_folder(store, where.raw) else where.project


def rows_of(store: Store, home: TreePath) -> dict[str, dict[str, Any]]:
    """The sealed paths of a session or project, by their keys. Raises: RecordCorrupt."""
    found = (store.read_record(home, RECORD) or {}).get("paths")
    rows = found.items() if isinstance(found, dict) else ()
    return {key: row for key, row in rows if isinstance(row, dict) and isinstance(row.get("path"), str)}


def _path_of(row: dict[str, Any]) -> TreePath:
    try:
        return TreePath.parse(row["path"], str(row.get("path_b64") or ""))
    except ModamaError:
        return TreePath("")


def _covering(rows: dict[str, dict[str, Any]], inner: TreePath) -> str:
    """The key of the row that a path belongs to, nothing where none does."""
    found = (key for key, row in rows.items() if (path := _path_of(row)) and inner.below(path))
    return next(found, "")


def sealed_path_at(store: Store, path: TreePath) -> SealedPath | None:
    """The sealed file or folder that a path lies in, None where it lies in none."""
    where = place(store.site, path)
    if not where.project or path == where.project or where.in_raw:
        return None
    try:
        home = home_of(store, where)
        rows = rows_of(store, home)
    except ModamaError:
        return None
    key = _covering(rows, below(path, home))
    return _shown(store, home, rows[key]) if key else None


def _shown(store: Store, home: TreePath, row: dict[str, Any], state: str = "") -> SealedPath:
    path = home / _path_of(row)
    try:
        protection: Protection = Protection(row.get("protection", ""))
        at: datetime | None = datetime.fromisoformat(str(row.get("at")))
    except ValueError:
        protection, at = Protection.NONE, None
    return SealedPath(
        path.shown,
        state or str(row.get("state")),
        store.person(row["by"]) if type(row.get("by")) is int else None,
        at,
        int(row.get("files") or 0),
        int(row.get("bytes") or 0),
        protection,
        str(row.get("note") or ""),
        path.b64,
    )


def _write(store: Store, home: TreePath, key: str, row: dict[str, Any] | None) -> None:
    rows = {k: v for k, v in rows_of(store, home).items() if k != key}
    store.write_record(home, RECORD, {"paths": rows | ({key: row} if row is not None else {})})


# What is asked for ---------------------------------------------------------------------------------------------------


def _part(store: Store, wanted: SealPath | UnsealPath | VerifyPath) -> _Part:
    """Raises: Invalid where a seal of a path is not meant for, NotFound."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    where = place(store.site, path)
    if RECORDS in path.parts or (where.session and path == where.session / MANIFEST):
        raise Invalid(what=f"“{path.shown}” belongs to the records of the system, which are kept by it")
    if not where.project or path == where.project:
        raise Invalid(what=f"“{path.shown}” is no file or folder in a project")
    if where.in_raw or (path == where.session and is_folder(store, where.raw)):
        raise Invalid(what=f"raw is sealed with its session: seal session {where.session.shown} instead")
    kind = store.stat(path).kind
    if kind not in {EntryKind.FILE, EntryKind.FOLDER}:
        raise Invalid(what=f"“{path.shown}” is neither a file nor a folder")
    single = kind is EntryKind.FILE
    top, name = (path.parent, path.name) if single else (path, "")
    return _Part(where, home_of(store, where), top, name)


def _place_of(part: _Part) -> Place:
    """As the words of a seal want it: where the files are, and how it is called."""
    return replace(part.where, session=part.path, raw=part.top)


def _check_role(store: Store, actor: Actor, part: _Part) -> None:
    if role_at(store, actor, part.path) < Role.ADMINISTRATOR:
        raise NotAllowed(what=f"your role in {part.where.project.shown} changed meanwhile; nothing has been changed")


# Sealing -------------------------------------------------------------------------------------------------------------


def check_seal_path(store: Store, actor: Actor, wanted: SealPath) -> None:
    """What can be said at once about a seal of a path; raises what speaks against it."""
    part = _part(store, wanted)
    _check_free(store, part)
    _check_way(store, part, wanted, store.path_seals.survey(part.top, part.name))


def _check_free(store: Store, part: _Part) -> str:
    """The key of a seal of this very path that was cut off, nothing where it is new.

    Raises: Conflict where it, or something in it or above it, is sealed already.
    """
    for key, row in rows_of(store, part.home).items():
        path = _path_of(row)
        if path == part.inner and row.get("state") != SEALED:
            return key
        if path and (path.below(part.inner) or part.inner.below(path)):
            shown = (part.home / path).shown
            raise Conflict(what=f"“{shown}” is sealed already; an administrator can unseal it")
    return ""


def _check_way(store: Store, part: _Part, wanted: SealPath, found: Any) -> Protection:
    """How it will be protected. Raises what makes a seal impossible, before anything is changed."""
    if not found.files:
        raise Conflict(what=f"there are no files in “{part.path.shown}”, so there is nothing to seal")
    if part.name and found.hard_links:
        raise Conflict(
            what=f"“{part.path.shown}” has a second name elsewhere, by which it could be changed; make a copy of it, "
            "put that in its place, and seal again"
        )
    by = store.sealing.strongest(part.home)  # a folder that is protected already cannot be tried
    check_way(found, by, _place_of(part))
    if found.written and not wanted.despite_writers:
        raise open_writers(_place_of(part), found, "Nothing has been changed")
    return by


def seal_path(store: Store, actor: Actor, wanted: SealPath) -> Generator[Progress, None, SealedPath]:
    """Make a file, or a folder with all in it, immutable and record its checksums."""
    part = _part(store, wanted)
    with store.lock(part.home, f"protecting {part.path.name} by {actor.person.login}"):
        _check_role(store, actor, part)
        key = _check_free(store, part) or secrets.token_hex(8)
        yield Progress("looking", 0, 0)
        found = store.path_seals.survey(part.top, part.name)
        by = _check_way(store, part, wanted, found)
        row = {
            "path": part.inner.shown,
            "path_b64": encoded(part.inner),
            "state": SEALING,
            "by": actor.person.uid,
            "at": datetime.now(UTC).isoformat(),
            "protection": by.value,
            "note": wanted.note,
        }
        _write(store, part.home, key, row)
        for done in store.path_seals.protect(part.home, part.top, part.name, by):
            yield Progress("protecting", done, found.files)
        again = store.path_seals.survey(part.top, part.name)
        if again.written and not wanted.despite_writers:
            raise open_writers(_place_of(part), again, "Protection stays, and sealing again goes on from here")
        row |= yield from _proof(store, part, key, by)
        store.path_seals.freeze_proof(part.home, key, by)
        _write(store, part.home, key, {**row, "state": SEALED})
    return _shown(store, part.home, row, SEALED)


def _proof(store: Store, part: _Part, key: str, by: Protection) -> Generator[Progress, None, dict[str, Any]]:
    """Hash, write the checksums, and look once more; answers what the record is to say of it."""
    looked = store.path_seals.look(part.top, part.name, by)
    hashed = yield from hashed_files(store, part.home, part.top, looked.files, remember=False)
    broken = [h for h in hashed if h.error]
    if broken:
        raise StorageError(what=f"reading “{broken[0].path.shown}” for its checksum", why=broken[0].error)
    yield Progress("recording", 0, 0)
    checksums, entries = store.path_seals.write_proof(part.home, key, part.prefix, hashed, looked)
    again = store.path_seals.look(part.top, part.name, by)
    now = {h.path: (h.size_bytes, h.modified_ns) for h in hashed} | looked.links | dict.fromkeys(looked.folders, "")
    then = again.files | again.links | dict.fromkeys(again.folders, "")
    if again.bare or again.elsewhere or now != then:
        raise StorageError(what=f"sealing “{part.path.shown}”", why="something changed meanwhile; please seal again")
    size = sum(h.size_bytes for h in hashed)
    return {"files": len(hashed), "bytes": size, "manifest_sha256": checksums, "entries_sha256": entries}


# Unsealing -----------------------------------------------------------------------------------------------------------


def check_unseal_path(store: Store, actor: Actor, wanted: UnsealPath) -> None:
    """Whether there is something to unseal, and a reason."""
    if not wanted.reason.strip():
        raise ReasonMissing(what="unsealing")
    part = _part(store, wanted)
    _sealed_here(store, part)


def _sealed_here(store: Store, part: _Part) -> str:
    """The key of the seal of exactly this path, nothing where it has the flag and nobody wrote down why.

    Raises: Conflict.
    """
    rows = rows_of(store, part.home)
    key = _covering(rows, part.inner)
    if key and _path_of(rows[key]) != part.inner:
        outer = (part.home / _path_of(rows[key])).shown
        raise Conflict(what=f"“{part.path.shown}” is sealed as part of “{outer}”; unseal that")
    stat = store.stat(part.path)
    if not key and not stat.immutable:
        raise Conflict(what=f"“{part.path.shown}” is not sealed, so there is nothing to unseal")
    if stat.immutable and store.sealing.strongest(part.home) is not Protection.IMMUTABLE:
        raise NotAllowed(what=f"“{part.path.shown}” is immutable, and you may not take that away here")
    return key


def unseal_path(store: Store, actor: Actor, wanted: UnsealPath) -> Generator[Progress, None, SealedPath]:
    """Make a sealed file or folder changeable again; its checksums are kept."""
    part = _part(store, wanted)
    with store.lock(part.home, f"unprotecting {part.path.name} by {actor.person.login}"):
        _check_role(store, actor, part)
        key = _sealed_here(store, part)
        row: dict[str, Any] = rows_of(store, part.home).get(
            key, {"path": part.inner.shown, "path_b64": encoded(part.inner)}
        )
        if key:
            _write(store, part.home, key, {**row, "state": UNSEALING})
        for done in store.path_seals.unprotect(part.top, part.name):
            yield Progress("unsealing", done, int(row.get("files") or 0))
        yield from mend_part(store, part.where.project, part.path)  # members can have changed since the seal
        if key:
            store.path_seals.retire_proof(part.home, key)
            _write(store, part.home, key, None)
    return _shown(store, part.home, row, "open")


# Verifying -----------------------------------------------------------------------------------------------------------


def check_verify_path(store: Store, actor: Actor, wanted: VerifyPath) -> None:
    """Whether there are checksums to compare with."""
    _sealed_part(store, _part(store, wanted))


def _sealed_part(store: Store, part: _Part) -> tuple[str, dict[str, Any]]:
    rows = rows_of(store, part.home)
    key = _covering(rows, part.inner)
    if not key or rows[key].get("state") != SEALED:
        raise Conflict(what=f"“{part.path.shown}” is not sealed, so there are no checksums to compare with")
    return key, rows[key]


def verify_path(store: Store, actor: Actor, wanted: VerifyPath) -> Generator[Progress, None, VerifyReport]:
    """Hash a sealed file or folder again and name each file that is missing, changed or new."""
    part = _part(store, wanted)
    key, row = _sealed_part(store, part)
    sealed = _shown(store, part.home, row)
    yield Progress("looking", 0, 0)
    looked = store.path_seals.look(part.top, part.name, sealed.protection)
    hashed = yield from hashed_files(store, part.home, part.top, looked.files, remember=False)
    found = _compared(store, part, key, row, hashed, looked)
    if found.differs:
        raise mismatch(part.path.shown, found)
    return VerifyReport(
        project=part.where.project.shown,
        session=TreePath(part.home.name).shown if part.home != part.where.project else "",
        folder=part.path.shown,
        files=found.files,
        bytes=found.bytes,
        protection=sealed.protection,
        sealed_at=sealed.at,
        verified_at=datetime.now(UTC),
        manifest_sha256=found.manifest_sha256,
        warnings=tuple(_bare(part, looked)),
    )


def _compared(store: Store, part: _Part, key: str, row: dict[str, Any], hashed: Any, looked: Any) -> Comparison:
    try:
        recorded = store.path_seals.read_proof(part.home, key)
    except NotFound:
        return Comparison(missing=[TreePath(f"{RECORDS}/{RECORD}/{key}.txt")])
    lines = {path: line for path, line in recorded.lines.items() if path.below(part.inner)}
    found = compare(lines, hashed, part.prefix, recorded.sha256)
    if not part.name:
        links = {path: target for path, target in recorded.entries.links.items() if path.below(part.inner)}
        compare_links(found, links, looked.links, part.prefix)
        compare_folders(found, recorded.entries.folders, looked.folders, part.prefix)
    found.unreadable += [part.prefix / path for path in looked.unreadable]
    for name, mine in (("manifest_sha256", recorded.sha256), ("entries_sha256", recorded.entries_sha256)):
        if row.get(name) != mine:
            ending = "txt" if name.startswith("manifest") else "jsonl"
            found.changed.insert(0, TreePath(f"{RECORDS}/{RECORD}/{key}.{ending}"))
    return found


def _bare(part: _Part, looked: Any) -> Iterator[str]:
    if looked.bare:
        shown = (part.top / looked.bare[0]).shown if looked.bare[0] else part.top.shown
        yield f"nothing has changed, but “{shown}” is not protected any more; unseal and seal again to protect it"
