"""Jupyter's own file browser and editor in the data tree: refusals in our words, and no checkpoints inside raw.

The contents manager is the one that the site has configured, and stays so. Only its public methods are wrapped, on this
one object: what it refuses, or the disk, is said again with the reason that `entry.explain` knows. What would come to
grief half-way (Jupyter moves by copying where it cannot rename, and removes a folder file by file) is refused before.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import hashlib
import inspect
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tornado.web import HTTPError

from jupyter_modama.core.errors import FULL, ModamaError
from jupyter_modama.core.explain import ExplainEntry, explain_entry
from jupyter_modama.core.layout import Place, place
from jupyter_modama.core.model import EntryKind, Explanation, Reason, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.refusals import sealed_state
from jupyter_modama.server.room import Room
from jupyter_modama.store.disk import state_folder

# Which of their arguments are paths of something that changes.
CHANGED = {
    "save": ("path",),
    "delete": ("path",),
    "rename": ("old_path", "new_path"),
    "copy": ("to_path",),
    "new": ("path",),
    "new_untitled": ("path",),
    "create_checkpoint": ("path",),
    "restore_checkpoint": ("path",),
}
REFUSED = {errno.EPERM, errno.EACCES, errno.EROFS, *FULL}
KEPT = {"sealed", "sealing", "seal-interrupted", "sealed-partly", "path-sealed", "immutable"}
STAYS = KEPT | {"folder-immutable", "folder-closed", "sticky"}


def explain_refusals(manager: Any, room: Room) -> None:
    """Have everything that the manager refuses in the data tree say why."""
    for name, named in CHANGED.items():
        if hasattr(manager, name):
            setattr(manager, name, _explained(manager, room, getattr(manager, name), named, BEFORE.get(name)))


def keep_checkpoints_out_of_raw(manager: Any, room: Room) -> None:
    """Have checkpoints of files below a raw folder kept in the person's state folder, where they are files at all."""
    inner = getattr(getattr(manager, "checkpoints", None), "checkpoint_path", None)
    if inner is None:
        return

    @functools.wraps(inner)
    def path_of(checkpoint_id: str, path: str) -> str:
        where = _in_tree(manager, room, path)
        if where is None or not where.in_raw:
            return str(inner(checkpoint_id, path))
        folder = state_folder() / "checkpoints" / hashlib.sha256(os.fsencode(_on_disk(room, where))).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f"{checkpoint_id}{os.path.splitext(path)[1]}")

    manager.checkpoints.checkpoint_path = path_of


def _explained(
    manager: Any, room: Room, method: Callable[..., Any], named: tuple[str, ...], before: Before | None
) -> Callable[..., Any]:
    takes = inspect.signature(method)

    def places(args: Any, kwargs: Any) -> list[Place]:
        given = takes.bind(*args, **kwargs).arguments
        found = (_in_tree(manager, room, given[n]) for n in named if isinstance(given.get(n), str))
        return [where for where in found if where is not None]

    def first(args: Any, kwargs: Any) -> None:
        kept = before(room, places(args, kwargs)) if before is not None else ""
        if kept:
            raise _Refused(kept)

    def then(error: Exception, args: Any, kwargs: Any) -> None:
        if not isinstance(error, _Refused) and _is_refusal(error):
            sentence = next(filter(None, (_why(room, where) for where in places(args, kwargs))), "")
            if sentence:
                raise _Refused(sentence) from error

    if not inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            first(args, kwargs)
            try:
                return method(*args, **kwargs)
            except Exception as error:  # each manager has errors of its own; all go on, in words where we know why
                then(error, args, kwargs)
                raise

        return call

    @functools.wraps(method)
    async def call_later(*args: Any, **kwargs: Any) -> Any:
        await asyncio.to_thread(first, args, kwargs)
        try:
            return await method(*args, **kwargs)
        except Exception as error:  # as above
            await asyncio.to_thread(then, error, args, kwargs)
            raise

    return call_later


class _Sentence(str):
    """Shown to people as it is; Tornado's log takes it for a format."""

    __slots__ = ()

    def __radd__(self, before: str) -> str:
        return before + self.replace("%", "%%")


