"""The files of a pass: gathered folder by folder, and gone through in batches, where there are many by processes.

What is plain is done in `mender.py`, here or in such a process, both in the same way. Whatever is not (refused,
replaced meanwhile, a second name, lists of another kind) comes back from there untouched and is judged one by one.
"""

from __future__ import annotations

import errno
import os
import stat as bits
from collections.abc import Callable, Iterable

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.gate import Templates
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import acl
from jupyter_modama.store.beneath import FILE, PATH_ONLY
from jupyter_modama.store.drift import Drift, Found, list_drift
from jupyter_modama.store.lists import Kind, Lists
from jupyter_modama.store.mender import Answer, Task, go_through
from jupyter_modama.store.menders import Batch, Done, Menders
from jupyter_modama.store.status import is_immutable_at

MANY = 3000  # files that make processes worth starting
_GONE = {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EPERM, errno.EACCES, errno.EROFS}


@frozen
class Rules:
    """What is wanted of files, and what is done about those that differ."""

    wanted: Templates
    mend: bool
    report: bool
    gid: int | None
    known_uid: Callable[[int], bool]


class Files:
    """The files of one pass. Changes the current folder of its thread."""

    def __init__(self, rules: Rules, lists: Lists, device: int, found: Found) -> None:
        self.rules, self.lists, self.device, self.found = rules, lists, device, found
        self._wanted = (rules.wanted.of_file(False), rules.wanted.of_file(True))
        self._lists = tuple(lists.comparable(each, is_folder=False) for each in self._wanted)
        self._modes = {acl.mode_of(each) for each in self._wanted}
        self._judged: dict[tuple[bytes, int, bool], Drift | None] = {}
        self._owners: dict[int, bool] = {}
        self._is_plain = lists.kind is Kind.POSIX and all(self._lists)
        gid = "" if rules.gid is None else str(rules.gid)
        words = [*(each.hex() for each in self._lists), str(device), gid, "mend" * rules.mend, "report" * rules.report]
        self._task = Task(words)
        self._menders = Menders(words) if self._is_plain else None
        self._batch = Batch()

    def add(self, folder: int, above: TreePath, names: list[str]) -> None:
        """Some more files, in an open folder."""
        self._batch.add(folder, above, names)
        if self._batch.is_full:
            self._hand_over()

    def finish(self) -> None:
        """Go through those that are left, and wait for those that are gone through elsewhere."""
        self._hand_over()
        if self._menders is not None:
            self._note(self._menders.rest())

    def close(self) -> None:
        """End the processes, and wait for that."""
        self._batch.close()
        if self._menders is not None:
            self._menders.close()

    # batches -------------------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, Batch()
        if not batch.files:
            return
        if self._menders is None or self.found.files < MANY:
            self._note([(batch, None)])
        else:
            self._note(self._menders.give(batch))

    def _note(self, done: Iterable[Done]) -> None:
        for batch, answer in done:
            try:
                self._noted(batch, self._done_here(batch) if answer is None else answer)
            finally:
                batch.close()

    def _done_here(self, batch: Batch) -> Answer:
        answer, first = Answer(), 0
        for (fd, _), names in zip(batch.folders, batch.names, strict=True):
            if self._is_plain:
                os.fchdir(fd)
                go_through(names, first, self._task, answer)
            else:
                answer.back += range(first, first + len(names))
            first += len(names)
        return answer

    def _noted(self, batch: Batch, answer: Answer) -> None:
        self.found.files += batch.files
        for key, (count, first) in answer.changed.items():
            drift = self._file_drift(*key)
            self.found.mended += count
            if drift is not None:
                self.found.add_many(drift, count, _paths(batch, first))
        for uid, (count, first) in answer.owners.items():
            if not self._is_known(uid):
                self.found.add_many(Drift.UNKNOWN_OWNER, count, _paths(batch, first))
        for number in answer.back:
            fd, above, name = batch.at(number)
            os.fchdir(fd)
            self._file_at(name, above)

    # one by one ----------------------------------------------------------------------------------------------------

    def _file_at(self, name: str, above: TreePath) -> None:
        """Look at what has a name in the current folder, where no link is followed; whatever it is by now."""
        path = above / name
        try:
            mine = self.lists.seen_by_name(name)
            if not self._is_right(mine, name, path):
                self._mend_file_at(name, path, mine)
        except OSError as error:
            self.failed(path, error)

    def _is_right(self, mine: bytes, name: str, path: TreePath) -> bool:
        rules = self.rules
        if not rules.report and rules.gid is None and self._lists[0]:
            return mine in self._lists  # whether it has a second name is looked at before anything is changed
        status = os.stat(name, follow_symlinks=False)
        self.owner(status.st_uid, path)
        if status.st_nlink > 1:
            self.found.add(Drift.HARD_LINK, path)
            return True
        if rules.gid is not None and status.st_gid != rules.gid:
            return False
        return mine in self._lists if mine or self._lists[0] else status.st_mode & 0o777 in self._modes

    def _mend_file_at(self, name: str, path: TreePath, mine: bytes) -> None:
        """Judge and mend the inode that is held open, whatever happens to its name meanwhile."""
        fd = _held(name)
        try:
            status = os.fstat(fd)
            if not bits.S_ISREG(status.st_mode) or status.st_nlink > 1 or status.st_dev != self.device:
                return
            program = bool(status.st_mode & 0o100)
            drift = self._file_drift(mine, status.st_mode & 0o777, program)
            if drift is None and self.rules.gid is not None and status.st_gid != self.rules.gid:
                drift = Drift.OTHER_GROUP
            if drift is None:
                return
            if not self.rules.mend:
                self.count(drift, path, not is_immutable_at(fd))
                return
            try:
                self._mend_file(fd, status, program)
            except OSError as error:
                self.refused(drift, path, fd, error)
            else:
                self.found.mended += 1
                self.found.add(drift, path)
        finally:
            os.close(fd)

    def _mend_file(self, fd: int, status: os.stat_result, program: bool) -> None:
        if self.rules.gid is not None and status.st_gid != self.rules.gid:
            os.chown(f"/proc/self/fd/{fd}", -1, self.rules.gid)
        if not self._lists[program] or self.lists.kind is not Kind.POSIX:
            self.lists.write(fd, self._wanted[program])
            return
        try:
            os.setxattr(fd, acl.ACCESS, self._lists[program])
        except OSError as error:
            if error.errno != errno.EBADF:  # as of a file that could be held by its path only
                raise
            os.setxattr(f"/proc/self/fd/{fd}", acl.ACCESS, self._lists[program])

    def _file_drift(self, mine: bytes, mode: int, program: bool) -> Drift | None:
        """As `list_drift`; most files of a project have one of a few lists, so that each is judged once."""
        key = (mine, mode, program)
        if key not in self._judged:
            if len(self._judged) > 1000:
                self._judged.clear()
            self._judged[key] = list_drift(mine, self._lists[program], mode, self._wanted[program])
        return self._judged[key]

    # of folders, too -----------------------------------------------------------------------------------------------

    def count(self, drift: Drift, path: TreePath, changeable: bool) -> None:
        """Note what differs, where it may differ: what is sealed stays as it is."""
        if changeable:
            self.found.add(drift, path)
        else:
            self.found.sealed += 1

    def refused(self, drift: Drift, path: TreePath, fd: int, error: OSError) -> None:
        """What could not be mended: sealed, or not ours. Raises: OSError for anything else."""
        if error.errno not in _REFUSED:
            raise error
        self.count(drift, path, changeable := not is_immutable_at(fd))
        if changeable:
            self.found.left[drift] = self.found.left.get(drift, 0) + 1

    def owner(self, uid: int, path: TreePath) -> None:
        if not self._is_known(uid):
            self.found.add(Drift.UNKNOWN_OWNER, path)

    def _is_known(self, uid: int) -> bool:
        known = self._owners.get(uid)
        if known is None:
            known = self._owners[uid] = self.rules.known_uid(uid)
        return known

    def failed(self, path: TreePath, error: OSError) -> None:
        """Note what cannot be looked at, unless it is gone. Raises: OSError where the disk is full."""
        if error.errno in _FULL:
            raise error
        if error.errno not in _GONE:
            self.found.add(Drift.UNREADABLE, path)


def _paths(batch: Batch, numbers: list[int]) -> list[TreePath]:
    return [above / name for _, above, name in map(batch.at, numbers)]


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
