"""Who did what, when, and how it ended: JSON lines, only ever added to.

One line at the begin and one at the end of each change. A begin without an end, of a process that is gone, is closed as
interrupted when the next process starts: each process holds the lock of a file of its own as long as it lives, which
says so whatever the number of the process is, in another container and on another host with the same home, too.

The audit of the system is append-only by the flag of the file system where that can be, rotates by size and month, and
what is full becomes immutable. The audit of a person is one file, which is theirs.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import from_os
from jupyter_modama.core.model import AuditRules
from jupyter_modama.store import audit_reading
from jupyter_modama.store.audit_files import AuditFiles, begun_in_an_earlier_month, line_of

_LOG = logging.getLogger(__name__)
DOING = "writing down in the audit of your account what is done"


class FileAudit:
    """An audit in one file, shared by all processes of a person or service on this machine.

    With `rules` it is the system's: it rotates, and carries the flags.
    """

    def __init__(self, file: Path, rules: AuditRules | None = None) -> None:
        self.file, self.rules = file, rules
        self.files = AuditFiles(file)
        self._life: Life | None = None
        self._settled = 0  # the inode of the current file when this process looked after it last

    def begin(
        self, op: str, actor: str, target: str, wanted: dict[str, Any], facts: Mapping[str, Any] | None = None
    ) -> str:
        """Write that something begins, before its first effect. The answer names the line for `end`.

        Raises: DiskFull, NotAllowed, StorageError; then nothing must be done.
        """
        line = secrets.token_hex(8)
        entry = {"line": line, "op": op, "actor": actor, "target": target, "wanted": wanted, **(facts or {})}
        with _told(DOING), self._open() as fd:
            me = {"pid": os.getpid(), "host": socket.gethostname(), "life": self._living()}
            _append(fd, {**entry, **me})
        return line

    def end(self, line: str, outcome: str, detail: str = "") -> None:
        """Write how it ended. What is done is done: that it cannot be written down is only logged."""
        try:
            with self._open() as fd:
                _append(fd, {"line": line, "outcome": outcome, "detail": detail})
        except OSError:
            _LOG.exception("The end of %s (%s) could not be written in the audit", line, outcome)

    @contextmanager
    def _open(self) -> Iterator[int]:
        """The file, kept from other writers meanwhile; a full one has been put away before."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = self._locked()
        try:
            if self.rules is not None and self._look_after(fd, self.rules):
                os.close(fd)
                fd = -1
                fd = self._locked()
                self._look_after(fd, self.rules, rotate=False)
            yield fd
        finally:
            if fd >= 0:
                os.close(fd)

    def _locked(self) -> int:
        """The current file with its lock: who waited for it can have got one that was put away meanwhile."""
        while True:
            fd = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if self.file.lstat().st_ino == os.fstat(fd).st_ino:
                        return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _look_after(self, fd: int, rules: AuditRules, *, rotate: bool = True) -> bool:
        """Give the files their flags, and put a full one away; answers whether there is another one now.

        That it cannot be put away keeps nothing from being written down.
        """
        found, now = os.fstat(fd), datetime.now(UTC)
        if found.st_ino != self._settled or found.st_nlink > 1:
            self.files.settle(fd)
            self._settled = found.st_ino
        full = found.st_size >= rules.rotate_mb << 20 or begun_in_an_earlier_month(fd, now)
        if not (rotate and full):
            return False
        try:
            self._rotate(fd, now)
        except OSError:
            _LOG.exception("The audit could not be rotated and goes on in the same file")
            self._settled = 0
            return False
        with suppress(OSError):
            self.files.drop_old(rules.keep_days, now)
        return True

    def _rotate(self, fd: int, now: datetime) -> None:
        """Begin another file; what is under way stands in its head, so that its end is looked for nowhere else."""
        alive = [{"line": line, "life": life} for line, life in _open_lines(_read(fd)).items()]
        self.files.rotate(fd, line_of({"under_way": alive}, now), now)

    def rotate(self) -> None:
        """Put the current file away now, if there is anything in it.

        Raises: OSError.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = self._locked()
        try:
            self.files.settle(fd)
            if os.fstat(fd).st_size:
                self._rotate(fd, datetime.now(UTC))
        finally:
            os.close(fd)

    def lines(self) -> list[dict[str, Any]]:
        """All lines that can be read, those of full files too; a cut one is passed over."""
        entries = [entry for _, entry, _ in audit_reading.newest_first(self.files)]
        return [entry for entry in reversed(entries) if "line" in entry]

    def newest_first(self, before: str = "") -> Iterator[tuple[str, dict[str, Any], int]]:
        """Entries with their positions and sizes in bytes, the newest first; of those only what stands before one.

        Raises: Invalid for a position that is none (any more), StorageError and its kind.
        """
        with _told("reading the audit"):
            yield from audit_reading.newest_first(self.files, before)

    def entries_at(self, positions: list[str]) -> list[dict[str, Any]]:
        """The entries that begin at these positions. Raises: Invalid, StorageError and its kind."""
        with _told("reading the audit"):
            return audit_reading.entries_at(self.files, positions)

    def rewrite(self, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
        """Write all lines that `changed` changes anew; answers how many files are others now.

        Each file is the old one or the new one after a kill. The current file of the system is put away before; what
        was rewritten is written down with the SHA-256 from before and after. Raises: StorageError and its kind.
        """
        with _told("rewriting the audit"):
            if self.rules is not None:
                self.rotate()
            files = self.files.full() if self.rules is not None else [self.file]
            return sum(self._rewrite(path, changed) for path in files)

    def _rewrite(self, path: Path, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        with self._open() as fd:
            found = self.files.rewrite(path, lambda line: _changed_line(line, changed)) if path.exists() else None
            if found is None:
                return False
            if self.rules is not None:
                before, after = found
                _append(fd, {"rewritten": path.name, "sha256_before": before, "sha256_after": after})
        return True

    @property
    def _lives(self) -> Path:
        return self.file.with_name("alive")

    def _living(self) -> str:
        if self._life is None or self._life.pid != os.getpid():  # a child does not live its parent's life
            self._life = Life(self._lives)
        return self._life.name

    def close(self) -> None:
        """End this life: what was begun and not ended will be closed as interrupted."""
        life, self._life = self._life, None
        if life is not None:
            life.end()

    def close_interrupted(self) -> int:
        """Close the begun lines of processes that are gone; answers how many.

        Raises: StorageError and its kind.
        """
        with _told(DOING), self._open() as fd:
            alive = still_alive(self._lives)
            gone = [line for line, life in _open_lines(_read(fd)).items() if life not in alive]
            for line in gone:
                detail = "the program that did this ended before it was done"
                _append(fd, {"line": line, "outcome": "interrupted", "detail": detail})
        return len(gone)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os(OSError(error.errno, error.strerror, "audit"), doing) from error


def _changed_line(line: bytes, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A line as it is to be; byte for byte the same where nothing of it changes."""
    entry = audit_reading.parsed(line)
    if entry is None or (new := changed(entry)) == entry:
        return line
    return json.dumps(new).encode("utf-8", "backslashreplace") + (b"\n" if line.endswith(b"\n") else b"")


