"""Trying out what a file system can do, with a file that is gone afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_modama.core.model import Finding, Severity


@contextmanager
def probe(root_fd: int) -> Iterator[int | None]:
    """A file in the root that is gone afterwards; None where one may not write there."""
    name = f".modama-probe-{secrets.token_hex(6)}"
    try:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o700, dir_fd=root_fd)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.unlink(name, dir_fd=root_fd)
        os.close(fd)


def unprobed(name: str) -> Finding:
    return Finding(
        name, Severity.NOTE, "not looked at: you may not write in the root", "an administrator can run `modama doctor`"
    )
