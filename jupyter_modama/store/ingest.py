"""Files of microscopes on the disk: found, waited for until they are quiet, and given to somebody by descriptor."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat as bits
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jupyter_modama.core.ingest import Arrival, heir, own_arrivals
from jupyter_modama.core.layout import RECORDS, place
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags, writers
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.connections import SOON_S
from jupyter_modama.store.status import is_mount
from jupyter_modama.store.walk import walk

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO, errno.EXDEV, errno.EROFS}
MOST_WAITING = 200_000  # what comes on top of that the nightly pass finds


class Ingest:
    """Gives what instruments have written in a tree to the owners of its sessions; needs root's rights."""

    def __init__(self, store: DiskStore, quiet: timedelta | None = None) -> None:
        """`quiet`: the time without a change after which a file is taken to be finished; otherwise the site's."""
        self.store = store
        self.quiet = timedelta(seconds=store.site.instruments_quiet_s) if quiet is None else quiet
        self._waiting: dict[TreePath, float] = {}

    @property
    def instruments(self) -> frozenset[int]:
        """The accounts that microscopes write with; the system's are never among them."""
        return frozenset(uid for uid in _uids(self.store.site.instruments) if not self.store.trusted_uid(uid))

    def closed(self, path: TreePath) -> None:
        """Note that a program has closed a file, which may be an instrument's; for a watcher."""
        if not self.store.site.instruments or not place(self.store.site, path).session or RECORDS in path.parts:
            return
        if path in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[path] = time.monotonic()  # anew with each time: it is quiet after the last one
        self.store.connections.look()  # while it is connected that has just closed a file

    def due(self) -> int:
        """Look at the files that were closed and have been quiet since; answers how many were given to people."""
        before = time.monotonic() - self.quiet.total_seconds()
        ripe = [path for path, closed in self._waiting.items() if closed <= before]
        if not ripe:
            return 0
        for path in ripe:
            del self._waiting[path]
        self.store.connections.look()
        instruments = self.instruments
        sessions: dict[TreePath, set[TreePath]] = {}
        for path in ripe:
            session = place(self.store.site, path).session
            above = path
            while above != session and above.below(session):
                sessions.setdefault(session, set()).add(above)
                above = above.parent
        return sum(self._own(session, paths, instruments) for session, paths in sessions.items())

    def session(self, session: TreePath) -> int:
        """The same for all that lies in a session: for the nightly pass, and before a seal."""
        instruments = self.instruments
        if not instruments:
            return 0
        self.store.connections.look()
        return self._own(session, self._theirs(session, instruments), instruments)

    def _own(self, session: TreePath, paths: Iterable[TreePath], instruments: frozenset[int]) -> int:
        to = heir(self.store, session, instruments)
        if to is None:
            return 0
        arrivals = filter(None, (self._arrival(path, instruments) for path in paths))
        return own_arrivals(self.store, session, arrivals, to, self._give)

    def _theirs(self, session: TreePath, instruments: frozenset[int]) -> Iterator[TreePath]:
        """What in a session belongs to instruments, as far as a first look tells."""
        with self.store.opened(session, FOLDER, "looking through") as top:
            device = os.fstat(top).st_dev

            def enter(fd: int, path: TreePath, status: os.stat_result) -> bool:
                if (path and path.name == RECORDS) or status.st_dev != device or (path and is_mount(fd)):
                    return False
                return not flags.is_immutable(fd)

            for node in walk(top, enter, lambda path, error: None):
                with suppress(FileNotFoundError):
                    if (node.is_file or node.is_folder) and node.status.st_uid in instruments:
                        yield TreePath(f"{session}/{node.path}")

    def _arrival(self, path: TreePath, instruments: frozenset[int]) -> Arrival | None:
        """What is there, where it is an instrument's and has been quiet."""
        with suppress(OSError), opened(self.store.root_fd, path, PATH_ONLY) as fd:
            status = os.fstat(fd)
            if status.st_uid in instruments and self._may_be_given(path, fd, status):
                changed = datetime.fromtimestamp(status.st_ctime, UTC)
                addresses = self._from_where(status.st_uid, changed)
                is_folder = bits.S_ISDIR(status.st_mode)
                return Arrival(path, status.st_uid, status.st_size, changed, is_folder, addresses)
        return None

    def _from_where(self, uid: int, when: datetime) -> tuple[str, ...]:
        """The addresses of an account; one that connected after somebody else's file was closed is looked for again."""
        connections = self.store.connections
        found = connections.addresses(uid, when)
        if not found:
            connections.look(SOON_S)
            found = connections.addresses(uid, when)
        return found

    def _may_be_given(self, path: TreePath, fd: int, status: os.stat_result) -> bool:
        if time.time() - max(status.st_mtime, status.st_ctime) < self.quiet.total_seconds():
            return False
        if bits.S_ISDIR(status.st_mode):
            area = place(self.store.site, path).area
            return area is not None and area.delete != "strict" and not is_mount(fd)
        return bits.S_ISREG(status.st_mode) and status.st_nlink == 1

    def _give(self, arrival: Arrival, uid: int) -> bool:
        """Change the owner of what has the path now, if it is still what was found."""
        try:
            with opened(self.store.root_fd, arrival.path, FOLDER if arrival.is_folder else FILE) as fd:
                status = os.fstat(fd)
                if status.st_uid != arrival.uid or not self._may_be_given(arrival.path, fd, status):
                    return False
                if not arrival.is_folder and writers.probe(fd) is writers.Probe.WRITTEN:
                    return False
                os.fchown(fd, uid, -1)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return False
        return True


def _uids(names: Iterable[str]) -> set[int]:
    """The uids of accounts, and of all members of groups, which are written with an @."""
    found: set[int] = set()
    for name in names:
        with suppress(KeyError):
            if not name.startswith("@"):
                found.add(pwd.getpwnam(name).pw_uid)
                continue
            group = grp.getgrnam(name[1:])
            found |= {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group.gr_gid}
            for member in group.gr_mem:
                with suppress(KeyError):
                    found.add(pwd.getpwnam(member).pw_uid)
    return found
