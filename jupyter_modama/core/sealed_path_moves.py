"""What is sealed by its path and had a folder above it renamed on the disk: found again, and its row written anew.

Who owns a folder can rename it, whatever lies in it; the sealed bytes stay, only the record does not know any more
where. What is sealed is known by its inode, and since it cannot be removed, that is nobody else's meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, place
from jupyter_modama.core.model import EntryKind, Protection
from jupyter_modama.core.paths import TreePath, encoded
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import session_names
from jupyter_modama.core.rows import Rows, joined
from jupyter_modama.core.rows import below as rows_below
from jupyter_modama.core.sealed_paths import SEALED, Row, below, home_of, rows_at, write_row

LOOKED_FOR = "looked_for"  # which inode had the path when it was looked for in vain


@frozen
class Kept:
    """The files, links and folders of a proof, as seen from the folder that it is of."""

    rows: Rows
    links: Rows
    folders: Rows


def kept_of(store: Store, recorded: Any, top: TreePath) -> Kept:
    """What a proof says of a folder, with the paths from there."""
    made = store.sealing.rows
    kept = Kept(made(), made(), made())
    for path, sha256, size in joined(rows_below(recorded.lines, top), rows_below(recorded.sizes, top)):
        if sha256 is not None:
            kept.rows.put(b"\0".join((path, b"%s 0" % (size or b"-1"), sha256)))
    for mine, theirs in ((kept.links, recorded.links), (kept.folders, recorded.folders)):
        for row in rows_below(theirs, top):
            mine.put(row)
    return kept


def mend_sealed_paths(store: Store, project: TreePath) -> Iterator[str]:
    """Write down where sealed paths of a project are now, where folders above them were renamed.

    Yields a sentence about each that was found, or could not be.
    """
    area = place(store.site, project).layout
    lost: list[Row] = []
    for home in (project, *session_names(store, project, area)):
        with suppress(ModamaError):
            lost += [row for row in rows_at(store, home) if _is_lost(store, row)]
    if not lost:
        return
    found = find_moved(store, project, lost)
    for row in lost:
        now = found.get(row.key)
        if now is None:
            write_row(store, row.home, row.key, {**row.facts, LOOKED_FOR: _inode_at(store, row.path)})
            yield f"“{row.path.shown}” was sealed, and nothing of it can be found in the project any more"
            continue
        home = home_of(store, place(store.site, now))
        with ExitStack() as kept:
            for each in {row.home, home}:
                kept.enter_context(store.lock(each, "writing down where something sealed is now"))
            said = _written_anew(store, row, now, home)
        yield said


def _is_lost(store: Store, row: Row) -> bool:
    """Whether something else, or nothing, has the path of a row now, and that was not looked into before."""
    if not row.path or row.state != SEALED or not row.inode:
        return False
    now = _inode_at(store, row.path)
    if now == row.inode or row.facts.get(LOOKED_FOR) == now:
        return False
    return now == 0 or not store.stat(row.path).immutable


def _inode_at(store: Store, path: TreePath) -> int:
    """What has a path, 0 where nothing does."""
    try:
        return store.stat(path).inode
    except NotFound:
        return 0


def find_moved(store: Store, project: TreePath, rows: Collection[Row]) -> dict[str, TreePath]:
    """Where what the rows tell of lies now in a project, outside raw, by the keys of those that were found."""
    wanted = {row.inode: row for row in rows if row.inode}
    found: dict[str, TreePath] = {}
    folders = [project] if wanted else []
    while folders:
        folder = folders.pop()
        if folder.name == RECORDS or place(store.site, folder).in_raw:
            continue
        with suppress(NotFound, NotAllowed):
            for stat in store.children(folder):
                row = wanted.get(stat.inode)
                if row and (stat.immutable or row.facts.get("protection") != Protection.IMMUTABLE):
                    found[row.key] = stat.path
                elif stat.kind is EntryKind.FOLDER:
                    folders.append(stat.path)
    return found


def _written_anew(store: Store, row: Row, now: TreePath, home: TreePath) -> str:
    """Have row and checksums tell of the new path. A kill leaves the old ones, or both, of which the row says which."""
    inner = below(now, home)
    single = store.stat(now).kind is EntryKind.FILE
    try:
        recorded = store.path_seals.read_proof(row.home, row.key)
    except ModamaError as error:
        return f"“{row.path.shown}” is called “{now.shown}” now, and its checksums cannot be read: {error}"
    if [recorded.sha256, recorded.entries_sha256] != [row.facts.get(n) for n in ("manifest_sha256", "entries_sha256")]:
        return f"“{row.path.shown}” is called “{now.shown}” now, and its checksums are not those of the seal"
    old, new = (row.inner.parent, inner.parent) if single else (row.inner, inner)
    kept = kept_of(store, recorded, old)
    key = secrets.token_hex(8)
    checksums, listed = store.path_seals.write_proof(home, key, new, kept, kept)
    store.path_seals.freeze_proof(home, key, Protection(row.facts["protection"]))
    facts = {**row.facts, "path": inner.shown, "path_b64": encoded(inner)}
    facts |= {"manifest_sha256": checksums, "entries_sha256": listed}
    write_row(store, home, key, facts, instead_of=row.key)
    if home != row.home:
        write_row(store, row.home, row.key, None)
    store.path_seals.retire_proof(row.home, row.key)
    return f"“{row.path.shown}” is called “{now.shown}” now; its seal and its checksums went with it"