class _Refused(HTTPError):
    def __init__(self, sentence: str) -> None:
        super().__init__(403)
        self.sentence = _Sentence(sentence)

    @property
    def log_message(self) -> str:
        return self.sentence

    @log_message.setter
    def log_message(self, _: object) -> None:
        """Tornado before 6.5 sets it."""


def _is_refusal(error: BaseException | None) -> bool:
    """Whether rights, or the disk, are behind an error, however it was wrapped."""
    while error is not None:
        if isinstance(error, HTTPError) and error.status_code == 403:
            return True
        if isinstance(error, shutil.Error) or (isinstance(error, OSError) and error.errno in REFUSED):
            return True
        error = error.__cause__ or error.__context__
    return False


# Where a path lies ---------------------------------------------------------------------------------------------------


def _in_tree(manager: Any, room: Room, path: str) -> Place | None:
    """The place that a path of the contents manager means; None outside of the tree, or where that is no file."""
    if room.store is None or not hasattr(manager, "_get_os_path"):
        return None
    try:
        found = os.path.abspath(manager._get_os_path(path.strip("/")))
        folder, name = os.path.split(found)
        below = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(room.store.site.root))
        return place(room.store.site, TreePath.parse("" if below == "." else below))
    except (HTTPError, ModamaError, ValueError):
        return None


def _on_disk(room: Room, where: Place) -> str:
    return room.tree.disk_path(where.path)


# Why -----------------------------------------------------------------------------------------------------------------


def _why(room: Room, where: Place) -> str:
    """What speaks against a change at a place, and what to do; nothing where we know of nothing."""
    try:
        found = _explanation(room, where.path)
    except ModamaError:
        return ""
    reasons = [reason for reason in found.reasons if reason.code != "managed"]
    return _sentence(found, reasons[0]) if reasons else ""


def _explanation(room: Room, path: TreePath) -> Explanation:
    """Of what has the path; of the folder around it where nothing has."""
    found = explain_entry(room.tree, room.actor, ExplainEntry(path.shown, path.b64))
    if path and any(reason.code == "gone" for reason in found.reasons):
        return explain_entry(room.tree, room.actor, ExplainEntry(path.parent.shown, path.parent.b64))
    return found


def _sentence(found: Explanation, reason: Reason) -> str:
    step = reason.next_step
    return f"{found.sentence} {step[:1].upper()}{step[1:]}." if step else found.sentence


def _before_delete(room: Room, places: list[Place]) -> str:
    """Why something may not be removed: it holds what is sealed, or stays where it is; nothing where it may."""
    for where in places:
        for raw in _raw_folders_in(room, where):
            if _is_sealed(room, raw):
                return f"“{where.path.shown}” holds sealed data, so it is not deleted. {_why(room, raw)}"
    return _before_rename(room, places[:1])


def _before_rename(room: Room, places: list[Place]) -> str:
    """Why something keeps its place, or cannot come to the other; nothing where it may go."""
    for number, where in enumerate(places):
        with suppress(ModamaError):
            codes = KEPT if number else STAYS
            found = _explanation(room, where.path)
            kept = next((reason for reason in found.reasons if reason.code in codes), None)
            if kept:
                return _sentence(found, kept)
    return ""


Before = Callable[[Room, list[Place]], str]
BEFORE: dict[str, Before] = {"delete": _before_delete, "rename": _before_rename}


def _raw_folders_in(room: Room, where: Place) -> list[Place]:
    """The raw folders below a session or project."""
    store = room.tree
    with suppress(ModamaError):
        if where.path and where.path == where.project:
            folders = [s.path for s in store.children(where.path) if s.kind is EntryKind.FOLDER]
        else:
            folders = [where.path] if where.path and where.path == where.session else []
        return [place(store.site, place(store.site, folder).raw) for folder in folders]
    return []


def _is_sealed(room: Room, where: Place) -> bool:
    state = sealed_state(room.tree, where)
    return state is not None and state[0] not in {SessionState.WRITABLE, SessionState.SEAL_LOST}
