"""Sealing a file or folder outside raw, by administrators, for good reasons such as a published result.

A kill leaves a row in the record that says what was under way: sealing or unsealing again goes on from there. Nobody
moves or renames through us what holds something sealed; what people do to folders above it on the disk is found out,
and written down, by the nightly pass (`sealed_path_moves`).
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from jupyter_modama.core.errors import Conflict, Invalid, NotAllowed, NotFound, ReasonMissing, StorageError
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, Place, place
from jupyter_modama.core.model import Actor, EntryKind, Progress, Protection, Role
from jupyter_modama.core.paths import TreePath, encoded
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.sealed_path_moves import find_moved
from jupyter_modama.core.sealed_paths import (
    SEALED,
    SEALING,
    UNSEALING,
    Row,
    SealedPath,
    below,
    covering,
    home_of,
    rows_around,
    shown,
    write_row,
)
from jupyter_modama.core.spreading import mend_part
from jupyter_modama.core.surveying import check_way, open_writers
from jupyter_modama.core.verifying import MANIFEST, first_changed, hashed_files


@frozen
class SealPath:
    """`despite_writers`: also where programs still hold files open for writing, which the audit keeps."""

    path: str
    note: str = ""
    despite_writers: bool = False
    path_b64: str = ""


@frozen
class UnsealPath:
    path: str
    reason: str = ""
    path_b64: str = ""


@frozen
class Part:
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


# What is asked for ---------------------------------------------------------------------------------------------------


class Asked(Protocol):
    """What asks for one path."""

    @property
    def path(self) -> str: ...
    @property
    def path_b64(self) -> str: ...


def part_of(store: Store, wanted: Asked) -> Part:
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
    row = covering(store, where)
    return Part(where, row.home if row else home_of(store, where), top, name)


def _place_of(part: Part) -> Place:
    """As the words of a seal want it: where the files are, and how it is called."""
    return replace(part.where, session=part.path, raw=part.top)


def _check_role(store: Store, actor: Actor, path: TreePath, where: Place) -> None:
    if role_at(store, actor, path) < Role.ADMINISTRATOR:
        raise NotAllowed(what=f"your role in {where.project.shown} changed meanwhile; nothing has been changed")


# Sealing -------------------------------------------------------------------------------------------------------------


def check_seal_path(store: Store, actor: Actor, wanted: SealPath) -> None:
    """What can be said at once about a seal of a path; raises what speaks against it."""
    part = part_of(store, wanted)
    _check_free(store, part)
    _check_way(store, part, wanted, store.path_seals.survey(part.top, part.name))


def _check_free(store: Store, part: Part) -> str:
    """The key of a seal of this very path that was cut off, nothing where it is new.

    Raises: Conflict where it, or something in it or above it, is sealed already.
    """
    for row in rows_around(store, part.where):
        path = row.path
        if path == part.path and row.state != SEALED:
            return row.key
        if path and (path.below(part.path) or part.path.below(path)):
            raise Conflict(what=f"“{path.shown}” is sealed already; an administrator can unseal it")
    return ""


def _check_way(store: Store, part: Part, wanted: SealPath, found: Any) -> Protection:
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
    part = part_of(store, wanted)
    with store.lock(part.home, f"protecting {part.path.name} by {actor.person.login}"):
        _check_role(store, actor, part.path, part.where)
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
            "inode": store.stat(part.path).inode,  # by which it is found again
        }
        write_row(store, part.home, key, row)
        for done in store.path_seals.protect(part.home, part.top, part.name, by):
            yield Progress("protecting", done, found.files)
        again = store.path_seals.survey(part.top, part.name)
        if again.written and not wanted.despite_writers:
            raise open_writers(_place_of(part), again, "Protection stays, and sealing again goes on from here")
        row |= yield from _proof(store, part, key, by)
        store.path_seals.freeze_proof(part.home, key, by)
        write_row(store, part.home, key, {**row, "state": SEALED})
    return shown(store, Row(part.home, key, row), SEALED)


def _proof(store: Store, part: Part, key: str, by: Protection) -> Generator[Progress, None, dict[str, Any]]:
    """Hash, write the checksums, and look once more; answers what the record is to say of it."""
    looked = store.path_seals.look(part.top, part.name, by)
    hashed = yield from hashed_files(store, part.home, part.top, looked.files, remember=False)
    if hashed.unread:
        raise StorageError(what=f"reading “{hashed.unread.path.shown}” for its checksum", why=hashed.unread.error)
    yield Progress("recording", 0, 0)
    checksums, entries = store.path_seals.write_proof(part.home, key, part.prefix, hashed, looked)
    again = store.path_seals.look(part.top, part.name, by)
    if again.bare or again.elsewhere or first_changed(hashed, looked, again) is not None:
        raise StorageError(what=f"sealing “{part.path.shown}”", why="something changed meanwhile; please seal again")
    size = hashed.size_bytes
    return {"files": len(hashed), "bytes": size, "manifest_sha256": checksums, "entries_sha256": entries}


# Unsealing -----------------------------------------------------------------------------------------------------------


def check_unseal_path(store: Store, actor: Actor, wanted: UnsealPath) -> None:
    """Whether there is something to unseal, and a reason."""
    if not wanted.reason.strip():
        raise ReasonMissing(what="unsealing")
    if _row_of_nothing(store, wanted) is None:
        _sealed_here(store, part_of(store, wanted))


def _sealed_here(store: Store, part: Part) -> Row | None:
    """The row of exactly this path, None where it has the flag and nobody wrote down why.

    Raises: Conflict.
    """
    row = covering(store, part.where)
    if row and row.path != part.path:
        raise Conflict(what=f"“{part.path.shown}” is sealed as part of “{row.path.shown}”; unseal that")
    stat = store.stat(part.path)
    if not row and not stat.immutable:
        raise Conflict(what=f"“{part.path.shown}” is not sealed, so there is nothing to unseal")
    if stat.immutable and store.sealing.strongest(part.home) is not Protection.IMMUTABLE:
        raise NotAllowed(what=f"“{part.path.shown}” is immutable, and you may not take that away here")
    return row


def _row_of_nothing(store: Store, wanted: UnsealPath) -> Row | None:
    """The row of a path at which there is nothing any more."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    try:
        store.stat(path)
    except NotFound:
        where = place(store.site, path)
        row = covering(store, where) if where.project else None
        return row if row and row.path == path else None
    return None


