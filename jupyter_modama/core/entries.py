"""One file or folder: what the disk says of it, and what the instrument wrote into it."""

from __future__ import annotations

from jupyter_modama.core.errors import NotAllowed, NotFound, Unsupported
from jupyter_modama.core.folders import SEALED, entry_of
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, EntryDetails, EntryKind, EntryMetadata, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.permalinks import permalink
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.seal_state import read_state


@frozen
class ShowEntry:
    path: str = ""
    path_b64: str = ""


@frozen
class ReadMetadata:
    path: str = ""
    path_b64: str = ""


def show_entry(store: Store, actor: Actor, wanted: ShowEntry) -> EntryDetails:
    """Show what the disk says of one file or folder."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    where = place(store.site, path)
    stat = store.stat(path)
    in_session = bool(where.session) and is_folder(store, where.raw)
    state = _state(store, where.session) if in_session else None
    sealed = where.in_raw and state in SEALED
    return EntryDetails(
        entry=entry_of(store, stat, sealed),
        created=stat.born,
        changed=stat.changed,
        owner=store.person(stat.uid),
        group=store.group(stat.gid),
        links=stat.nlink,
        entries=_entries(store, path) if stat.kind is EntryKind.FOLDER else None,
        project=where.project.shown,
        session=TreePath(where.session.name).shown if in_session else "",
        session_state=state,
        in_raw=where.in_raw,
        sha256=store.proof.recorded_sha256(where.session, path) if sealed and stat.kind is EntryKind.FILE else "",
        permalink=permalink(store, where),
    )


def _state(store: Store, session: TreePath) -> SessionState | None:
    try:
        return read_state(store, session)[0]
    except (NotFound, NotAllowed):
        return None


def _entries(store: Store, path: TreePath) -> int | None:
    try:
        return store.listing(path, start=0, limit=0, cursor="", sort="name", filter="").total
    except (NotAllowed, NotFound):
        return None


def read_metadata(store: Store, actor: Actor, wanted: ReadMetadata) -> EntryMetadata:
    """Show what the instrument wrote into a file."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    stat = store.stat(path)
    if stat.kind in {EntryKind.LINK, EntryKind.OTHER}:
        raise Unsupported(path=path.shown, why="it is no ordinary file")
    return store.readers.metadata(path)
