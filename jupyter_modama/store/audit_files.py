"""The files of an audit that rotates: the one that is added to, and those that are full.

Rotating, with the lock of the current file held, is: a new file is made ready beside it; the current one gets a second
name (`audit-<time>.jsonl`); the new one takes its first name; the full one becomes immutable. The current file has its
name at every moment, and each line is in a file with a name. A second name that a kill has left is found by the count
of the names, and taken away again by whoever opens the file next.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_modama.store import flags

STAMP = "%Y%m%dT%H%M%S%fZ"
_MOMENT = re.compile(rb'^\{"at": "(\d{4}-\d{2})-')
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW


class AuditFiles:
    """The current file `<folder>/<name>.jsonl` and the full ones beside it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._full = re.compile(rf"^{re.escape(file.stem)}-\d{{8}}T\d{{12}}Z\.jsonl$")
        self._leftover = re.compile(rf"^\.{re.escape(file.stem)}[^/]*\.[0-9a-f]{{8}}$")

    def full(self) -> list[Path]:
        """The full files, oldest first."""
        try:
            names = sorted(name for name in os.listdir(self.file.parent) if self._full.match(name))
        except FileNotFoundError:
            return []
        return [self.file.with_name(name) for name in names]

    def settle(self, fd: int) -> None:
        """Finish, or take back, what a kill has left of a rotation; give the current file its flag.

        The lock of the current file has to be held.
        """
        found = os.fstat(fd)
        if found.st_nlink > 1 or found.st_mode & 0o077:
            flags.try_change(fd, remove=flags.APPEND_ONLY)
            os.fchmod(fd, 0o600)
        if found.st_nlink > 1:  # it was not replaced: it goes on being the current one
            for path in self.full():
                if path.lstat().st_ino == found.st_ino:
                    path.unlink()
        for name in os.listdir(self.file.parent):
            if self._leftover.match(name):
                _unlink(self.file.with_name(name))
        for path in self.full():
            freeze(path)
        flags.try_change(fd, add=flags.APPEND_ONLY)

    def rotate(self, fd: int, head: bytes, now: datetime) -> None:
        """Put the current file away, and begin another one with this line; the lock of it has to be held.

        Raises: OSError; then the current file goes on, and nothing is lost.
        """
        away = self.file.with_name(f"{self.file.stem}-{now.strftime(STAMP)}.jsonl")
        with _new_file(self.file, [head]) as fresh:
            flags.try_change(fd, remove=flags.APPEND_ONLY)
            os.link(self.file, away, follow_symlinks=False)
            _sync(self.file.parent)
            os.rename(fresh, self.file)
            _sync(self.file.parent)
        freeze(away)

    def drop_old(self, days: int, now: datetime) -> list[str]:
        """Remove the full files whose last line is older than so many days; answers their names."""
        gone = []
        for path in self.full():
            written = datetime.strptime(path.stem.rsplit("-", 1)[1], STAMP).replace(tzinfo=UTC)
            if written < now - timedelta(days=days):
                _unlink(path)
                gone.append(path.name)
        return gone

    def rewrite(self, path: Path, changed: Callable[[bytes], bytes]) -> tuple[str, str] | None:
        """Write a file anew, line by line; answers the SHA-256 from before and after, None where these are the same.

        A kill leaves the old one or the new one. Raises: OSError.
        """
        before, after = hashlib.sha256(), hashlib.sha256()

        def lines() -> Iterator[bytes]:
            with path.open("rb") as file:
                for line in file:
                    new = changed(line)
                    before.update(line)
                    after.update(new)
                    yield new

        with _new_file(path, lines()) as fresh:
            if before.digest() == after.digest():
                return None
            found = path.stat()
            os.utime(fresh, ns=(found.st_atime_ns, found.st_mtime_ns))
            thaw(path)
            os.rename(fresh, path)
            _sync(path.parent)
        if path != self.file:
            freeze(path)
        return before.hexdigest(), after.hexdigest()


def begun_in_an_earlier_month(fd: int, now: datetime) -> bool:
    """Whether the first line of a file is of an earlier month than now."""
    found = _MOMENT.match(os.pread(fd, 64, 0))
    return found is not None and found[1].decode() < f"{now:%Y-%m}"


def freeze(path: Path) -> None:
    """Make a full file immutable where this process may."""
    with suppress(FileNotFoundError), _opened(path) as fd:
        flags.try_change(fd, add=flags.IMMUTABLE, remove=flags.APPEND_ONLY)


def thaw(path: Path) -> None:
    with suppress(FileNotFoundError), _opened(path) as fd:
        flags.try_change(fd, remove=flags.IMMUTABLE | flags.APPEND_ONLY)


def line_of(entry: Mapping[str, Any], now: datetime) -> bytes:
    """A line of the audit, with its time first."""
    text = json.dumps({"at": now.isoformat(timespec="milliseconds"), **entry}, default=str)
    return text.encode("utf-8", "backslashreplace") + b"\n"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | _OPEN)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _new_file(beside: Path, content: Iterable[bytes]) -> Iterator[Path]:
    """A file with this content, on the disk, under a hidden name; gone at the end unless it has got another one."""
    fresh = beside.with_name(f".{beside.stem}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
    try:
        with open(fd, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(fd)
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _unlink(path: Path) -> None:
    thaw(path)
    path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
