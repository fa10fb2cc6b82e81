"""What a download of a selection holds: everything at and below its entries, found by descriptors, nothing followed."""

from __future__ import annotations

import os
import stat as bits
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.layout import is_records
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, FOLDER
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.store.walk import Node, walk

Tell = Callable[[TreePath, str], None]


@dataclass(frozen=True, slots=True)
class Counted:
    """How much a selection holds; where `complete` is not so, it is at least that much."""

    files: int
    folders: int
    bytes: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A file, or a folder without what is in it; `path` begins with the name of the selected entry.

    Only valid until the next one is asked for.
    """

    path: TreePath
    status: os.stat_result
    open: Callable[[], int] | None = None


def count(store: DiskStore, tops: Iterable[TreePath], patience_s: float) -> Counted:
    """Count a selection, as far as patience goes. Raises: NotFound, NotAllowed."""
    end = time.monotonic() + patience_s
    files = folders = size = 0
    for top in tops:
        store.stat(top)
        for item in items(store, top, lambda _, __: None):
            files, folders = (files + 1, folders) if item.open else (files, folders + 1)
            size += item.status.st_size if item.open else 0
            if time.monotonic() > end:
                return Counted(files, folders, size, False)
    return Counted(files, folders, size, True)


def items(store: DiskStore, top: TreePath, tell: Tell) -> Iterator[Item]:
    """The files and folders at and below an entry; `tell` hears of each thing that is left out, and why."""
    name = TreePath(top.name)
    try:
        with store.opened(top.parent, FOLDER, "reading") as parent, store.translated(top, "reading"):
            status = os.stat(top.name, dir_fd=parent, follow_symlinks=False)
            if not bits.S_ISDIR(status.st_mode):
                if bits.S_ISREG(status.st_mode):
                    yield Item(name, status, lambda: os.open(top.name, FILE, dir_fd=parent))
                else:
                    tell(name, _no_data(status))
                return
            fd = os.open(top.name, FOLDER, dir_fd=parent)
    except ModamaError as error:
        tell(name, str(error))
        return
    try:
        yield Item(name, status)
        yield from _below(store, top, fd, tell)
    finally:
        os.close(fd)


def _below(store: DiskStore, top: TreePath, fd: int, tell: Tell) -> Iterator[Item]:
    name = TreePath(top.name)

    def enter(_: int, path: TreePath, __: os.stat_result) -> bool:
        return not path or not is_records(store.site, top / path)

    def failed(path: TreePath, error: OSError) -> None:
        tell(name / path if path else name, f"could not be read ({error.strerror})")

    for node in walk(fd, enter, failed):
        try:
            status = node.status
        except OSError:
            tell(name / node.path, "vanished meanwhile")
            continue
        if bits.S_ISDIR(status.st_mode):
            if not is_records(store.site, top / node.path):
                yield Item(name / node.path, status)
        elif bits.S_ISREG(status.st_mode):
            yield Item(name / node.path, status, _opener(node))
        else:
            tell(name / node.path, _no_data(status))


def _opener(node: Node) -> Callable[[], int]:
    return lambda: node.open()[0]


def _no_data(status: os.stat_result) -> str:
    what = "a symbolic link, which is not followed" if bits.S_ISLNK(status.st_mode) else "no ordinary file"
    return f"left out: it is {what}"
