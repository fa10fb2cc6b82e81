"""What a seal writes down of a session: manifest, entries, metadata; and on the way there what has been hashed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import differences, flags, links, manifest, records
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.hashing import Hashed, Wanted
from jupyter_modama.store.look import Looked
from jupyter_modama.store.manifest import Line, Recorded

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

HASHES = "hashes.jsonl"
ENTRIES = "manifest.jsonl"
METADATA = "metadata.jsonl"
CHANGES = "changes.jsonl"
PUT_AWAY = (ENTRIES, METADATA, CHANGES, "seal.json")
OLD = "old"
LEFTOVER = re.compile(
    r"^\.(manifest-sha256\.txt|manifest\.jsonl|metadata\.jsonl|changes\.jsonl|seal\.json|sealing\.json)\.[0-9a-f]{8}$"
)
LARGEST_MANIFEST = 4 << 30


class DiskProof:
    """The proof of a seal below one root: `manifest-sha256.txt` beside raw, and our files in `.modama`."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store
        self._read: dict[TreePath, tuple[tuple[int, int], dict[TreePath, Line]]] = {}
        self._guard = threading.Lock()

    @contextmanager
    def _folder(self, path: TreePath, doing: str) -> Iterator[int]:
        with self.store.opened(path, FOLDER, doing) as fd:
            yield fd

    # what is written -------------------------------------------------------------------------------------

    @contextmanager
    def box(self, session: TreePath) -> Iterator[int]:
        """A descriptor of the session's records folder."""
        with self._folder(session, "writing records of") as parent:
            box = records.records_folder(parent, session, self.store.trusted_at(session))
            try:
                yield box
            finally:
                os.close(box)

    @contextmanager
    def _record_file(self, session: TreePath, name: str) -> Iterator[BinaryIO]:
        """One of our files in the session's records, an empty one where it cannot be believed."""
        trusted = self.store.trusted_at(session)
        with ExitStack() as kept:
            try:
                fd = kept.enter_context(self.store.opened(session / RECORDS / name, FILE, "reading"))
                status = os.fstat(fd)
                believed = trusted(status.st_uid) and not status.st_mode & 0o022 and stat.S_ISREG(status.st_mode)
            except (NotFound, NotAllowed):
                believed = False
            yield kept.enter_context(open(fd, "rb", closefd=False)) if believed else io.BytesIO()

    def _record_bytes(self, session: TreePath, name: str) -> bytes:
        """The bytes of one of our files in the session's records, nothing where it cannot be believed."""
        with self._record_file(session, name) as file:
            return file.read(LARGEST_MANIFEST)

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
        with self.box(session) as box:
            _thaw(box, ENTRIES)
            entries = manifest.entries_written(TreePath(prefix), lines, looked.links, looked.folders)
            records.replace(box, ENTRIES, entries, 0o444)
        return _sha256(text), _sha256(entries)

    def write_changes(self, session: TreePath) -> differences.Differences | None:
        """Hold the entries just written against those of the seal before; None where there was none.

        Disk: every difference in `.modama/changes.jsonl`, one a line; no such file where there is nothing to compare.
        """
        with self.box(session) as box:
            _thaw(box, CHANGES)
            with suppress(FileNotFoundError):
                os.unlink(CHANGES, dir_fd=box)
            name, seal = self._seal_before(session, box)
            if not name:
                return None
            found = differences.Differences(str(seal["at"]))
            try:
                with (
                    self._record_file(session, f"{OLD}/{name}/{ENTRIES}") as then,
                    self._record_file(session, ENTRIES) as now,
                    records.replacing(box, CHANGES, 0o444) as fd,
                    open(fd, "wb", closefd=False) as file,
                ):
                    file.writelines(differences.told(seal, then, now, found))
            except ValueError as error:
                return differences.unknown(found.sealed_at, error)
            return found

    def _seal_before(self, session: TreePath, box: int) -> tuple[str, dict[str, Any]]:
        """The last seal that was put away: the name of its folder in `.modama/old`, and its record."""
        try:
            old = os.open(OLD, FOLDER, dir_fd=box)
        except FileNotFoundError:
            return "", {}
        try:
            names = sorted(os.listdir(old), reverse=True)
        finally:
            os.close(old)
        for name in names:
            with suppress(ValueError, KeyError, TypeError):
                seal = json.loads(self._record_bytes(session, f"{OLD}/{name}/seal.json"))
                datetime.fromisoformat(seal["at"])
                return name, seal
        return "", {}

    def write_metadata(self, session: TreePath, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what instruments wrote into the files, one JSON object a file."""
        text = b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)
        with self.box(session) as box:
            _thaw(box, METADATA)
            records.replace(box, METADATA, text, 0o444)

    def freeze(self, session: TreePath, by: Protection) -> None:
        """Make manifest, entries and the seal's record unchangeable, by the means of the seal."""
        with self._folder(session, "protecting the manifest of") as fd:
            _freeze(fd, manifest.NAME, by)
        with self.box(session) as box:
            for name in PUT_AWAY:
                _freeze(box, name, by)
            with suppress(FileNotFoundError):
                os.unlink(HASHES, dir_fd=box)

    def retire(self, session: TreePath) -> None:
        """Put manifest and seal away under `.modama/old/<time>/`, so that nothing of it is lost."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with ExitStack() as kept:
            box = kept.enter_context(self.box(session))
            parent = kept.enter_context(self._folder(session, "putting away the seal of"))
            old = _folder_in(box, OLD)
            kept.callback(os.close, old)
            away = _folder_in(old, stamp)
            kept.callback(os.close, away)
            with suppress(FileNotFoundError):
                os.unlink(HASHES, dir_fd=box)
            for folder, name in ((parent, manifest.NAME), *((box, name) for name in PUT_AWAY)):
                _thaw(folder, name)
                with suppress(FileNotFoundError):
                    os.rename(name, name, src_dir_fd=folder, dst_dir_fd=away)
            os.fsync(away)

    def tidy(self, session: TreePath) -> None:
        """Remove the half-written files that a crash of ours left; called by whoever holds the session's lock."""
        with self._folder(session, "tidying up") as parent, self.box(session) as box:
            links.discard_copy(box)
            for folder in (parent, box):
                for name in os.listdir(folder):
                    if (
                        LEFTOVER.match(name)
                        and os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.geteuid()
                    ):
                        os.unlink(name, dir_fd=folder)

    def thaw(self, session: TreePath, name: str) -> None:
        """Let one of our records be written again."""
        with self.box(session) as box:
            _thaw(box, f"{name}.json")

    def forget(self, session: TreePath, name: str) -> None:
        """Remove one of our records."""
        with self.box(session) as box, suppress(FileNotFoundError):
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

    # what was hashed before a crash --------------------------------------------------------------------------------

    def remembered(self, session: TreePath, fd: int, wanted: Sequence[Wanted]) -> dict[TreePath, Hashed]:
        """What is kept of files below an open folder whose inodes have not been touched since they were hashed."""
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

    def remember(self, session: TreePath, batch: Sequence[Hashed]) -> None:
        """Keep what has been hashed, until the seal is whole."""
        rows = "".join(json.dumps(h) + "\n" for h in batch if not h.error)
        text = "\n" + rows  # a crash may have cut the line before
        appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self.box(session) as box, open(os.open(HASHES, appending, 0o644, dir_fd=box), "wb") as file:
            file.write(text.encode())


def _folder_in(box: int, name: str) -> int:
    """A descriptor of a folder of ours that all may look into, whatever the umask; made where it is missing."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=box)
    fd = os.open(name, FOLDER, dir_fd=box)
    try:
        os.fchmod(fd, 0o755)
    except BaseException:
        os.close(fd)
        raise
    return fd


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
