"""What lies in a raw folder, who writes into it, and what stands in the way of a seal: nothing is changed."""

from __future__ import annotations

import fnmatch
import math
import os
import re
import time
from dataclasses import dataclass, field

from jupyter_modama.core.model import Writer
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import writers
from jupyter_modama.store.status import is_mount
from jupyter_modama.store.walk import Node, walk

NAMED = 1000
JUNK = (
    *("*.part", "*.partial", "*.filepart", "*.crdownload", "*.tmp", "*.swp", "~$*", ".~lock.*", "*~"),
    *("thumbs.db", "desktop.ini", ".ds_store", "._*", ".ipynb_checkpoints", ".nfs*"),
)
JUNK_NAMES = re.compile("|".join(fnmatch.translate(pattern) for pattern in JUNK))


@dataclass(slots=True)
class Found:
    """What a survey found; lists hold at most the first thousand paths (below raw), the counts hold all."""

    files: int = 0
    bytes: int = 0
    folders: int = 0
    links: int = 0
    others: int = 0
    empty_files: int = 0
    junk: list[TreePath] = field(default_factory=list)
    junk_count: int = 0
    junk_bytes: int = 0
    written: dict[TreePath, Writer] = field(default_factory=dict)
    unchecked: int = 0
    unreadable: list[TreePath] = field(default_factory=list)
    foreign: list[TreePath] = field(default_factory=list)  # of other people: their mode cannot be changed by us
    mounts: list[TreePath] = field(default_factory=list)
    hard_links: list[TreePath] = field(default_factory=list)  # with an end outside raw
    complete: bool = True

    @property
    def writers_checked(self) -> str:
        if not self.unchecked:
            return "checked"
        return "not-checkable" if self.unchecked >= self.files else "partly"


def survey(raw_fd: int, patience_s: float = math.inf) -> Found:
    """Look at everything below an open raw folder, and probe every file for writers; at least until patience ends.

    Raises: OSError for raw itself.
    """
    end = time.monotonic() + patience_s
    found = Found()
    device = os.fstat(raw_fd).st_dev
    me = os.geteuid()
    ends: dict[int, list[TreePath]] = {}
    wanted: dict[int, int] = {}

    def enter(fd: int, path: TreePath, status: os.stat_result) -> bool:
        if path and (status.st_dev != device or is_mount(fd)):
            found.mounts.append(path)
            return False
        if not path and me and status.st_uid != me:
            _keep(found.foreign, path)
        return True

    def failed(path: TreePath, error: OSError) -> None:
        _keep(found.unreadable, path)

    keys: dict[tuple[int, int], TreePath] = {}
    for node in walk(raw_fd, enter, failed):
        if patience_s < math.inf and time.monotonic() > end:
            found.complete = False
            break
        try:
            status = node.status
            if node.is_file:
                status = _probe(node, found, keys)
                if status.st_nlink > 1:
                    ends.setdefault(status.st_ino, []).append(node.path)
                    wanted[status.st_ino] = status.st_nlink
        except FileNotFoundError:
            continue
        if me and status.st_uid != me and not node.is_link:
            _keep(found.foreign, node.path)
        _count(node, status, found)
    if found.complete:
        found.hard_links = [p for inode, paths in ends.items() if len(paths) < wanted[inode] for p in paths]
    _name_writers(found, keys)
    return found


def _count(node: Node, status: os.stat_result, found: Found) -> None:
    size = 0
    if node.is_folder:
        found.folders += 1
    elif node.is_link:
        found.links += 1
    elif not node.is_file:
        found.others += 1
    else:
        size = status.st_size
        found.files += 1
        found.bytes += size
        found.empty_files += not size
    if JUNK_NAMES.match(node.name.lower()):
        found.junk_count += 1
        found.junk_bytes += size
        _keep(found.junk, node.path)


def _probe(node: Node, found: Found, keys: dict[tuple[int, int], TreePath]) -> os.stat_result:
    """Note who writes into a file, or that it cannot be known; answers its status.

    Raises: FileNotFoundError.
    """
    try:
        fd, status = node.open()
    except PermissionError:
        _keep(found.unreadable, node.path)
        return node.status
    except BlockingIOError:  # somebody has a lease for writing
        status = node.status
        keys[status.st_dev, status.st_ino] = node.path
        return status
    try:
        said = writers.probe(fd)
    finally:
        os.close(fd)
    if said is writers.Probe.NOT_PERMITTED:
        found.unchecked += 1
    elif said is writers.Probe.WRITTEN:
        keys[status.st_dev, status.st_ino] = node.path
    return status


def _name_writers(found: Found, keys: dict[tuple[int, int], TreePath]) -> None:
    if not keys:
        return
    programs = writers.programs(keys)
    for key, path in keys.items():
        named = programs.get(key, Writer(""))
        found.written[path] = Writer(path.shown, named.program, named.pid, named.login)


def _keep(paths: list[TreePath], path: TreePath) -> None:
    if len(paths) < NAMED:
        paths.append(path)
