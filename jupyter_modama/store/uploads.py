"""Files that come in pieces, with the rights of whoever runs this: a part file beside the name that it will have.

Nothing is remembered but the part file: its name is made of what is to come (name, size, time, person), so that whoever
asks again for the same file goes on where the last one stopped, after a broken line, a restart or a reload. A seal's
survey knows it as unfinished by its ending. Pieces are appended at the place that the sender names, under a lock, and
the whole is read back from the disk and compared before it gets its name, which never replaces anything.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat as bits
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from jupyter_modama.core.errors import (
    AlreadyExists,
    ChecksumDiffers,
    Conflict,
    DiskFull,
    Invalid,
    NameRefused,
    NotAllowed,
    NotFound,
)
from jupyter_modama.core.explain import ExplainEntry, explain_entry
from jupyter_modama.core.layout import place
from jupyter_modama.core.model import Actor, EntryKind
from jupyter_modama.core.names import broken_rule
from jupyter_modama.core.owning import check_writable
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import changes
from jupyter_modama.store.beneath import FOLDER
from jupyter_modama.store.disk import DiskStore

ENDING = ".part"
ROOM_FOR_NAME = 180  # bytes of a part's name that tell of the file; what a file system can store is 255
TRIES = 5  # names for a part, where somebody else has taken the first ones
LARGEST_PIECE = 16 << 20
READ = 4 << 20
CHECKED_PER_STEP_S = 5.0  # one answer takes no longer than proxies wait for
KNOWN = 64
LATEST_MS = 253402300799000  # the last day that calendars hold


@dataclass(frozen=True, slots=True)
class Coming:
    """A file that is to come: below `folder`, under `name`, which may hold further folders."""

    folder: TreePath
    name: str
    size_bytes: int
    modified_ms: int

    @property
    def path(self) -> TreePath:
        return TreePath.parse(f"{self.folder}/{self.name}" if self.folder else self.name)

    def part_name(self, uid: int, number: int) -> str:
        """The name of the part; the same whenever the same person sends the same file."""
        told = f"{self.path.name}\0{self.size_bytes}\0{self.modified_ms}\0{uid}\0{number}"
        key = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        begins = os.fsencode(self.path.name)[:ROOM_FOR_NAME].decode("utf-8", "ignore")
        return f"{begins}.{key}{ENDING}"


class Uploads:
    """The files that come into one tree."""

    def __init__(self, store: DiskStore, actor: Actor) -> None:
        self.store, self.actor = store, actor
        self._sums: dict[tuple[int, ...], tuple[int, hashlib._Hash]] = {}

    def begin(self, coming: Coming) -> int:
        """Make the part, with the folders that it lies in, or find it; answers how much of it is here.

        Raises: AlreadyExists, NameRefused, NotAllowed (with the reason), DiskFull, Conflict.
        """
        self._check(coming)
        self._make_folders(coming)
        with self._refusals_explained(coming), self._folder(coming) as folder:
            with suppress(NotFound):
                self.store.stat(coming.path)
                raise AlreadyExists(what=f"something called “{coming.path.shown}”")
            fd = self._part(folder, coming, make=True)
            try:
                here = os.fstat(fd).st_size
            finally:
                os.close(fd)
        self._check_room(coming, coming.size_bytes - here)
        return here

    def write(self, coming: Coming, offset: int, piece: bytes) -> int:
        """Append a piece at the place that the sender takes for the end; answers where the end is now.

        Raises: Conflict (fact `offset`) where the end is elsewhere, NotFound without a part, DiskFull, NotAllowed.
        """
        if len(piece) > LARGEST_PIECE or offset + len(piece) > coming.size_bytes:
            raise Invalid(what=f"a piece has at most {LARGEST_PIECE} bytes and ends within the file")
        with self._refusals_explained(coming), self._folder(coming) as folder, self._locked(folder, coming) as fd:
            end = os.fstat(fd).st_size
            if end != offset:
                raise Conflict(what=f"“{coming.name}” goes on at {end} and not at {offset}", offset=end)
            view = memoryview(piece)
            while view:
                view = view[os.pwrite(fd, view, offset) :]
                offset = end = os.fstat(fd).st_size
            return end

    def finish(self, coming: Coming, sha256: str) -> int:
        """Compare what is on the disk with what was sent, a few seconds' work at a time; give it its name at the end.

        Answers how many bytes were compared; when that is all, the file has its name and time.
        Raises: ChecksumDiffers, AlreadyExists, Conflict, NotFound, NotAllowed, DiskFull.
        """
        with self._refusals_explained(coming), self._folder(coming) as folder, self._locked(folder, coming) as fd:
            found = os.fstat(fd)
            if found.st_size != coming.size_bytes:
                raise Conflict(what=f"“{coming.name}” is not whole yet", offset=found.st_size)
            done, digest = self._compared(fd, found)
            if done < found.st_size:
                return done
            part = self._name_of(folder, found, coming)
            if digest != sha256.lower():
                os.unlink(part, dir_fd=folder)
                raise ChecksumDiffers(name=coming.name)
            os.utime(fd, ns=(coming.modified_ms * 1_000_000,) * 2)
            os.fsync(fd)
            try:
                changes.rename(folder, part, coming.path.name)
            except FileExistsError as error:
                raise AlreadyExists(what=f"something called “{coming.path.shown}”") from error
            os.fsync(folder)
            return done

    def cancel(self, coming: Coming) -> bool:
        """Remove the part; answers whether there was one."""
        with self._refusals_explained(coming):
            try:
                with self._folder(coming) as folder, self._locked(folder, coming) as fd:
                    os.unlink(self._name_of(folder, os.fstat(fd), coming), dir_fd=folder)
            except NotFound:
                return False
        return True

    def make_folder(self, folder: TreePath, name: str) -> TreePath:
        """Make a folder for files, with the rights that its place gives; one that is there already is refused.

        Raises: AlreadyExists, NameRefused, Invalid, NotAllowed.
        """
        coming = Coming(folder, f"{name}/x", 0, 0)
        self._check(coming)
        with self._refusals_explained(coming):
            self.store.make_folder(coming.path.parent, like="folder")
        return coming.path.parent

    # what is asked for ---------------------------------------------------------------------------------------------

    def _check(self, coming: Coming) -> None:
        where = place(self.store.site, coming.path)
        if not where.project or not place(self.store.site, coming.folder).project:
            raise Invalid(what="files are put into a project; please open one, or a folder in one")
        if coming.size_bytes < 0 or not 0 <= coming.modified_ms <= LATEST_MS:
            raise Invalid(what=f"“{coming.name}” has no size, or no time, that can be")
        for name in coming.name.split("/"):
            if unicodedata.normalize("NFC", name) != name:
                raise NameRefused(name=name, rule="it is not in the usual form of Unicode (NFC)")
            rule = broken_rule(name)
            if rule:
                raise NameRefused(name=name, rule=rule)
        for above in _between(coming.folder, coming.path.parent):
            if place(self.store.site, above).role_in_tree == "raw" and not self._is_folder(above):
                raise Invalid(
                    what=f"a folder “{above.name}” here would make a session of “{above.parent.shown}”; please make a "
                    "session, and put the files into it"
                )
        check_writable(self.store, where)

    def _is_folder(self, path: TreePath) -> bool:
        with suppress(NotFound):
            return self.store.stat(path).kind is EntryKind.FOLDER
        return False

    def _make_folders(self, coming: Coming) -> None:
        for above in _between(coming.folder, coming.path.parent):
            if not self._is_folder(above):
                with self._refusals_explained(coming), suppress(AlreadyExists):
                    self.store.make_folder(above, like="folder")

    def _check_room(self, coming: Coming, wanted: int) -> None:
        free, _ = self.store.free_bytes(coming.path.parent)
        left, _ = self.store.quota_left(coming.path.parent)
        if 0 <= free < wanted:
            raise DiskFull(what=f"bringing “{coming.name}”", why=f"the disk has room for {free:,} bytes only")
        if 0 <= left < wanted:
            raise DiskFull(what=f"bringing “{coming.name}”", why=f"your quota leaves {left:,} bytes only")

    @contextmanager
    def _refusals_explained(self, coming: Coming) -> Iterator[None]:
        """Have a refusal of the kernel's say why, as `entry.explain` does."""
        try:
            with self.store.translated(coming.path, "bringing"):
                yield
        except NotAllowed as error:
            asked = coming.path.parent if self._is_folder(coming.path.parent) else coming.folder
            found = explain_entry(self.store, self.actor, ExplainEntry(asked.shown, asked.b64))
            if found.writable or not found.reasons:
                raise
            raise NotAllowed(what=found.sentence, folder=asked.shown, reason=found.reasons[0].code) from error

    # the part ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _folder(self, coming: Coming) -> Iterator[int]:
        with self.store.opened(coming.path.parent, FOLDER, "bringing files into") as folder:
            yield folder

    def _part(self, folder: int, coming: Coming, *, make: bool) -> int:
        """A descriptor of our part; somebody else's file, a link or a folder of that name is none of ours.

        Raises: NotFound, OSError.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        uid = os.geteuid()
        for number in range(TRIES):
            name = coming.part_name(uid, number)
            try:
                fd = os.open(name, flags, dir_fd=folder)
            except FileNotFoundError:
                if make:
                    return _made(folder, name)
                break
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO} or not _is_mine(folder, name, uid):
                    continue
                raise
            if _is_ours(os.fstat(fd), uid):
                return fd
            os.close(fd)
        if make:
            raise Conflict(what=f"somebody has put other files in the place of the parts of “{coming.name}”")
        raise NotFound(what=f"begun upload of “{coming.name}”")

    @contextmanager
    def _locked(self, folder: int, coming: Coming) -> Iterator[int]:
        """Our part, which no other request touches meanwhile. Raises: Conflict, NotFound."""
        fd = self._part(folder, coming, make=False)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    what=f"“{coming.name}” is being written by another window; it goes on in a moment"
                ) from error
            if not os.fstat(fd).st_nlink:
                raise NotFound(what=f"begun upload of “{coming.name}”")
            yield fd
        finally:
            os.close(fd)

    def _name_of(self, folder: int, found: os.stat_result, coming: Coming) -> str:
        """Under which of its possible names the part lies. Raises: NotFound."""
        for number in range(TRIES):
            name = coming.part_name(os.geteuid(), number)
            with suppress(OSError):
                if os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), found):
                    return name
        raise NotFound(what=f"begun upload of “{coming.name}”")

    def _compared(self, fd: int, found: os.stat_result) -> tuple[int, str]:
        """Read on from where the last request stopped: how far that came, and the checksum when it is all."""
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        done, running = self._sums.pop(key, (0, hashlib.sha256()))
        end = time.monotonic() + CHECKED_PER_STEP_S
        while block := os.pread(fd, READ, done):
            running.update(block)
            done += len(block)
            if time.monotonic() > end:
                break
        if done < found.st_size:
            while len(self._sums) >= KNOWN:
                self._sums.pop(next(iter(self._sums)))
            self._sums[key] = done, running
        return done, running.hexdigest()


def _between(top: TreePath, folder: TreePath) -> list[TreePath]:
    """The folders from below `top` down to `folder`."""
    parts, begin = folder.parts, len(top.parts)
    return [TreePath("/".join(parts[:n])) for n in range(begin + 1, len(parts) + 1)]


def _made(folder: int, name: str) -> int:
    """A new, empty part that is writable like the folder that it lies in. Raises: OSError."""
    mode = os.fstat(folder).st_mode & 0o666
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        if not changes.has_default_acl(folder):
            os.fchmod(fd, mode | 0o600)
    except BaseException:
        os.close(fd)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    return fd


def _is_mine(folder: int, name: str, uid: int) -> bool:
    with suppress(OSError):
        return _is_ours(os.stat(name, dir_fd=folder, follow_symlinks=False), uid)
    return False


def _is_ours(found: os.stat_result, uid: int) -> bool:
    """Whether this can be a part that this person began: an ordinary file of theirs, known under one name."""
    return bits.S_ISREG(found.st_mode) and found.st_uid == uid and found.st_nlink == 1
