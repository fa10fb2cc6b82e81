"""What each project of a tree holds, kept up to date by what the watcher hears, and counted anew now and then.

A folder in which something happened is looked at again, and no other. All of it is done by one thread, which works for
a quarter of the time at most. What nobody told of (another server's changes, a kernel that had too much to tell, a
keeper that was not running) is found when a project is counted anew: after each start, and once a day.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.core.layout import RECORDS, is_records, place
from jupyter_modama.core.model import EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.projects import project_paths
from jupyter_modama.core.totals import RECORD, Totals
from jupyter_modama.store.beneath import FOLDER, open_beneath
from jupyter_modama.store.status import stat_at
from jupyter_modama.store.sums import Sums, discard

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

SHARE = 0.25  # of the time
SLICE_S = 0.02  # of work between two rests
SETTLED_S = 0.5  # after the first thing that happened in a folder
FACTOR = 20.0  # a folder that took 1 s to look at is looked at again after 20 s
TOLD_EVERY_S = 3.0  # a project, as long as its totals change
ANEW_S = 24 * 3600.0
TICK_S = 0.25
COMMIT_EVERY_S = 1.0
REST_AFTER = 500  # entries
MOST_SLOW = 1000
BROKEN_S = 30.0
MOST_HEARD = 50_000  # folders; above that their projects are counted anew
_HARMLESS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR,
}


class Pace:
    """Has a thread work for a share of the time."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._begun = time.monotonic()

    def begin(self) -> None:
        """Nothing was done until now."""
        self._begun = time.monotonic()

    def rest(self) -> float:
        """Pause for the work since the last pause, where that is due; answers for how many seconds."""
        begun = time.monotonic()
        worked = begun - self._begun
        if worked < SLICE_S:
            return 0.0
        self._stopped.wait(worked * (1 / SHARE - 1))
        self._begun = time.monotonic()
        return self._begun - begun


