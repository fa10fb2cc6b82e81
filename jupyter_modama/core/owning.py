"""Whose an entry is: what decides whether somebody may move, rename or remove it.

As without us: who made an entry does that, wherever it lies. In areas with `delete = "strict"` folders belong to the
system, which keeps in mind who made them; elsewhere also who made the folder that something lies in removes it.
"""

from __future__ import annotations

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound
from jupyter_modama.core.layout import RECORDS, Place
from jupyter_modama.core.model import Actor, EntryKind, Role, SessionState
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.projects import is_folder
from jupyter_modama.core.roles import role_at
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.sealed_paths import check_nothing_sealed


def check_free_to_go(store: Store, where: Place) -> None:
    """Raise where an entry holds the tree together, or is sealed, or holds something that is.

    Raises: Invalid, NotAllowed, Conflict.
    """
    is_session = bool(where.session) and is_folder(store, where.raw)
    named = {"area", "project"} | ({"session", "raw", "derived"} if is_session else set())
    if not where.project or where.role_in_tree in named or RECORDS in where.path.parts:
        kept = f"“{where.path.shown}” holds the tree together and keeps its place and its name"
        raise Invalid(what=f"{kept}; move, rename or remove what is in it")
    check_writable(store, where)
    check_nothing_sealed(store, where)


def check_writable(store: Store, where: Place) -> None:
    """Raise where a place lies in raw that is sealed, or is being sealed. Raises: NotAllowed."""
    if where.in_raw and read_state(store, where.session)[0] is not SessionState.WRITABLE:
        raise NotAllowed(what=f"raw of “{where.session.shown}” is sealed; an administrator can unseal it")


def check_mine(store: Store, actor: Actor, stat: Stat, where: Place) -> None:
    """Raise where an entry belongs to another member: who did not make it does not move it. Raises: NotAllowed."""
    made_by = store.made_by(stat.path)
    if made_by != actor.person.uid and role_at(store, actor, where.path) < Role.OWNER:
        raise NotAllowed(what=f"“{stat.path.shown}” {_whose(store, made_by)}, or an owner of the project can")


def check_removable(store: Store, actor: Actor, stat: Stat, where: Place) -> None:
    """Raise where somebody may not remove a file, or a folder that is empty. Raises: NotAllowed."""
    made_by, role = store.made_by(stat.path), role_at(store, actor, where.path)
    if made_by == actor.person.uid or role >= Role.ADMINISTRATOR:
        return
    if stat.kind is EntryKind.FOLDER:
        if role >= Role.OWNER:  # nothing is lost with a folder that is empty
            return
        raise NotAllowed(what=f"“{stat.path.shown}” {_whose(store, made_by)}, or an owner of the project can")
    if where.layout.delete != "strict" and store.stat(stat.path.parent).uid == actor.person.uid:
        return
    raise NotAllowed(what=f"“{stat.path.shown}” {_whose(store, made_by)}; in this project only what is one's own")


def _whose(store: Store, uid: int) -> str:
    if store.trusted_uid(uid):
        return "was made by the system, or nobody knows by whom; an administrator can change it"
    who = store.person(uid).login
    return f"belongs to {who}; they can move, rename and remove it"


def entry_at(store: Store, where: Place) -> Stat:
    """What has a path in a project. Raises: NotFound, Invalid."""
    if not where.project:
        raise Invalid(what=f"“{where.path.shown}” is no file or folder in a project")
    stat = store.stat(where.path)
    if RECORDS in where.path.parts:
        raise NotFound(what=f"“{where.path.shown}”")
    return stat
