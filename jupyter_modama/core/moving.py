"""Making a session of a folder, and moving entries into one: always by renaming, never by copying."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from jupyter_modama.core.errors import AlreadyExists, Invalid, NotFound
from jupyter_modama.core.folders import entry_of
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, place, session_place
from jupyter_modama.core.model import Actor, Entry, EntryKind, Progress, Role, Session
from jupyter_modama.core.owning import check_free_to_go, check_mine, check_writable
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.records import changed_record, record_or_warning
from jupyter_modama.core.roles import acts_for, role_at
from jupyter_modama.core.sealed_paths import check_nothing_sealed
from jupyter_modama.core.sessions import (
    MADE_OF,
    NOTES,
    NOTES_MADE,
    CreateSession,
    mark_of,
    notes_text,
    session_at,
)
from jupyter_modama.core.spreading import mend_part


@frozen
class MakeSession:
    """`session`: the folder in the project that becomes one; `path_b64`: its path."""

    project: str
    session: str
    title: str = ""
    path_b64: str = ""


@frozen
class MoveEntry:
    """`to`: the folder that it is moved into."""

    path: str
    to: str
    path_b64: str = ""
    to_b64: str = ""


# a folder becomes a session ------------------------------------------------------------------------------------------


def check_make(store: Store, actor: Actor, wanted: MakeSession) -> None:
    """Whether the folder can become a session.

    Raises: NotFound, AlreadyExists, NotAllowed.
    """
    _folder_asked_for(store, actor, wanted)


def _folder_asked_for(store: Store, actor: Actor, wanted: MakeSession) -> tuple[Place, bool]:
    """The place of the folder, and whether it was made a session already by a job that was cut off."""
    path = TreePath.parse(f"{wanted.project}/{wanted.session}", wanted.path_b64)
    where = session_place(store.site, path)
    stat = store.stat(path)
    if stat.kind is not EntryKind.FOLDER or path.name.startswith("."):
        raise NotFound(what=f"folder “{path.shown}”")
    if is_folder(store, where.raw):
        if path.name in (record_or_warning(store, path, "session")[0].get(MADE_OF) or ()):
            return where, True
        raise AlreadyExists(what=f"a session “{path.shown}” (a folder with “{where.raw.name}” in it)")
    check_nothing_sealed(store, where)
    check_mine(store, actor, stat, where)
    return where, False


def make_session(store: Store, actor: Actor, wanted: MakeSession) -> Generator[Progress, None, Session]:
    """Make a session of a folder: all that is in it becomes the raw data of a session with its name."""
    where, done = _folder_asked_for(store, actor, wanted)
    yield Progress("moving", 0, 1, "folders")
    if not done:
        with store.names_locked(where.project):
            _put_in_session(store, actor, wanted, where)
    if acts_for(store, actor):
        store.gates.dress(where.raw)
    yield from mend_part(store, where.project, where.raw)
    return session_at(store, actor, where.session, role_at(store, actor, where.session))


def _put_in_session(store: Store, actor: Actor, wanted: MakeSession, where: Place) -> None:
    """Build a session under a hidden name around the folder, which keeps its place until the last two steps."""
    path, now = where.session, datetime.now().astimezone()
    about = {**changed_record({}, {"title": wanted.title or None}), "created_by": actor.person.login}
    owner = actor.person.uid if acts_for(store, actor) else None
    with store.new_folder(path, like="session") as building:
        about_notes = CreateSession(where.project.shown, title=wanted.title)
        text = notes_text(TreePath(path.name).shown, about_notes, actor, now)
        notes = store.make_file(building / NOTES, text, owner=owner)
        store.write_record(
            building, "session", {**about, NOTES_MADE: mark_of(notes), MADE_OF: [path.name, store.stat(path).inode]}
        )
        store.make_folder(building / where.layout.derived, like="derived")
        raw = session_place(store.site, building).raw
        store.move(path, raw)  # a failure from here on brings it back, under its name


# moving --------------------------------------------------------------------------------------------------------------


def check_move(store: Store, actor: Actor, wanted: MoveEntry) -> None:
    """Whether the entry can be moved there.

    Raises: NotFound, NotAllowed, Invalid, AlreadyExists.
    """
    _move_asked_for(store, actor, wanted)


def _move_asked_for(store: Store, actor: Actor, wanted: MoveEntry) -> tuple[Place, Place]:
    old = place(store.site, TreePath.parse(wanted.path, wanted.path_b64))
    to = place(store.site, TreePath.parse(wanted.to, wanted.to_b64))
    stat = store.stat(old.path)
    if role_at(store, actor, to.path) < Role.MEMBER:
        raise NotFound(what=f"“{to.path.shown}”")
    if not to.project or not is_folder(store, to.path):
        raise Invalid(what=f"“{to.path.shown}” is no folder in a project; please name the folder to move into")
    if not old.path or old.path.name.startswith("."):
        raise Invalid(what=f"“{old.path.shown}” is hidden, as what programs keep for themselves is, and is not moved")
    check_free_to_go(store, old)
    if to.path.below(old.path):
        raise Invalid(what=f"“{old.path.shown}” cannot be moved into itself")
    check_mine(store, actor, stat, old)
    check_writable(store, to)
    return old, to


def move_entry(store: Store, actor: Actor, wanted: MoveEntry) -> Generator[Progress, None, Entry]:
    """Move a file or folder into a folder of a session; what it grants then is what its new project says."""
    old, to = _move_asked_for(store, actor, wanted)
    new = to.path / old.path.name
    yield Progress("moving", 0, 1, "entries")
    with store.names_locked(to.path):
        check_writable(store, to)
        store.move(old.path, new)
    yield from mend_part(store, to.project, new)
    return entry_of(store, store.stat(new), sealed=False)
