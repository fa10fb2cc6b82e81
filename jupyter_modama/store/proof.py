"""What a seal writes down of a session: manifest, entries, metadata; and on the way there what has been hashed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from jupyter_modama.core.errors import ModamaError, NotAllowed, NotFound, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import Protection
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows, joined
from jupyter_modama.store import differences, flags, links, manifest, records
from jupyter_modama.store.beneath import FILE, FOLDER, PATH_ONLY, opened
from jupyter_modama.store.hashing import Hashed, Hashes
from jupyter_modama.store.look import Files, Looked
from jupyter_modama.store.manifest import Recorded
from jupyter_modama.store.sorted_file import sha256_in

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

    def write_manifest(self, session: TreePath, prefix: str, hashed: Hashes, looked: Looked) -> tuple[str, str]:
        """Write the manifest of files below the folder `prefix` of a session, and the entries; answers both's SHA-256.

        Disk: `manifest-sha256.txt` beside raw, where a file of that name that is not this is moved aside; the entries
        (sizes, symbolic links, folders) in `.modama/manifest.jsonl`.
        """
        top = TreePath(prefix)
        with self._folder(session, "writing the manifest of") as fd:
            lines = manifest.written(top, hashed)
            text = replaced(fd, manifest.NAME, lines, lambda sha256: _put_aside(fd, manifest.NAME, sha256))
        with self.box(session) as box:
            _thaw(box, ENTRIES)
            rows = manifest.entries_written(top, hashed, looked.links, looked.folders)
            entries = replaced(box, ENTRIES, rows)
        return text, entries

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
        found = Recorded(self.store.sealing.rows)
        with self.store.opened(session / manifest.NAME, FILE, "reading") as fd, open(fd, "rb", closefd=False) as file:
            try:
                found.read_lines(manifest.lines_of(file))
            except ValueError as error:
                raise RecordCorrupt(path=(session / manifest.NAME).shown, why=str(error)) from error
        with self._record_file(session, ENTRIES) as file, self.store.translated(session, "reading the entries of"):
            found.read_entries(manifest.lines_of(file))
        return found

    def recorded_sha256(self, session: TreePath, path: TreePath) -> str:
        """The SHA-256 that the manifest has for a file, nothing where it has none."""
        wanted = os.fsencode(path[len(session) + 1 :])
        try:
            with self.store.opened(session / manifest.NAME, FILE, "reading") as fd:
                return sha256_in(fd, wanted)
        except ModamaError:
            return ""

    # what was hashed before a crash --------------------------------------------------------------------------------

    def remembered(self, session: TreePath, fd: int, files: Files, results: Hashes) -> Files | Rows:
        """Take what is kept of files whose inodes have not been touched since; answers the other files."""
        kept = self._kept(session)
        if not len(kept):
            return files
        left = self.store.sealing.rows()
        for path, seen, line in joined(files, kept):
            if seen is None:
                continue
            one = _still(fd, line) if line is not None else None
            if one is None:
                left.put(path + b"\0" + seen)
            else:
                results.add(one)
        return left

    def _kept(self, session: TreePath) -> Rows:
        """The lines of what has been hashed, by path."""
        kept = self.store.sealing.rows()
        with self._record_file(session, HASHES) as file:
            for line in manifest.lines_of(file):
                with suppress(ValueError, TypeError, KeyError, IndexError, RecursionError):
                    kept.add(str(json.loads(line)[0]), line)
        return kept

    def remember(self, session: TreePath, batch: Sequence[Hashed]) -> None:
        """Keep what has been hashed, until the seal is whole."""
        rows = "".join(json.dumps(h) + "\n" for h in batch if not h.error)
        text = "\n" + rows  # a crash may have cut the line before
        appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self.box(session) as box, open(os.open(HASHES, appending, 0o644, dir_fd=box), "wb") as file:
            file.write(text.encode())


def _still(fd: int, line: bytes) -> Hashed | None:
    """What was hashed, if the inode has not been touched since."""
    try:
        kept = Hashed(*json.loads(line))
        kept = kept._replace(path=TreePath(kept.path))
        with opened(fd, kept.path, PATH_ONLY) as inode:
            now = os.fstat(inode)
    except (ValueError, TypeError, OSError):
        return None
    return kept if kept[2:6] == (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino) else None


def replaced(box: int, name: str, pieces: Iterable[bytes], before: Callable[[str], None] = lambda sha256: None) -> str:
    """Write a file in an open folder, piece by piece, whole or not at all; answers its SHA-256.

    `before` hears the SHA-256 before the file takes the place of what has its name.
    """
    total = hashlib.sha256()
    with records.replacing(box, name, 0o444) as fd:
        with open(fd, "wb", buffering=1 << 18, closefd=False) as file:
            for piece in pieces:
                total.update(piece)
                file.write(piece)
        before(total.hexdigest())
    return total.hexdigest()


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


def _put_aside(folder: int, name: str, sha256: str) -> None:
    """Make way for a file of ours with this SHA-256: what lies there under its name is kept beside it."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode):
        _thaw(folder, name)
        if _sha256_of(folder, name) == sha256:
            return
    aside = f"{name}.moved-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)


def _sha256_of(folder: int, name: str) -> str:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
