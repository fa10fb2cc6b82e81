"""The mechanics of a seal on one file, or on one folder with all in it, outside raw.

What is sealed is given as the folder `top` and a `name` in it, which is empty where the whole folder is meant. The
proof lies in `.modama/sealed-paths/` of the session or project (`home`) that it lies in.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_modama.core.errors import NotFound, RecordCorrupt
from jupyter_modama.core.layout import RECORDS
from jupyter_modama.core.model import Protection, Writer
from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import flags, manifest, protect, writers
from jupyter_modama.store.beneath import FILE, FOLDER, opened
from jupyter_modama.store.hashing import Hashes
from jupyter_modama.store.look import Looked
from jupyter_modama.store.manifest import Recorded
from jupyter_modama.store.proof import replaced
from jupyter_modama.store.survey import Found

if TYPE_CHECKING:
    from jupyter_modama.store.disk import DiskStore

BOX = "sealed-paths"
OLD = "old"


class DiskPathSeals:
    """Seals of paths below one root, with the rights of whoever runs this."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store

    # the thing -------------------------------------------------------------------------------------------

    @contextmanager
    def _file(self, top: TreePath, name: str, doing: str) -> Iterator[int]:
        with self.store.opened(top / name, FILE, doing) as fd:
            yield fd

    def survey(self, top: TreePath, name: str) -> Found:
        """What lies there, who writes into it, and what stands in the way."""
        if not name:
            return self.store.sealing.survey(top)
        found = Found()
        with self._file(top, name, "looking at") as fd:
            status, said = os.fstat(fd), writers.probe(fd)
            if said is writers.Probe.NOT_PERMITTED:
                found.unchecked = 1
            elif said is writers.Probe.WRITTEN:
                key, path = (status.st_dev, status.st_ino), TreePath(name)
                program = writers.programs({key: path}).get(key, Writer(""))
                found.written[path] = Writer(path.shown, program.program, program.pid, program.login)
        found.files, found.bytes = 1, status.st_size
        if status.st_nlink > 1:
            found.hard_links.append(TreePath(name))
        if os.geteuid() and status.st_uid != os.geteuid():
            found.foreign.append(TreePath(name))
        return found

    def look(self, top: TreePath, name: str, by: Protection) -> Looked:
        """What lies there now, and what of it is not protected by these means."""
        if not name:
            return self.store.sealing.look(top, by)
        found = Looked(self.store.sealing.rows)
        with self._file(top, name, "looking at") as fd:
            status = os.fstat(fd)
            found.files.add(TreePath(name), status.st_size, status.st_mtime_ns)
            if not protect.Guard(by).holds(fd, status.st_mode):
                found.bare.append(TreePath(name))
        return found

    def protect(self, home: TreePath, top: TreePath, name: str, by: Protection) -> Iterator[int]:
        """Protect it; yields how many files are done. A file in a folder with another name elsewhere gets a copy.

        Raises: StorageError for a single file that has several names.
        """
        guard = protect.Guard(by, opens=self.store.sealing.has_gate(top))
        if not name:
            with self.store.opened(top, FOLDER, "protecting") as fd, self.store.proof.box(home) as box:
                yield from protect.protect(fd, box, guard)
            return
        with self._file(top, name, "protecting") as fd, self.store.translated(top / name, "protecting"):
            status = os.fstat(fd)
            if status.st_nlink > 1 and not flags.is_immutable(fd):
                raise OSError(errno.EMLINK, "it has a second name elsewhere")
            guard.hold(fd, status.st_mode)
        yield 1

    def unprotect(self, top: TreePath, name: str) -> Iterator[int]:
        """Let it be changed again, with modes as the folder above has them."""
        with self.store.opened(top if name else top.parent, FOLDER, "looking at") as above:
            mode = os.fstat(above).st_mode
        if not name:
            with self.store.opened(top, FOLDER, "unsealing") as fd:
                yield from protect.unprotect(fd, mode)
            return
        with self._file(top, name, "unsealing") as fd, self.store.translated(top / name, "unsealing"):
            protect.release(fd, mode, 0o600)
        yield 1

    # the proof -------------------------------------------------------------------------------------------

    @contextmanager
    def _box(self, home: TreePath) -> Iterator[int]:
        with self.store.proof.box(home) as records_box:
            with suppress(FileExistsError):
                os.mkdir(BOX, 0o755, dir_fd=records_box)
            box = os.open(BOX, FOLDER, dir_fd=records_box)
            try:
                os.fchmod(box, 0o755)  # whatever the umask
                yield box
            finally:
                os.close(box)

    def write_proof(
        self, home: TreePath, key: str, prefix: TreePath, hashed: Hashes, looked: Looked
    ) -> tuple[str, str]:
        """Write the checksums as `sha256sum -c` in `home` reads them, and the entries; answers the SHA-256 of both."""
        with self._box(home) as box, self.store.translated(home, "writing the checksums of"):
            for ending in ("txt", "jsonl"):
                _thaw(box, f"{key}.{ending}")
            text = replaced(box, f"{key}.txt", manifest.written(prefix, hashed))
            rows = manifest.entries_written(prefix, hashed, looked.links, looked.folders)
            return text, replaced(box, f"{key}.jsonl", rows)

    def freeze_proof(self, home: TreePath, key: str, by: Protection) -> None:
        """Make the proof unchangeable, by the means of the seal."""
        with self._box(home) as box, self.store.translated(home, "protecting the checksums of"):
            for name in (f"{key}.txt", f"{key}.jsonl"):
                with opened(box, TreePath(name), FILE) as fd:
                    if by is Protection.IMMUTABLE:
                        flags.set_immutable(fd, True)

    def retire_proof(self, home: TreePath, key: str) -> None:
        """Put the proof away, so that nothing of it is lost."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with self._box(home) as box, self.store.translated(home, "putting away the checksums of"):
            with suppress(FileExistsError):
                os.mkdir(OLD, 0o755, dir_fd=box)
            for ending in ("txt", "jsonl"):
                name = f"{key}.{ending}"
                _thaw(box, name)
                with suppress(FileNotFoundError):
                    os.rename(name, f"{OLD}/{key}-{stamp}.{ending}", src_dir_fd=box, dst_dir_fd=box)

    def read_proof(self, home: TreePath, key: str) -> Recorded:
        """The checksums and the entries, as they are now.

        Raises: NotFound, RecordCorrupt.
        """
        recorded = Recorded(self.store.sealing.rows)
        for ending, read in (("txt", recorded.read_lines), ("jsonl", recorded.read_entries)):
            path = home / RECORDS / BOX / f"{key}.{ending}"
            with self.store.opened(path, FILE, "reading") as fd, open(fd, "rb", closefd=False) as file:
                status = os.fstat(fd)
                if not self.store.trusted_at(home)(status.st_uid) or status.st_mode & 0o022:
                    raise NotFound(what=f"“{path.shown}” of the system")
                try:
                    read(manifest.lines_of(file))
                except ValueError as error:
                    raise RecordCorrupt(path=path.shown, why=str(error)) from error
        return recorded


def _thaw(box: int, name: str) -> None:
    with suppress(FileNotFoundError), opened(box, TreePath(name), FILE) as fd:
        flags.try_change(fd, remove=flags.IMMUTABLE)
