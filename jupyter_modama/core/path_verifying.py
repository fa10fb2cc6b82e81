"""Verifying what is sealed by its path: hashed again, and held against its checksums."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

from jupyter_modama.core.errors import Conflict, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import Actor, Progress, VerifyReport
from jupyter_modama.core.path_seals import Part, part_of
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.rows import below
from jupyter_modama.core.sealed_paths import RECORD, SEALED, Row, covering, shown
from jupyter_modama.core.verifying import (
    Comparison,
    hashed_files,
    mismatch,
)


@frozen
class VerifyPath:
    """A sealed file or folder, or something in one."""

    path: str
    path_b64: str = ""


def check_verify_path(store: Store, actor: Actor, wanted: VerifyPath) -> None:
    """Whether there are checksums to compare with."""
    _sealed_part(store, part_of(store, wanted))


def _sealed_part(store: Store, part: Part) -> Row:
    row = covering(store, part.where)
    if row is None or row.state != SEALED:
        raise Conflict(what=f"“{part.path.shown}” is not sealed, so there are no checksums to compare with")
    return row


def verify_path(store: Store, actor: Actor, wanted: VerifyPath) -> Generator[Progress, None, VerifyReport]:
    """Hash a sealed file or folder again and name each file that is missing, changed or new."""
    part = part_of(store, wanted)
    row = _sealed_part(store, part)
    sealed = shown(store, row)
    yield Progress("looking", 0, 0)
    looked = store.path_seals.look(part.top, part.name, sealed.protection)
    hashed = yield from hashed_files(store, part.home, part.top, looked.files, remember=False)
    found = _compared(store, part, row, hashed, looked)
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


def _compared(store: Store, part: Part, row: Row, hashed: Any, looked: Any) -> Comparison:
    found = Comparison(part.prefix, store.sealing.rows)
    try:
        recorded = store.path_seals.read_proof(part.home, row.key)
    except NotFound:
        found.missing.add(TreePath(f"{RECORDS}/{RECORD}/{row.key}.txt"))
        return found
    found.manifest_sha256 = recorded.sha256
    found.hold_files(below(recorded.lines, part.prefix, part.inner), hashed)
    if not part.name:
        found.hold_links(below(recorded.links, part.prefix, part.inner), looked.links)
        found.hold_folders(below(recorded.folders, part.prefix), looked.folders)
    for path in looked.unreadable:
        found.unreadable.add(part.prefix / path)
    for name, mine in (("manifest_sha256", recorded.sha256), ("entries_sha256", recorded.entries_sha256)):
        if row.facts.get(name) != mine:
            ending = "txt" if name.startswith("manifest") else "jsonl"
            found.changed.put_first(TreePath(f"{RECORDS}/{RECORD}/{row.key}.{ending}"))
    return found


def _bare(part: Part, looked: Any) -> Iterator[str]:
    if looked.bare:
        shown = (part.top / looked.bare[0]).shown if looked.bare[0] else part.top.shown
        yield f"nothing has changed, but “{shown}” is not protected any more; unseal and seal again to protect it"
