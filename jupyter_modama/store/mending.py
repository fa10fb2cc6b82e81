"""Comparing what a project's folders and files grant with what they should, and mending what differs.

By descriptors and top down, as everything in a tree that its users can change meanwhile. Each folder is mended before
it is listed, so that what is made in it meanwhile inherits the right thing. What is as it should be is only read: one
call for a file. Sealed inodes and our records are left alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator

from jupyter_modama.core.gate import Templates
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags
from jupyter_modama.store.apart import Tell, apart
from jupyter_modama.store.drift import Drift, Found, list_drift
from jupyter_modama.store.lists import lists_of
from jupyter_modama.store.makers import take_over
from jupyter_modama.store.mending_files import Files, Rules
from jupyter_modama.store.status import is_mount
from jupyter_modama.store.walk import walk_folders

STICKY_SETGID = 0o3000
TOLD_EVERY = 1000


class Pass:
    """One walk through a project, or a part of it, that looks or mends."""

    def __init__(
        self,
        wanted: Templates,
        *,
        mend: bool,
        report: bool = True,
        spare: Collection[TreePath] = (),
        system_uid: int | None = None,
        gid: int | None = None,
        known_uid: Callable[[int], bool] = lambda uid: True,
    ) -> None:
        """`spare`: folders, from the top of the walk, that are not entered; `system_uid`: whose strict folders are.

        `report`: look for second names and unknown owners too, which costs one more call for a file.
        `gid`: the group that everything is to have, where a group is what lets people in.
        """
        self.wanted, self.mend, self.spare, self.gid = wanted, mend, frozenset(spare), gid
        self.system_uid = system_uid if wanted.strict else None
        self.found = Found()
        self._rules = Rules(wanted, mend, report, gid, known_uid)

    def run(self, top: int) -> Iterator[int]:
        """Go through all below an open folder, and the folder; yields now and then how many entries were seen.

        Raises: OSError.
        """
        self._begin(top)
        yield from apart(lambda tell: self._go(top, tell))

    def run_file(self, folder: int, name: str) -> Iterator[int]:
        """The same for one file in an open folder.

        Raises: OSError.
        """
        self._begin(folder)
        yield from apart(lambda tell: self._go_file(folder, name))

    def _begin(self, top: int) -> None:
        """Take the lists that the file system keeps, and how the wanted ones look there."""
        self._lists, wanted = lists_of(top), self.wanted
        self._folder = self._lists.comparable(wanted.folder, is_folder=True)
        self._passed_on = self._lists.comparable_default(wanted.inherited)
        self._device = os.fstat(top).st_dev
        self._files = Files(self._rules, self._lists, self._device, self.found)

    def _go_file(self, folder: int, name: str) -> None:
        try:
            self._files.add(folder, TreePath(""), [name])
            self._files.finish()
        finally:
            self._files.close()

    def _go(self, top: int, tell: Tell) -> None:
        told = 0
        try:
            for fd, path, files, others in walk_folders(top, self._enter, self._files.failed):
                self._files.add(fd, path, files)
                for name in others:
                    self.found.add(Drift.SPECIAL, path / name)
                seen = self.found.files + self.found.folders
                if seen - told >= TOLD_EVERY:
                    told = seen
                    tell(seen)
            self._files.finish()
        finally:
            self._files.close()
        tell(self.found.files + self.found.folders)

    def _enter(self, fd: int, path: TreePath, status: os.stat_result) -> bool:
        if path in self.spare or (path.name == RECORDS and path):
            return False
        if status.st_dev != self._device or (path and is_mount(fd)):
            self.found.add(Drift.MOUNT, path)
            return False
        self.found.folders += 1
        if flags.is_immutable(fd):
            self.found.sealed += 1
            return True
        self._files.owner(status.st_uid, path)
        drift = self._folder_drift(fd, status)
        if drift is not None:
            self._mend_folder_at(drift, path, fd, status)
        return True

    def _mend_folder_at(self, drift: Drift, path: TreePath, fd: int, status: os.stat_result) -> None:
        if self.mend:
            try:
                self._mend_folder(fd, status)
            except OSError as error:
                self._files.refused(drift, path, fd, error)
                return
            self.found.mended += 1
        self.found.add(drift, path)

    def _folder_drift(self, fd: int, status: os.stat_result) -> Drift | None:
        mine, passed_on = self._lists.seen_folder(fd)
        drift = list_drift(mine, self._folder, status.st_mode, self.wanted.folder)
        if drift is not None:
            return drift
        if status.st_mode & STICKY_SETGID != STICKY_SETGID:
            return Drift.NOT_STICKY
        if passed_on != self._passed_on:
            return Drift.NOT_PASSED_ON
        if self.system_uid is not None and status.st_uid != self.system_uid:
            return Drift.OWN_FOLDER
        return Drift.OTHER_GROUP if self.gid is not None and status.st_gid != self.gid else None

    def _mend_folder(self, fd: int, status: os.stat_result) -> None:
        if self.system_uid is not None:
            take_over(fd, self.system_uid)
        if self.gid is not None:
            os.fchown(fd, -1, self.gid)
        os.fchmod(fd, status.st_mode & 0o7777 | STICKY_SETGID)
        self._lists.write_folder(fd, self.wanted.folder, self.wanted.inherited)