class Following:
    """Follows a tree's changes and tells what its projects hold, in a record of each."""

    def __init__(self, store: DiskStore, file: Path, *, is_watched: bool = True) -> None:
        """`is_watched`: somebody will call `heard`; otherwise projects are counted anew each hour."""
        self.store, self.file = store, file
        self.is_watched = is_watched
        self._guard = threading.Lock()
        self._heard: set[TreePath] = set()
        self._unsure: dict[TreePath, None] = {}  # projects that are to be counted anew, in this order
        self._lost = False
        self._stopped = threading.Event()
        self._pace = Pace(self._stopped)
        self._sums: Sums | None = None
        self._due: dict[TreePath, float] = {}
        self._slow: dict[TreePath, float] = {}  # when a folder that took long may be looked at again
        self._counting = TreePath("")
        self._ahead: list[tuple[TreePath, int]] = []  # folders of that project, with their inodes
        self._changed: dict[TreePath, float] = {}  # projects, with when their totals may be told
        self._told: dict[TreePath, tuple[int, int, int]] = {}
        self._since = datetime.max.replace(tzinfo=UTC)
        self._found: Callable[[TreePath], None] | None = None
        self._everything_at = self._committed = 0.0

    # from any thread -----------------------------------------------------------------------------------------------

    def heard(self, folders: Collection[TreePath]) -> None:
        """Note that something happened in folders of the tree."""
        with self._guard:
            if len(self._heard) < MOST_HEARD:
                self._heard.update(folders)
            else:
                self._unsure.update(dict.fromkeys(place(self.store.site, folder).project for folder in folders))

    def lost(self) -> None:
        """Note that something happened, and nobody knows where."""
        self._lost = True

    def catch_up(self, since: datetime, found: Callable[[TreePath], None]) -> None:
        """Tell of folders that were made since a time, when nobody watched, as far as the first count comes by them."""
        self._since, self._found = since, found

    @property
    def is_behind(self) -> bool:
        """Whether that is still to come."""
        return self._found is not None

    def stop(self) -> None:
        self._stopped.set()

    # the thread ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Follow until `stop`."""
        while not self._stopped.is_set():
            try:
                if not self.turn():
                    self._stopped.wait(TICK_S)
                    self._pace.begin()
            except (sqlite3.Error, OSError) as error:
                self._broken(error)
                self._stopped.wait(BROKEN_S if _is_harmless(error) else TICK_S)
        self.close()

    def turn(self) -> bool:
        """Do a little of what is to be done; False where there is nothing more for now.

        Raises: sqlite3.Error, OSError.
        """
        sums = self._opened()
        self._take_heard()
        for folder in self._ripe():
            self._look_again(sums, folder)
        if self._ahead:
            self._go_on(sums)
        elif self._unsure or self._lost or time.monotonic() >= self._everything_at:
            self._begin(sums)
        else:
            self._found = None  # all were counted
        self._tell(sums)
        is_busy = bool(self._ahead or self._unsure)
        if not is_busy or time.monotonic() >= self._committed + COMMIT_EVERY_S:
            sums.commit()
            self._committed = time.monotonic()
        return is_busy

    def total(self, project: TreePath) -> tuple[int, int, int] | None:
        """Files, bytes and folders of a project, where it was counted; from the thread that follows."""
        return self._opened().total(project)

    def close(self) -> None:
        """Put the file down; also where the thread has never run."""
        if self._sums is not None:
            with suppress(sqlite3.Error):
                self._sums.commit()
            self._sums.close()
        self._sums = None

    def _opened(self) -> Sums:
        if self._sums is not None and not self._sums.is_there():
            self.close()
        if self._sums is None:
            try:
                self._sums = Sums(self.file)
            except sqlite3.Error as error:
                if _is_harmless(error):
                    raise
                discard(self.file)
                self._sums = Sums(self.file)
            # What was under way belonged to another file, and what happened meanwhile nobody has noted.
            self._ahead.clear()
            self._due.clear()
            self._told.clear()
            self._everything_at = 0.0
        return self._sums

    def _broken(self, error: Exception) -> None:
        """What could not be noted is counted anew; a damaged file is thrown away."""
        if self._sums is not None:
            self._sums.close()
            self._sums = None
        if not _is_harmless(error):
            with suppress(OSError):
                discard(self.file)

    # what is to be looked at ---------------------------------------------------------------------------------------

    def _take_heard(self) -> None:
        with self._guard:
            heard, self._heard = self._heard, set()
        now = time.monotonic()
        for folder in heard:
            if folder not in self._due:
                self._due[folder] = max(now + SETTLED_S, self._slow.get(folder, 0.0))

    def _ripe(self) -> list[TreePath]:
        now = time.monotonic()
        found = sorted(folder for folder, due in self._due.items() if due <= now)
        for folder in found:
            del self._due[folder]
        if len(self._slow) > MOST_SLOW:
            self._slow = {folder: until for folder, until in self._slow.items() if until > now}
        return found

    def _begin(self, sums: Sums) -> None:
        """Begin to count a project anew; which ones there are is looked at first where that is due."""
        if self._lost or time.monotonic() >= self._everything_at:
            self._lost = False
            self._everything_at = time.monotonic() + (ANEW_S if self.is_watched else ANEW_S / 24)
            self._look_for_projects(sums)
        with self._guard:
            project = next(iter(self._unsure), TreePath(""))
            self._unsure.pop(project, None)
        if project and not project.name.startswith("."):
            self._counting, self._ahead = project, [(project, 0)]

    def _look_for_projects(self, sums: Sums) -> None:
        with suppress(ModamaError):
            there = dict.fromkeys(project_paths(self.store))
            for gone in set(sums.projects()) - there.keys():
                sums.remove(gone, gone)
            with self._guard:
                self._unsure.update(dict.fromkeys(sorted(there, key=lambda path: sums.total(path) is not None)))

    def _go_on(self, sums: Sums) -> None:
        """Look at one more folder of the project that is being counted."""
        folder, inode = self._ahead.pop()
        self._ahead += self._look(sums, self._counting, folder, inode)[0]
        if not self._ahead:
            sums.whole(self._counting)
            self._told.pop(self._counting, None)
            self._changed[self._counting] = 0.0

    def _look_again(self, sums: Sums, folder: TreePath) -> None:
        """Look at a folder in which something happened, and at all that is new in it."""
        project = place(self.store.site, folder).project
        if not project or project.name.startswith(".") or is_records(self.store.site, folder):
            return
        if sums.inode(project) is None:
            with self._guard:
                self._unsure[project] = None
            return
        inode = sums.inode(folder)
        ahead = [] if inode is None else [(folder, inode)]  # who is not known yet is found in the folder above
        while ahead and not self._stopped.is_set():
            ahead += self._look(sums, project, *ahead.pop())[1]
        self._changed.setdefault(project, time.monotonic() + (TOLD_EVERY_S if project in self._told else 0.0))

    # looking -------------------------------------------------------------------------------------------------------

    def _look(
        self, sums: Sums, project: TreePath, folder: TreePath, inode: int
    ) -> tuple[list[tuple[TreePath, int]], list[tuple[TreePath, int]]]:
        """Note what lies in one folder; answers the folders in it with their inodes: all, and those that are new.

        `inode`: the one that the folder above tells, which is another one where something is mounted.
        """
        try:
            fd = open_beneath(self.store.root_fd, folder, FOLDER)
        except OSError:
            sums.remove(project, folder)
            return [], []
        try:
            if self._found is not None and (born := stat_at(fd, "", folder).born) and born >= self._since:
                self._found(folder)
            files, size, inner = self._counted(fd, folder)
        finally:
            os.close(fd)
        known = sums.inner(folder)
        for name, its in known.items():
            if inner.get(name) != its:
                sums.remove(project, folder / name)
        sums.put(project, folder, inode, files, size)
        there = [(folder / name, its) for name, its in inner.items()]
        return there, [(path, its) for path, its in there if known.get(path.name) != its]

    def _counted(self, fd: int, folder: TreePath) -> tuple[int, int, dict[str, int]]:
        """Files, bytes, and the folders in one open folder with their inodes; what can be seen counts."""
        files = size = 0
        inner: dict[str, int] = {}
        begun, rested = time.monotonic(), 0.0
        with suppress(OSError):
            for number, entry in enumerate(_entries(fd), 1):
                if entry.is_dir(follow_symlinks=False):
                    if not is_records(self.store.site, folder / entry.name):
                        inner[entry.name] = entry.inode()
                elif entry.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
                if number % REST_AFTER == 0:
                    rested += self._pace.rest()
        took = time.monotonic() - begun - rested
        if took * FACTOR > SETTLED_S:
            self._slow[folder] = time.monotonic() + took * FACTOR
        self._pace.rest()
        return files, size, inner

    # telling -------------------------------------------------------------------------------------------------------

    def _tell(self, sums: Sums) -> None:
        """Write down the totals that have changed, where projects keep records."""
        now = time.monotonic()
        for project in [each for each, at in self._changed.items() if at <= now]:
            del self._changed[project]
            total = sums.total(project)
            if total is None or total == self._told.get(project):
                continue
            self._told[project] = total
            with suppress(ModamaError):  # a full disk, or a project that goes at this moment
                if self._keeps_records(project):
                    self.store.write_record(project, RECORD, Totals(*total, datetime.now(UTC)).as_record())
            self._pace.rest()

    def _keeps_records(self, project: TreePath) -> bool:
        """Whether the project is the system's, or has records already: what people made by hand stays as it is."""
        if self.store.trusted_uid(self.store.stat(project).uid):
            return True
        with suppress(ModamaError):
            return self.store.stat(project / RECORDS).kind is EntryKind.FOLDER
        return False


def _entries(fd: int) -> Iterator[os.DirEntry[str]]:
    with os.scandir(fd) as entries:
        yield from entries


def _is_harmless(error: Exception) -> bool:
    """Whether an error says nothing about the file itself: others are writing, the disk is full."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, OSError) or (code is not None and code & 0xFF in _HARMLESS)
