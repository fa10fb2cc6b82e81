"""Comparing what a project's folders and files grant with what they should, and mending what differs.

By descriptors and top down, as everything in a tree that its users can change meanwhile. Each folder is mended before
it is listed, so that what is made in it meanwhile inherits the right thing. What is as it should be is only read: one
call for a file. Sealed inodes and our records are left alone.
"""

from __future__ import annotations

import errno
import os
import stat as bits
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from jupyter_modama.core.gate import AccessList, Templates
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl, flags
from jupyter_modama.store.apart import Tell, apart
from jupyter_modama.store.beneath import FILE, PATH_ONLY
from jupyter_modama.store.lists import Kind, lists_of
from jupyter_modama.store.makers import take_over
from jupyter_modama.store.status import is_immutable_at, is_mount
from jupyter_modama.store.walk import Node, walk

STICKY_SETGID = 0o3000
TOLD_EVERY = 1000
EXAMPLES = 5
SURE_AFTER = 20
_GONE = {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EPERM, errno.EACCES, errno.EROFS}


class Drift(StrEnum):
    """What is not as the project wants it; in this order, the first that is true of an entry counts."""

    NO_LIST = "no-list"  # the list is gone: cp -a, mv from elsewhere
    MASKED = "masked"  # names are there, and bounded by a mask: cp, tar, mkstemp, chmod, an open with mode 0600
    OPENED = "opened"  # everybody may more than the project says: rsync -a, chmod
    OTHER_NAMES = "other-names"  # names or their rights differ
    NOT_STICKY = "not-sticky"  # whoever may write in the folder may delete others' files
    NOT_PASSED_ON = "not-passed-on"  # what is made in the folder would not inherit the list
    OTHER_GROUP = "other-group"  # where the group of a folder is what lets people in
    OWN_FOLDER = "own-folder"  # a folder of somebody's own where folders are to be the system's
    UNKNOWN_OWNER = "unknown-owner"
    HARD_LINK = "hard-link"  # a file with a second name, which may lie outside
    SPECIAL = "special"  # a pipe, socket or device
    MOUNT = "mount"
    UNREADABLE = "unreadable"


MENDED = tuple(Drift)[:8]


@dataclass(slots=True)
class Found:
    """What a pass has seen so far."""

    files: int = 0
    folders: int = 0
    sealed: int = 0
    mended: int = 0
    counts: dict[Drift, int] = field(default_factory=dict)
    examples: dict[Drift, list[TreePath]] = field(default_factory=dict)
    left: dict[Drift, int] = field(default_factory=dict)  # what this process may not mend
    mendable: tuple[Drift, ...] = MENDED

    def add(self, drift: Drift, at: Node | _Single | TreePath) -> None:
        self.counts[drift] = self.counts.get(drift, 0) + 1
        some = self.examples.setdefault(drift, [])
        if len(some) < EXAMPLES:
            some.append(at if isinstance(at, TreePath) else at.path)


