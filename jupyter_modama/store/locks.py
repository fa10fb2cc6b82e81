"""Locks that die with the process that holds them: open-file-description locks, one file per session, and one byte
per folder of names in a file beside the jobs.

Whoever can read a file can take a shared lock of it, and keep the others out for as long as they like. So nobody but
its owner can open a session's lock. Beside it lies a sign, which all can read, with a lock of its own that says that
the session is locked, and nothing hangs on that one.

Source: fcntl(2), F_OFD_SETLK.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK, SIGN = "session.lock", "session.locked"
_FLOCK = struct.Struct("hhqqi4x")
_NOT_HERE = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def _asked(kind: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)


def acquire(fd: int, purpose: str) -> None:
    """Take the lock of an open file until `release`, or until the file is closed; the file says for what.

    Raises: BlockingIOError when somebody else holds it.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _asked(fcntl.F_WRLCK))
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            raise BlockingIOError(error.errno, "locked") from error
        raise
    with suppress(OSError):  # on a full disk the lock holds all the same, only nobody knows for what
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"purpose": purpose, "pid": os.getpid(), "since": time.time()}).encode(), 0)


def release(fd: int) -> None:
    """Give the lock of an open file back."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _asked(fcntl.F_UNLCK))


@contextmanager
def held(fd: int, purpose: str) -> Iterator[None]:
    """Hold the lock of an open file while the block runs; the file says for what.

    Raises: BlockingIOError when somebody else holds it.
    """
    acquire(fd, purpose)
    try:
        yield
    finally:
        release(fd)


def holder(fd: int) -> str:
    """For what the lock of an open file is held by somebody else, nothing where it is free.

    A shared lock, which whoever may only read the file can have, counts for nothing.
    """
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _asked(fcntl.F_RDLCK))
    if _FLOCK.unpack(answer)[0] == fcntl.F_UNLCK:
        return ""
    try:
        return str(json.loads(os.pread(fd, 4096, 0))["purpose"]) or "another program"
    except (ValueError, KeyError, TypeError):
        return "another program"


def lock_opened(box: int, name: str = LOCK) -> int:
    """A descriptor of the lock of a session, or of another name, in an open folder of records.

    Raises: OSError.
    """
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=box)
    if os.fstat(fd).st_mode & 0o077:  # made by an older version
        with suppress(OSError):
            os.fchmod(fd, 0o600)
    return fd


@contextmanager
def shown(box: int, purpose: str) -> Iterator[None]:
    """Let all who can look at a session see for what it is locked while the block runs, where that is possible."""
    fd = -1
    with suppress(OSError):
        fd = os.open(SIGN, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=box)
        os.fchmod(fd, 0o644)
        acquire(fd, purpose)
    try:
        yield
    finally:
        if fd >= 0:
            with suppress(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)


@contextmanager
def names_locked(file: int, folder_fd: int, patience_s: float = 10.0) -> Iterator[None]:
    """Keep other programs of ours from creating names in a folder while the block looks and creates.

    `file`: a descriptor of one file, opened for this alone, that nobody but this person can open: each folder has one
    byte of it, so that whoever may look at the folder cannot hold the lock. Where a file system has no such locks this
    does nothing: creating a name is one step of the kernel's anyway.
    Raises: BlockingIOError after the patience.
    """
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _byte_of(folder_fd), 1, 0)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, asked)
            break
        except OSError as error:
            if error.errno in _NOT_HERE:
                break
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
            if time.monotonic() > deadline:
                raise BlockingIOError(errno.EAGAIN, "somebody else makes names there") from error
            time.sleep(0.02)
    yield  # the lock ends with the descriptor


def _byte_of(folder_fd: int) -> int:
    """The place of a folder in the file of locks; that two share one now and then does no harm."""
    found = os.fstat(folder_fd)
    digest = hashlib.blake2b(f"{found.st_dev}:{found.st_ino}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 2


def private_file(path: Path) -> int:
    """A descriptor of a file of this person's own, made where it is missing.

    Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
