"""Why something can, or cannot, be written.

The kernel's answer comes first; the reasons are then read off the same things that the kernel looks at: flags, mounts,
modes, ACLs, the folders above, the room on the disk. Nothing is tried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from jupyter_modama.core.errors import NotAllowed, NotFound
from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import RECORDS, Place, place
from jupyter_modama.core.model import Actor, EntryKind, Explanation, Reason, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat, Store
from jupyter_modama.core.refusals import ask_owner, refusals, sealed_state

STICKY = 0o1000


@frozen
class ExplainEntry:
    path: str = ""
    path_b64: str = ""


def explain_entry(store: Store, actor: Actor, wanted: ExplainEntry) -> Explanation:
    """Say in one sentence why one can or cannot write at a path."""
    path = TreePath.parse(wanted.path, wanted.path_b64)
    where = _place(store, path)
    barrier = _barrier(store, path)
    if barrier is not None:
        return _explanation(path, False, (barrier,), "")
    stat = store.stat(path)
    if stat.kind is EntryKind.LINK:
        return _explanation(path, False, (_link(stat),), "")
    refused = tuple(refusals(store, actor, stat, where))
    limits = tuple(_limits(store, stat, where))
    writable = not refused and store.access(path).write
    elsewhere = "" if writable else _elsewhere(store, where, path)
    return _explanation(path, writable, (*refused, *limits), elsewhere, stat)


def _place(store: Store, path: TreePath) -> Place:
    """Where a path lies; our records lie in what they are about."""
    parts = path.parts
    about = TreePath("/".join(parts[: parts.index(RECORDS)])) if RECORDS in parts else path
    return replace(place(store.site, about), path=path)


def _explanation(
    path: TreePath, writable: bool, reasons: tuple[Reason, ...], elsewhere: str, stat: Stat | None = None
) -> Explanation:
    """One sentence out of the first reason; the others are told below it."""
    doing = (
        "write here"
        if stat is None
        else "write in this folder"
        if stat.kind is EntryKind.FOLDER
        else "change this file"
    )
    if writable:
        but = f", but {reasons[0].sentence}" if reasons else ""
        return Explanation(path.shown, True, f"You can {doing}{but}.", reasons)
    because = reasons[0].sentence if reasons else "the system does not allow it"
    also = f"; {elsewhere}" if elsewhere else ""
    return Explanation(path.shown, False, f"You cannot {doing}, because {because}{also}.", reasons)


# The way there -------------------------------------------------------------------------------------------------------


def _barrier(store: Store, path: TreePath) -> Reason | None:
    """What keeps one from looking at the path: the first folder on the way that is closed, gone, or only a link."""
    way = [TreePath("/".join(path.parts[:n])) for n in range(len(path.parts) + 1)]
    for step in way:
        try:
            stat = store.stat(step)
        except NotFound:
            return _gone(step)
        except NotAllowed:
            return _closed(store, step.parent)
        if step == path:
            return None
        if stat.kind is EntryKind.LINK:
            return _link(stat)
        if stat.kind is not EntryKind.FOLDER:
            return Reason("gone", f"“{step.shown}” is a file, so nothing can be in it", "look for the path again")
    return None


def _gone(path: TreePath) -> Reason:
    name, folder = TreePath(path.name).shown, path.parent.shown or "the data tree"
    return Reason(
        "gone",
        f"there is no “{name}” in “{folder}” (any more)",
        "it may have been renamed or removed; load the folder above again",
    )


def _link(stat: Stat) -> Reason:
    target = TreePath(stat.target).shown
    outside = " outside of this tree" if target.startswith("/") else ""
    return Reason(
        "link",
        f"“{stat.path.shown}” is only a symbolic link, to “{target}”{outside}, and links are not followed here",
        f"open “{target}” itself",
    )


def _closed(store: Store, folder: TreePath) -> Reason:
    """A folder that one may not enter: mostly the gate of a project that one does not belong to."""
    where = place(store.site, folder)
    if where.project and where.project == folder:
        return Reason("not-a-member", f"you do not belong to the project “{folder.shown}”", ask_owner(store, folder))
    shown = folder.shown or store.site.name
    return Reason(
        "not-enterable", f"you may not enter the folder “{shown}”", f"ask {_owner(store, folder)} to let you in"
    )


def _owner(store: Store, path: TreePath) -> str:
    try:
        return f"its owner {store.person(store.stat(path).uid).login}"
    except (NotFound, NotAllowed):
        return "its owner"


# What one should know all the same -----------------------------------------------------------------------------------


def _limits(store: Store, stat: Stat, where: Place) -> Iterator[Reason]:
    """What cannot be done, or should not, although one can write."""
    if not stat.path or not store.access(stat.path).write:
        return
    state = sealed_state(store, where)
    if where.in_raw and state is not None and state[0] is SessionState.SEAL_LOST:
        sentence = "its session was sealed and only its protection is lost, so a change would break its checksums"
        yield Reason("seal-lost", sentence, "verify the session, then seal it again to protect it")
    me = store.me()
    parent = store.stat(stat.path.parent)
    if parent.immutable:
        yield Reason("folder-immutable", "the folder above is immutable, so it cannot be renamed or removed")
    elif not store.access(stat.path.parent).write:
        yield Reason(
            "folder-closed", "you may not write in the folder above, so it cannot be renamed or removed by you"
        )
    elif parent.mode & STICKY and me.uid not in {0, stat.uid, parent.uid}:
        owner = store.person(stat.uid).login
        yield Reason(
            "sticky",
            f"it belongs to {owner}, so only {owner} can delete or rename it",
            "programs that save by writing a new file and renaming it fail here: save in place, or under another name",
        )
    if store.site.managed_by:
        sentence = f"projects, sessions and seals are changed by {store.site.managed_by} only"
        yield Reason("managed", sentence, "use its pages, or JupyterLab on the hub")


def _elsewhere(store: Store, where: Place, path: TreePath) -> str:
    """Where one can write instead, nearest first."""
    if not where.area or not where.session:
        return ""
    for folder in (where.session / where.area.derived, where.session, where.project):
        try:
            if folder != path and store.stat(folder).kind is EntryKind.FOLDER and store.access(folder).write:
                return f"you can write in “{folder.shown}”"
        except (NotFound, NotAllowed):
            continue
    return ""