class _Single:
    """An entry of the current folder that no walk came to."""

    def __init__(self, name: str) -> None:
        self.name, self.path = name, TreePath(name)

    @property
    def status(self) -> os.stat_result:
        return os.stat(self.name, follow_symlinks=False)


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
        self.wanted, self.mend, self.spare, self.known_uid = wanted, mend, frozenset(spare), known_uid
        self.report = report
        self.system_uid = system_uid if wanted.strict else None
        self.gid = gid
        self.found = Found()
        self._wanted = (wanted.of_file(False), wanted.of_file(True))
        self._modes = {acl.mode_of(each) for each in self._wanted}
        self._judged: dict[tuple[bytes, int, bool], Drift | None] = {}
        self._owners: dict[int, bool] = {}
        self._device = 0
        self._in_a_row = 0

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
        self._files = tuple(self._lists.comparable(each, is_folder=False) for each in self._wanted)

    def _go_file(self, folder: int, name: str) -> None:
        self._device = os.fstat(folder).st_dev
        os.fchdir(folder)
        self._file_at(_Single(name))

    def _go(self, top: int, tell: Tell) -> None:
        self._device = os.fstat(top).st_dev
        told = 0
        for node in walk(top, self._enter, self._failed):
            if node.is_file:
                self._file_at(node)
            elif not node.is_folder and not node.is_link:
                self.found.add(Drift.SPECIAL, node.path)
            seen = self.found.files + self.found.folders
            if seen - told >= TOLD_EVERY:
                told = seen
                tell(seen)
        tell(self.found.files + self.found.folders)

    # folders -------------------------------------------------------------------------------------------------------

    def _enter(self, fd: int, path: TreePath, status: os.stat_result) -> bool:
        if path in self.spare or (path.name == RECORDS and path):
            return False
        if status.st_dev != self._device or (path and is_mount(fd)):
            self.found.add(Drift.MOUNT, path)
            return False
        self.found.folders += 1
        os.fchdir(fd)  # all its entries come before another folder is entered
        if flags.is_immutable(fd):
            self.found.sealed += 1
            return True
        self._owner(status.st_uid, path)
        drift = self._folder_drift(fd, status)
        if drift is not None:
            self._mend_folder_at(drift, path, fd, status)
        return True

    def _mend_folder_at(self, drift: Drift, path: TreePath, fd: int, status: os.stat_result) -> None:
        if self.mend:
            try:
                self._mend_folder(fd, status)
            except OSError as error:
                self._refused(drift, path, fd, error)
                return
            self.found.mended += 1
        self.found.add(drift, path)

    def _folder_drift(self, fd: int, status: os.stat_result) -> Drift | None:
        mine, passed_on = self._lists.seen_folder(fd)
        drift = _list_drift(mine, self._folder, status.st_mode, self.wanted.folder)
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

    # files ---------------------------------------------------------------------------------------------------------

    def _file_at(self, node: Node | _Single) -> None:
        """Look at what has a name in the current folder, where no link is followed; whatever it is by now.

        Where many in a row had to be mended, the look by name is left out: it is done again with the file open.
        """
        self.found.files += 1
        mine = None
        try:
            if self._in_a_row < SURE_AFTER:
                mine = self._lists.seen_by_name(node.name)
                if self._is_right(mine, node):
                    self._in_a_row = 0
                    return
            self._mend_file_at(node, mine)
        except OSError as error:
            self._failed(node.path, error)

    def _is_right(self, mine: bytes, node: Node | _Single) -> bool:
        if not self.report and self.gid is None and self._files[0]:
            return mine in self._files  # whether it has a second name is looked at before anything is changed
        status = node.status
        self._owner(status.st_uid, node)
        if status.st_nlink > 1:
            self.found.add(Drift.HARD_LINK, node)
            return True
        if self.gid is not None and status.st_gid != self.gid:
            return False
        return mine in self._files if mine or self._files[0] else status.st_mode & 0o777 in self._modes

    def _mend_file_at(self, node: Node | _Single, mine: bytes | None) -> None:
        """Judge and mend the inode that is held open, whatever happens to its name meanwhile."""
        fd = _held(node.name)
        try:
            status = os.fstat(fd)
            if not bits.S_ISREG(status.st_mode) or status.st_nlink > 1 or status.st_dev != self._device:
                return
            program = bool(status.st_mode & 0o100)
            if mine is None:
                mine = self._lists.seen(fd)
            drift = self._file_drift(mine, status, program)
            if drift is None and self.gid is not None and status.st_gid != self.gid:
                drift = Drift.OTHER_GROUP
            if drift is None:
                self._in_a_row = 0
                return
            if not self.mend:
                self._count(drift, node, not is_immutable_at(fd))
                return
            self._in_a_row += not self.report
            try:
                self._mend_file(fd, status, program)
            except OSError as error:
                self._refused(drift, node, fd, error)
            else:
                self.found.mended += 1
                self.found.add(drift, node)
        finally:
            os.close(fd)

    def _mend_file(self, fd: int, status: os.stat_result, program: bool) -> None:
        if self.gid is not None and status.st_gid != self.gid:
            os.chown(f"/proc/self/fd/{fd}", -1, self.gid)
        if not self._files[program] or self._lists.kind is not Kind.POSIX:
            self._lists.write(fd, self._wanted[program])
            return
        try:
            os.setxattr(fd, acl.ACCESS, self._files[program])
        except OSError as error:
            if error.errno != errno.EBADF:  # as of a file that could be held by its path only
                raise
            os.setxattr(f"/proc/self/fd/{fd}", acl.ACCESS, self._files[program])

    def _file_drift(self, mine: bytes, status: os.stat_result, program: bool) -> Drift | None:
        """As `_list_drift`; most files of a project have one of a few lists, so that each is judged once."""
        key = (mine, status.st_mode & 0o777, program)
        if key not in self._judged:
            if len(self._judged) > 1000:
                self._judged.clear()
            wanted = self._wanted[program]
            self._judged[key] = _list_drift(mine, self._files[program], status.st_mode, wanted)
        return self._judged[key]

    # both ----------------------------------------------------------------------------------------------------------

    def _count(self, drift: Drift, at: Node | _Single | TreePath, changeable: bool) -> None:
        """Note what differs, where it may differ: what is sealed stays as it is."""
        if changeable:
            self.found.add(drift, at)
        else:
            self.found.sealed += 1

    def _refused(self, drift: Drift, at: Node | _Single | TreePath, fd: int, error: OSError) -> None:
        """What could not be mended: sealed, or not ours. Raises: OSError for anything else."""
        if error.errno not in _REFUSED:
            raise error
        self._count(drift, at, changeable := not is_immutable_at(fd))
        if changeable:
            self.found.left[drift] = self.found.left.get(drift, 0) + 1

    def _owner(self, uid: int, at: Node | _Single | TreePath) -> None:
        known = self._owners.get(uid)
        if known is None:
            known = self._owners[uid] = self.known_uid(uid)
        if not known:
            self.found.add(Drift.UNKNOWN_OWNER, at)

    def _failed(self, path: TreePath, error: OSError) -> None:
        if error.errno in _FULL:
            raise error
        if error.errno not in _GONE:
            self.found.add(Drift.UNREADABLE, path)


def _held(name: str) -> int:
    """A descriptor of a file in the current folder, for more than its path where it may be read.

    Raises: OSError, FileNotFoundError where it is a link by now.
    """
    try:
        return os.open(name, FILE)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN, errno.EPERM, errno.ETXTBSY}:
            raise
    return os.open(name, PATH_ONLY)


def _list_drift(mine: bytes, wanted: bytes, mode: int, templ: AccessList) -> Drift | None:
    """How a list differs from the wanted one; both as attributes, empty where the mode alone counts."""
    if mine == wanted and (wanted or not (mode ^ acl.mode_of(templ)) & 0o777):
        return None
    try:
        have = acl.decode(mine)
    except ValueError:
        have = acl.from_mode(mode)
    if have.other & ~templ.other:
        return Drift.OPENED
    if templ.named and not have.named:
        return Drift.NO_LIST
    if dict(have.users) == dict(templ.users) and dict(have.groups) == dict(templ.groups):
        return Drift.MASKED
    return Drift.OTHER_NAMES
