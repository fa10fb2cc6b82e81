"""Removing sessions that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_modama.core.errors import NotEmpty, NotFound
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, EntryKind, Removed, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.seal_state import disk_state
from jupyter_modama.core.sessions import NOTES, NOTES_MADE, RemoveSession, existing_place, mark_of, session_path

OWN_RECORDS = ("session.json", "session.lock", ".session.json.")  # and the copies that replacing one can leave


def remove_session(store: Store, actor: Actor, wanted: RemoveSession) -> Removed:
    """Remove a session that holds no files."""
    path = session_path(wanted)
    where = existing_place(store, path)
    with store.lock(path, f"removing by {actor.person.login}"):
        state, _, _ = disk_state(store, path)
        if state is not SessionState.WRITABLE:
            raise NotEmpty(what=f"session {path.shown}", first="what was sealed")
        notes = _untouched_notes(store, path)
        first = next(_content(store, where, notes), None)
        if first is not None:
            raise NotEmpty(what=f"session {path.shown}", first=first.shown)
        store.remove_session_folder(path, notes)
    return Removed(path.shown)


def _untouched_notes(store: Store, session: TreePath) -> Stat | None:
    """The page of notes where it is still the one that the session began with, so that nothing is lost with it."""
    record, _ = record_or_warning(store, session, "session")
    try:
        notes = store.stat(session / NOTES)
    except NotFound:
        return None
    return notes if notes.kind is EntryKind.FILE and record.get(NOTES_MADE) == mark_of(notes) else None


def _content(store: Store, where: Place, notes: Stat | None) -> Iterator[TreePath]:
    """What would be lost with a session: every file but untouched notes and the session's own record."""
    folders = [where.session]
    while folders:
        for stat in store.children(folders.pop()):
            if stat.kind is EntryKind.FOLDER:
                folders.append(stat.path)
            elif not (notes and stat.path == notes.path) and not is_own_record(where.session, stat.path):
                yield stat.path


def is_own_record(session: TreePath, path: TreePath) -> bool:
    """Whether a file is one of the records that go with a session."""
    return path.parent == session / RECORDS and path.name.startswith(OWN_RECORDS)