def _append(fd: int, entry: dict[str, Any]) -> None:
    """Add a line, on the disk when this returns; one before it that a full disk or a crash has cut stays as it is."""
    text = line_of(entry, datetime.now(UTC))
    size = os.fstat(fd).st_size
    begin = b"" if size == 0 or os.pread(fd, 1, size - 1) == b"\n" else b"\n"
    view = memoryview(begin + text)
    while view:
        view = view[os.write(fd, view) :]
    os.fdatasync(fd)


def _read(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


def _entries(raw: bytes) -> Iterator[dict[str, Any]]:
    return (entry for line in raw.split(b"\n") if (entry := audit_reading.parsed(line)) is not None)


def _open_lines(raw: bytes) -> dict[str, str]:
    """The lines that were begun and have no end, with the life of the process that began them."""
    found: dict[str, str] = {}
    for entry in _entries(raw):
        if isinstance(entry.get("under_way"), list):
            found.update((str(row.get("line")), str(row.get("life", ""))) for row in entry["under_way"])
        elif "op" in entry:
            found[str(entry.get("line"))] = str(entry.get("life", ""))
        else:
            found.pop(str(entry.get("line")), None)
    return found


# Who is alive --------------------------------------------------------------------------------------------------------

# The lives of this process, whose files must not be opened: closing one would give its lock back.
_MINE: dict[Path, int] = {}
_GUARD = threading.RLock()


class Life:
    """A file in a folder whose lock this process holds until the life ends; without a lock it has no name.

    To be made, and asked about, by one process at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.pid = os.getpid()
        self.name = ""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / secrets.token_hex(8)
        with _GUARD:
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self.end = weakref.finalize(self, _end, file, fd, self.pid)
            try:
                # A lock of the process, not of the open file: children do not inherit it.
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.end()
                return
            self.name = file.name
            _MINE[file] = self.pid


def still_alive(folder: Path) -> set[str]:
    """The lives that go on; what those left that do not is cleared away."""
    found = set()
    with _GUARD:
        for file in folder.iterdir() if folder.is_dir() else ():
            if _MINE.get(file) == os.getpid() or _is_locked(file):
                found.add(file.name)
            else:
                file.unlink(missing_ok=True)
    return found


def _is_locked(file: Path) -> bool:
    try:
        fd = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _end(file: Path, fd: int, pid: int) -> None:
    if pid != os.getpid():
        return  # it is the parent's
    with _GUARD:
        _MINE.pop(file, None)
        with suppress(OSError):
            file.unlink()
        os.close(fd)
