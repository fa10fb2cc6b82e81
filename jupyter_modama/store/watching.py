"""Mending new folders as soon as somebody makes them: faster than the nightly pass, and never more than that does.

What the kernel tells is a hint. Each folder is looked at again through its own descriptor, reached from the root
without following a link, and compared with the gate of the project in which it lies at that moment. What is missed,
because too much happened at once, the nightly pass finds. What was made when nobody watched is found when projects are
counted after the start; what was moved in from elsewhere then, in the night.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.gate import Gate, templates
from jupyter_modama.core.layout import RECORDS, Place, place
from jupyter_modama.core.model import Area, SessionState
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.records import record_or_warning
from jupyter_modama.core.seal_state import read_state
from jupyter_modama.core.spreading import is_kept
from jupyter_modama.store.beneath import FOLDER, opened
from jupyter_modama.store.fanotify import CLOSED, CREATED, MOVED_TO, Hint, Hints
from jupyter_modama.store.fanotify import FOLDER as OF_FOLDER
from jupyter_modama.store.gates import read_gate, read_owners
from jupyter_modama.store.mending import Pass
from jupyter_modama.store.status import is_mount

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore
    from jupyter_modama.store.totals import Following

AGAIN_S = 5.0
TOGETHER_S = 0.05  # so that of a tree that is being made each level is gone through once
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV}  # removed, or replaced by a link
Closed = Callable[[TreePath], None]


@dataclass(slots=True)
class Seen:
    """What a watcher has come to so far."""

    hints: int = 0
    folders: int = 0
    mended: int = 0
    failed: int = 0
    lost: int = 0  # how often there was more than the kernel keeps: the nightly pass has to find it


class Watcher:
    """Watches one tree, from when it is made until it is closed.

    CAP_SYS_ADMIN is needed where it is made only; to go on CAP_DAC_READ_SEARCH, and what mending needs.

    Raises: StorageError where the tree cannot be watched.
    """

    def __init__(
        self,
        store: DiskStore,
        closed: Closed | None = None,
        again: Callable[[], object] | None = None,
        following: Following | None = None,
    ) -> None:
        """`closed` hears of each file that a program has written and closed; `again` is called now and then.

        `following` hears of each folder in which something came, went or was written.
        """
        self.store, self.closed, self.again, self.following = store, closed, again, following
        self.seen = Seen()
        with ExitStack() as kept:
            self._hints = Hints(_file_systems(store.root_fd, kept))
        self._wake, self._stop = os.pipe2(os.O_CLOEXEC)
        self._missed: set[TreePath] = set()
        self._guard = threading.Lock()

    def missed(self, folder: TreePath) -> None:
        """Have a folder mended that was made when nobody watched; from any thread."""
        with self._guard:
            self._missed.add(folder)

    @property
    def is_behind(self) -> bool:
        """Whether such a folder is still to be mended, or may still be found."""
        return bool(self._missed) or (self.following is not None and self.following.is_behind)

    def stop(self) -> None:
        """Have `run` end; may be called from any thread, or from a handler of a signal."""
        os.write(self._stop, b"x")

    def close(self) -> None:
        self._hints.close()
        os.close(self._wake)
        os.close(self._stop)

    def run(self) -> None:
        """Watch until `stop` is called."""
        next_time = time.monotonic() + AGAIN_S
        while self._hints.wait(self._wake, AGAIN_S) and not _ready(self._wake, TOGETHER_S):
            self.turn()
            if self.again is not None and time.monotonic() >= next_time:
                self._tried(self.again)
                next_time = time.monotonic() + AGAIN_S

    def turn(self) -> Seen:
        """Do what is to be done about all that has happened so far."""
        with self._guard:
            folders, self._missed = self._missed, set()
        files: set[TreePath] = set()
        touched: set[TreePath] = set()
        top = os.readlink(f"/proc/self/fd/{self.store.root_fd}")
        for hint in self._hints.take():
            self.seen.hints += 1
            path = _below(top, hint)
            if path is None:
                continue
            touched.add(path.parent)
            if hint.what & OF_FOLDER:
                touched.add(path)
            if hint.what & OF_FOLDER and hint.what & (CREATED | MOVED_TO):
                folders.add(path)
            elif hint.what & CLOSED:
                files.add(path)
        if self.following is not None:
            self.following.heard(touched)
            if self._hints.lost > self.seen.lost:
                self.following.lost()
        self.seen.lost = self._hints.lost
        for path in _tops(folders):
            self._tried(partial(self._mend, path))
        if self.closed is not None:
            for path in sorted(files):
                self._tried(partial(self.closed, path))
        return self.seen

    def _tried(self, do: Callable[[], object]) -> None:
        """One folder that cannot be mended must not end the watch."""
        try:
            do()
        except OSError as error:
            if error.errno not in _GONE:
                self.seen.failed += 1
        except ModamaError:
            self.seen.failed += 1

    def _mend(self, path: TreePath) -> None:
        where = place(self.store.site, path)
        if not where.project or path == where.project or RECORDS in path.parts:
            return
        with opened(self.store.root_fd, where.project) as project:
            wanted = self._wanted(project, where)
            if wanted is None:
                return
            with opened(project, TreePath(path[len(where.project) + 1 :])) as fd:
                spare = self._spared(where)
                if spare is None or os.fstat(fd).st_dev != os.fstat(project).st_dev or is_mount(fd):
                    return
                one = self._pass(wanted, where.layout, project, spare)
                for _ in one.run(fd):
                    pass
                self.seen.folders += one.found.folders
                self.seen.mended += one.found.mended

    def _wanted(self, project: int, where: Place) -> Gate | None:
        """Who passes the gate; None where nobody asked for this project to be kept as it should be."""
        owners = read_owners(project, self.store.trusted_uid)
        if owners == ():
            return None
        record, _ = record_or_warning(self.store, where.project, "project")
        by_group = where.layout.members == "group"
        gate = read_gate(project, owners or self.store.owner_uids(where.project), record, by_group)
        return gate if is_kept(self.store, where.project, gate) else None

    def _spared(self, where: Place) -> tuple[TreePath, ...] | None:
        """What below the folder is sealed, or being sealed; None where the folder itself is."""
        if not where.session or not (where.in_raw or where.path == where.session):
            return ()
        with suppress(ModamaError):
            if read_state(self.store, where.session)[0] is not SessionState.WRITABLE:
                return None if where.in_raw else (TreePath(where.raw.name),)
        return ()

    def _pass(self, gate: Gate, area: Area, project: int, spare: Iterable[TreePath]) -> Pass:
        return Pass(
            templates(gate, area),
            mend=True,
            report=False,
            spare=tuple(spare),
            system_uid=self.store.account_uid,
            gid=os.fstat(project).st_gid if area.members == "group" else None,
        )


def _ready(fd: int, seconds: float) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def _file_systems(root_fd: int, kept: ExitStack) -> Iterator[int]:
    """The root, and an area on each further file system."""
    yield root_fd
    seen = {os.fstat(root_fd).st_dev}
    for name in sorted(os.listdir(root_fd)):
        with suppress(OSError):
            fd = os.open(name, FOLDER, dir_fd=root_fd)
            kept.callback(os.close, fd)
            if (device := os.fstat(fd).st_dev) not in seen:
                seen.add(device)
                yield fd


def _below(top: str, hint: Hint) -> TreePath | None:
    """The path below the root that a hint is of."""
    if hint.folder == top:
        return TreePath(hint.name)
    above = top.rstrip("/") + "/"
    return TreePath(f"{hint.folder[len(above) :]}/{hint.name}") if hint.folder.startswith(above) else None


def _tops(folders: Iterable[TreePath]) -> Iterator[TreePath]:
    """The folders that do not lie in another one of them."""
    last: TreePath | None = None
    for path in sorted(folders, key=lambda path: path.parts):
        if last is None or not path.below(last):
            last = path
            yield path