def unseal_path(store: Store, actor: Actor, wanted: UnsealPath) -> Generator[Progress, None, SealedPath]:
    """Make a sealed file or folder changeable again; its checksums are kept."""
    row = _row_of_nothing(store, wanted)
    if row is not None:
        return (yield from _forget(store, actor, row))
    part = part_of(store, wanted)
    with store.lock(part.home, f"unprotecting {part.path.name} by {actor.person.login}"):
        _check_role(store, actor, part.path, part.where)
        row = _sealed_here(store, part)
        facts: dict[str, Any] = row.facts if row else {"path": part.inner.shown, "path_b64": encoded(part.inner)}
        if row:
            write_row(store, part.home, row.key, {**facts, "state": UNSEALING})
        for done in store.path_seals.unprotect(part.top, part.name):
            yield Progress("unsealing", done, int(facts.get("files") or 0))
        yield from mend_part(store, part.where.project, part.path)  # members can have changed since the seal
        if row:
            store.path_seals.retire_proof(part.home, row.key)
            write_row(store, part.home, row.key, None)
    return shown(store, Row(part.home, "", facts), "open")


def _forget(store: Store, actor: Actor, row: Row) -> Generator[Progress, None, SealedPath]:
    """Take out the row of what is gone, or say how it is called now.

    Raises: Conflict.
    """
    where = place(store.site, row.path)
    yield Progress("looking", 0, 0)
    with store.lock(row.home, f"looking for {row.path.name} by {actor.person.login}"):
        _check_role(store, actor, row.path, where)
        now = find_moved(store, where.project, [row]).get(row.key)
        if now:
            raise Conflict(
                what=f"“{row.path.shown}” is called “{now.shown}” now, and is still sealed; unseal it by that name"
            )
        store.path_seals.retire_proof(row.home, row.key)
        write_row(store, row.home, row.key, None)
    return shown(store, row, "gone")
