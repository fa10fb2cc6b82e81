"""The mechanics of a seal on a disk; what is allowed when is decided in the core."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store import adoption, flags, protect
from jupyter_modama.store.beneath import FOLDER
from jupyter_modama.store.hashing import Hashed, Hashes, Wanted, hash_files
from jupyter_modama.store.look import Files, Looked, look
from jupyter_modama.store.nameless import nameless
from jupyter_modama.store.survey import Found, survey

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

REMEMBERED_AT_ONCE = 2000
LONGEST_PAUSE_S = 2.0
LARGE = 64 << 20  # bytes that one does not want to hash twice


class DiskSealing:
    """Sealing below one root, with the rights of whoever runs this."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store

    @contextmanager
    def _folder(self, path: TreePath, doing: str) -> Iterator[int]:
        with self.store.opened(path, FOLDER, doing) as fd:
            yield fd

    # before ----------------------------------------------------------------------------------------------------------

    def strongest(self, session: TreePath) -> Protection:
        """The strongest protection that this process can set on this file system."""
        with self._folder(session, "looking at") as fd:
            return Protection.IMMUTABLE if flags.can_set(fd) else Protection.READ_ONLY

    def survey(self, raw: TreePath, patience_s: float = math.inf) -> Found:
        """What lies in raw, who writes into it, and what stands in the way, as far as the patience goes."""
        with self._folder(raw, "looking through") as fd:
            return survey(fd, patience_s)

    def adopt(self, raw: TreePath, *, change: bool) -> list[str]:
        """Take session and raw into the system's care; answers what stays weak.

        Raises: NotAdoptable.
        """
        system = {*self.store.system_uids, os.geteuid()}
        with self.store.translated(raw, "adopting"):
            return adoption.adopt(self.store.root_fd, raw, system, change=change)

    # protecting ------------------------------------------------------------------------------------------

    def protect(self, raw: TreePath, by: Protection, spare: Collection[TreePath]) -> Iterator[int]:
        """Protect raw, top down, with copies for files that have a name elsewhere; yields how many files are done."""
        guard = protect.Guard(by, opens=self.has_gate(raw))
        with self._folder(raw, "protecting") as fd, self.store.proof.box(raw.parent) as box:
            yield from protect.protect(fd, box, guard, spare)

    def has_gate(self, raw: TreePath) -> bool:
        """Whether the project's folder decides who comes in: made by the system (sticky), or closed to others."""
        mode = self.store.stat(place(self.store.site, raw).project).mode
        return bool(mode & 0o1000) or not mode & 0o001

    def look(self, folder: TreePath, by: Protection) -> Looked:
        """What lies below a folder, and what of it is not protected by these means."""
        with self._folder(folder, "looking through") as fd:
            return look(fd, by, self.rows)

    def rows(self) -> Rows:
        """An empty list that may become long: what does not fit in memory lies beside the index meanwhile."""
        return Rows(lambda: nameless(self.store.index.file.parent))

    def unprotect(self, session: TreePath, raw: TreePath) -> Iterator[int]:
        """Let raw be changed again, with modes as the session's folder has them."""
        with self._folder(session, "looking at") as parent:
            mode = os.fstat(parent).st_mode
        with self._folder(raw, "unsealing") as fd:
            yield from protect.unprotect(fd, mode)

    # checksums -------------------------------------------------------------------------------------------

    def hash(
        self,
        session: TreePath,
        folder: TreePath,
        files: Files,
        *,
        remember: bool,
        share: float = 1.0,
    ) -> Generator[tuple[int, int, int], None, Hashes]:
        """Hash files (with their sizes) below a folder on all cores; yields (bytes done, bytes in all, files done).

        With `remember`, what is done is kept in the session's records, and taken from there after a crash where the
        inode has not been touched since: its change time cannot be set by anybody. With a `share` below 1 the threads
        pause for the rest of the time.
        """
        results = Hashes(self.rows)
        with self._folder(folder, "reading") as fd:
            left: Files | Rows = files
            if remember:
                left = self.store.proof.remembered(session, fd, files, results)
            counted = _Counter(results.size_bytes, share)
            fresh: list[Hashed] = []
            for batch in hash_files(fd, _Asked(left), counted.add, self.rows):
                for one in batch:
                    results.add(one)
                if not remember:
                    yield counted.value, files.size_bytes, len(results)
                    continue
                fresh += batch
                if fresh and (len(fresh) >= REMEMBERED_AT_ONCE or any(h.size_bytes > LARGE for h in batch)):
                    self.store.proof.remember(session, fresh)
                    fresh.clear()
                yield counted.value, files.size_bytes, len(results)
        return results


@frozen
class _Asked:
    """Rows of files as what is to be hashed."""

    rows: Files | Rows

    def __iter__(self) -> Iterator[Wanted]:
        for row in self.rows:
            path, _, seen = row.partition(b"\0")
            yield Wanted(TreePath(os.fsdecode(path)), int(seen.partition(b" ")[0]))


class _Counter:
    """Bytes that threads have read; each that tells of some pauses as long as its share of the time demands."""

    def __init__(self, begin: int, share: float = 1.0) -> None:
        self.value = begin
        self._pause = 1 / max(share, 0.01) - 1
        self._guard = threading.Lock()
        self._mine = threading.local()

    def add(self, count: int) -> None:
        with self._guard:
            self.value += count
        if self._pause > 0:
            now = time.monotonic()
            worked = now - getattr(self._mine, "since", now)
            time.sleep(min(worked * self._pause, LONGEST_PAUSE_S))
            self._mine.since = time.monotonic()
