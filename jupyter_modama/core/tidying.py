"""Renaming and removing single entries, where people cannot do so themselves: the folders there are the system's."""

from __future__ import annotations

from jupyter_modama.core.errors import Invalid
from jupyter_modama.core.folders import entry_of
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.model import Actor, Entry, Removed
from jupyter_modama.core.names import checked_name
from jupyter_modama.core.owning import check_free_to_go, check_mine, check_removable, entry_at
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store


@frozen
class RenameEntry:
    """`name`: the new name, in the same folder."""

    path: str
    name: str
    path_b64: str = ""


@frozen
class RemoveEntry:
    path: str
    path_b64: str = ""


def _asked_for(store: Store, wanted: RenameEntry | RemoveEntry) -> tuple[Place, Stat]:
    where = place(store.site, TreePath.parse(wanted.path, wanted.path_b64))
    stat = entry_at(store, where)
    check_free_to_go(store, where)
    return where, stat


def rename_entry(store: Store, actor: Actor, wanted: RenameEntry) -> Entry:
    """Give a file or folder that one made another name in its folder."""
    where, stat = _asked_for(store, wanted)
    check_mine(store, actor, stat, where)
    above = where.path.parent
    with store.names_locked(above):
        siblings = (s.path.name for s in store.children(above) if s.path != where.path)
        new = above / checked_name(wanted.name, siblings, "something called")
        if place(store.site, new).role_in_tree == "raw":
            raise Invalid(
                what=f"“{new.name}” here would make a session of “{above.shown}”; ask for that by session.make"
            )
        check_free_to_go(store, where)
        if new != where.path:
            store.rename(where.path, new)
    return entry_of(store, store.stat(new), sealed=False)


def remove_entry(store: Store, actor: Actor, wanted: RemoveEntry) -> Removed:
    """Remove a file of one's own, or a folder that is empty."""
    where, stat = _asked_for(store, wanted)
    check_removable(store, actor, stat, where)
    with store.names_locked(where.path.parent):
        check_free_to_go(store, where)
        store.remove(stat)
    return Removed(where.path.shown)
