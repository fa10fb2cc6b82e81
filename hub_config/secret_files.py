"""Secrets live in files that only their owner can read, and never in the configuration."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from jupyter_modama.core.errors import Invalid, from_os


def kept_secret(file: Path, make: Callable[[], str] = secrets.token_hex) -> str:
    """The secret in a file, which is made at the first time.

    Disk: the file, 0600, whole or not at all.
    Raises: Invalid, StorageError and its kind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(file):
            _write(file, make())
    except OSError as error:
        raise from_os(error, f"making the secret {file}") from error
    return read_secret(file, "a secret of the hub")


def _write(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, file)  # whoever comes first has made it
    except FileExistsError:
        pass
    finally:
        os.unlink(fresh)


def read_secret(file: Path, what: str) -> str:
    """The first line of a file that nobody else can read.

    Raises: Invalid, which names the file and what is wrong with it.
    """
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(what=f"the file {file} with {what} cannot be read: {error.strerror}") from error
    with os.fdopen(fd, encoding="utf-8", errors="replace") as opened:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Invalid(what=f"{file}, which is to hold {what}, is no file")
        if found.st_mode & 0o077:
            raise Invalid(what=f"others can read the file {file} with {what}: chmod 600 {file}")
        text = opened.readline().strip()
    if not text:
        raise Invalid(what=f"the file {file} with {what} is empty")
    return text
