"""One line of a manifest, found by halving: what has a million lines is not read for one of them."""

from __future__ import annotations

import os

from jupyter_modama.store import manifest

LONGEST = 1 << 14  # bytes of a line: a path, each byte of it escaped


def sha256_in(fd: int, path: bytes) -> str:
    """The SHA-256 of a path in an open manifest whose lines are in the order of the paths' bytes, else nothing.

    Raises: OSError.
    """
    low, high = 0, os.fstat(fd).st_size
    while low < high:  # the line begins in low..high
        middle = (low + high) // 2
        begin = _begin(fd, middle, low)
        line = os.pread(fd, LONGEST, begin).partition(b"\n")[0]
        try:
            found, sha256 = manifest.parsed(line)
        except ValueError:
            return ""
        if found == path:
            return sha256.decode()
        low, high = (begin + len(line) + 1, high) if found < path else (low, begin)
    return ""


def _begin(fd: int, at: int, least: int) -> int:
    """Where the line begins that the byte belongs to."""
    size = 256
    while True:
        first = max(least, at - size)
        place = os.pread(fd, at - first, first).rfind(b"\n")
        if place >= 0:
            return first + place + 1
        if first == least:
            return least
        size *= 4
