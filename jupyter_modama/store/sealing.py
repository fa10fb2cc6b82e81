"""The mechanics of a seal on a disk; what is allowed when is decided in the core."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
import threading
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, RecordCorrupt
from jupyter_modama.core.layout import RECORDS, place
from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import adoption, flags, links, manifest, protect, records
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.hashing import Hashed, Wanted, hash_files
from jupyter_modama.store.look import Looked, look
from jupyter_modama.store.manifest import Line, Recorded
from jupyter_modama.store.survey import Found, survey

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

HASHES = "hashes.jsonl"
ENTRIES = "manifest.jsonl"
METADATA = "metadata.jsonl"
OLD = "old"
LEFTOVER = re.compile(
    r"^\.(manifest-sha256\.txt|manifest\.jsonl|metadata\.jsonl|seal\.json|sealing\.json)\.[0-9a-f]{8}$"
)
LARGEST_MANIFEST = 4 << 30
REMEMBERED_AT_ONCE = 2000
LARGE = 64 << 20  # bytes that one does not want to hash twice


class DiskSealing:
    """Sealing below one root, with the rights of whoever runs this."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store
        self._read: dict[TreePath, tuple[tuple[int, int], dict[TreePath, Line]]] = {}
        self._guard = threading.Lock()

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
        guard = protect.Guard(by, opens=self._has_gate(raw))
        with self._folder(raw, "protecting") as fd, self._box(raw.parent) as box:
            yield from protect.protect(fd, box, guard, spare)

    def _has_gate(self, raw: TreePath) -> bool:
        """Whether the project's folder decides who comes in: made by the system (sticky), or closed to others."""
        mode = self.store.stat(place(self.store.site, raw).project).mode
        return bool(mode & 0o1000) or not mode & 0o001

    def look(self, folder: TreePath, by: Protection) -> Looked:
        """What lies below a folder, and what of it is not protected by these means."""
        with self._folder(folder, "looking through") as fd:
            return look(fd, by)

    def unprotect(self, session: TreePath, raw: TreePath) -> Iterator[int]:
        """Let raw be changed again, with modes as the session's folder has them."""
        with self._folder(session, "looking at") as parent:
            mode = os.fstat(parent).st_mode
        with self._folder(raw, "unsealing") as fd:
            yield from protect.unprotect(fd, mode)

    # checksums -------------------------------------------------------------------------------------------

    def hash(
        self, session: TreePath, folder: TreePath, files: Mapping[TreePath, tuple[int, int]], *, remember: bool
    ) -> Generator[tuple[int, int, int], None, list[Hashed]]:
        """Hash files (with their sizes) below a folder on all cores; yields (bytes done, bytes in all, files done).

        With `remember`, what is done is kept in the session's records, and taken from there after a crash where the
        inode has not been touched since: its change time cannot be set by anybody.
        """
        wanted = [Wanted(path, size) for path, (size, _) in files.items()]
        total = sum(w.size_bytes for w in wanted)
        with self._folder(folder, "reading") as fd:
            known = self._remembered(session, fd, wanted) if remember else {}
            left = [w for w in wanted if w.path not in known]
            results = list(known.values())
            counted = _Counter(sum(h.size_bytes for h in results))
            fresh: list[Hashed] = []
            for batch in hash_files(fd, left, counted.add):
                results += batch
                fresh += batch
                if remember and (len(fresh) >= REMEMBERED_AT_ONCE or any(h.size_bytes > LARGE for h in batch)):
                    self._remember(session, fresh)
                    fresh.clear()
                yield counted.value, total, len(results)
        return results

    def _remembered(self, session: TreePath, fd: int, wanted: Sequence[Wanted]) -> dict[TreePath, Hashed]:
        text = self._record_bytes(session, HASHES)
        if not text:
            return {}
        asked = {w.path for w in wanted}
        found = {}
        for row in text.splitlines():
            try:
                kept = Hashed(*json.loads(row))
                kept = kept._replace(path=TreePath(kept.path))
                if kept.path not in asked:
                    continue
                with opened(fd, kept.path, PATH_ONLY) as inode:
                    now = os.fstat(inode)
            except (ValueError, TypeError, OSError):
                continue
            if kept[2:6] == (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino):
                found[kept.path] = kept
        return found

    def _remember(self, session: TreePath, batch: Sequence[Hashed]) -> None:
        text = "\n" + "".join(
            json.dumps(h) + "\n" for h in batch if not h.error
        )  # a crash may have cut the line before
        appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._box(session) as box, open(os.open(HASHES, appending, 0o644, dir_fd=box), "wb") as file:
            file.write(text.encode())

    # what is written -------------------------------------------------------------------------------------

    @contextmanager
    def _box(self, session: TreePath) -> Iterator[int]:
        """A descriptor of the session's records folder."""
        with self._folder(session, "writing records of") as parent:
            box = records.records_folder(parent, session, self.store.trusted_at(session))
            try:
                yield box
            finally:
                os.close(box)

    def _record_bytes(self, session: TreePath, name: str) -> bytes:
        """The bytes of one of our files in the session's records, nothing where it cannot be believed."""
        trusted = self.store.trusted_at(session)
        try:
            with self.store.opened(session / RECORDS / name, FILE, "reading") as fd:
                status = os.fstat(fd)
                if not trusted(status.st_uid) or status.st_mode & 0o022:
                    return b""
                with open(fd, "rb", closefd=False) as file:
                    return file.read(LARGEST_MANIFEST)
        except (NotFound, NotAllowed):
            return b""

    def write_manifest(
        self, session: TreePath, prefix: str, hashed: Sequence[Hashed], looked: Looked
    ) -> tuple[str, str]:
        """Write the manifest of files below the folder `prefix` of a session, and the entries; answers both's SHA-256.

        Disk: `manifest-sha256.txt` beside raw, where a file of that name that is not this is moved aside; the entries
        (sizes, symbolic links, folders) in `.modama/manifest.jsonl`.
        """
        lines = [Line(TreePath(f"{prefix}/{h.path}"), h.sha256, h.size_bytes) for h in hashed]
        text = manifest.written(lines)
        with self._folder(session, "writing the manifest of") as fd:
            _put_aside(fd, manifest.NAME, text)
            records.replace(fd, manifest.NAME, text, 0o444)
        with self._box(session) as box:
            _thaw(box, ENTRIES)
            entries = manifest.entries_written(TreePath(prefix), lines, looked.links, looked.folders)
            records.replace(box, ENTRIES, entries, 0o444)
        return _sha256(text), _sha256(entries)

    def write_metadata(self, session: TreePath, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what instruments wrote into the files, one JSON object a file."""
        text = b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)
        with self._box(session) as box:
            _thaw(box, METADATA)
            records.replace(box, METADATA, text, 0o444)

    def freeze_records(self, session: TreePath, by: Protection) -> None:
        """Make manifest, sizes and the seal's record unchangeable, by the means of the seal."""
        with self._folder(session, "protecting the manifest of") as fd:
            _freeze(fd, manifest.NAME, by)
        with self._box(session) as box:
            for name in ("seal.json", ENTRIES, METADATA):
                _freeze(box, name, by)
            with suppress(FileNotFoundError):
                os.unlink(HASHES, dir_fd=box)

    def retire_records(self, session: TreePath) -> None:
        """Put manifest and seal away under `.modama/old/<time>/`, so that nothing of it is lost."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with self._box(session) as box, self._folder(session, "putting away the seal of") as parent:
            with suppress(FileExistsError):
                os.mkdir(OLD, 0o755, dir_fd=box)
            old = os.open(OLD, FOLDER, dir_fd=box)
            try:
                os.mkdir(stamp, 0o755, dir_fd=old)
                away = os.open(stamp, FOLDER, dir_fd=old)
                try:
                    with suppress(FileNotFoundError):
                        os.unlink(HASHES, dir_fd=box)
                    for folder, name in ((parent, manifest.NAME), (box, ENTRIES), (box, METADATA), (box, "seal.json")):
                        _thaw(folder, name)
                        with suppress(FileNotFoundError):
                            os.rename(name, name, src_dir_fd=folder, dst_dir_fd=away)
                    os.fsync(away)
                finally:
                    os.close(away)
            finally:
                os.close(old)

    def tidy(self, session: TreePath) -> None:
        """Remove the half-written files that a crash of ours left; called by whoever holds the session's lock."""
        with self._folder(session, "tidying up") as parent, self._box(session) as box:
            links.discard_copy(box)
            for folder in (parent, box):
                for name in os.listdir(folder):
                    if (
                        LEFTOVER.match(name)
                        and os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.geteuid()
                    ):
                        os.unlink(name, dir_fd=folder)

    def thaw_record(self, session: TreePath, name: str) -> None:
        """Let one of our records be written again."""
        with self._box(session) as box:
            _thaw(box, f"{name}.json")

    def forget_record(self, session: TreePath, name: str) -> None:
        """Remove one of our records."""
        with self._box(session) as box, suppress(FileNotFoundError):
            os.unlink(f"{name}.json", dir_fd=box)

    # what is read ----------------------------------------------------------------------------------------

    def read_manifest(self, session: TreePath) -> Recorded:
        """The manifest and the entries of a session, as they are now.

        Raises: RecordCorrupt, NotFound.
        """
        with self.store.opened(session / manifest.NAME, FILE, "reading") as fd, open(fd, "rb", closefd=False) as file:
            text = file.read(LARGEST_MANIFEST)
        try:
            lines = {line.path: line for line in manifest.read(text)}
        except ValueError as error:
            raise RecordCorrupt(path=(session / manifest.NAME).shown, why=str(error)) from error
        entries = self._record_bytes(session, ENTRIES)
        return Recorded(lines, manifest.entries_read(entries), _sha256(text), _sha256(entries))

    def recorded_sha256(self, session: TreePath, path: TreePath) -> str:
        """The SHA-256 that the manifest has for a file, nothing where it has none; the last manifests read are kept."""
        try:
            found = self.store.stat(session / manifest.NAME)
            key = (found.inode, hash(found.modified))
            with self._guard:
                kept = self._read.get(session)
            if kept is None or kept[0] != key:
                kept = (key, self.read_manifest(session).lines)
                with self._guard:
                    self._read = {**dict(list(self._read.items())[-3:]), session: kept}
        except ModamaError:
            return ""
        line = kept[1].get(TreePath(path[len(session) + 1 :]))
        return line.sha256 if line else ""


class _Counter:
    """Bytes that threads have read."""

    def __init__(self, begin: int) -> None:
        self.value = begin
        self._guard = threading.Lock()

    def add(self, count: int) -> None:
        with self._guard:
            self.value += count


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _put_aside(folder: int, name: str, text: bytes) -> None:
    """Make way for a file of ours that will hold `text`: what lies there under its name is kept beside it."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode):
        _thaw(folder, name)
        if _content(folder, name, len(text)) == text:
            return
    aside = f"{name}.moved-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)


def _content(folder: int, name: str, size: int) -> bytes:
    """The bytes of a file, as many as there should be and one more."""
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        return file.read(size + 1)


def _freeze(folder: int, name: str, by: Protection) -> None:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        if by is Protection.IMMUTABLE and flags.is_immutable(fd):
            return
        os.fchmod(fd, 0o444)
        if by is Protection.IMMUTABLE:
            flags.set_immutable(fd, True)
    finally:
        os.close(fd)


def _thaw(folder: int, name: str) -> None:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        if flags.is_immutable(fd):
            flags.set_immutable(fd, False)
    finally:
        os.close(fd)
