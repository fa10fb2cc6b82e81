"""Reading an audit from its end, block by block: what happened last is asked for most, and files are large.

A position is `<inode>-<offset>`: a file keeps its inode when it is put away. Nothing is locked: a line that is just
being written is not seen yet.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid
from jupyter_modama.store.audit_files import AuditFiles

BLOCK = 1 << 16
LONGEST = 16 << 20
_POSITION = re.compile(r"^(\d{1,20})-(\d{1,15})$")
Found = tuple[str, dict[str, Any], int]  # position, entry, bytes of the line


def newest_first(files: AuditFiles, before: str = "") -> Iterator[Found]:
    """The entries of an audit, the newest first; of those only what stands before a position.

    Raises: Invalid for a position that is none (any more), OSError.
    """
    wanted = _parsed(before) if before else None
    for inode, fd in _opened(files):
        end = os.fstat(fd).st_size
        if wanted is not None:
            if inode != wanted[0]:
                continue
            end, wanted = min(end, wanted[1]), None
        for offset, line in lines_backwards(fd, end):
            entry = parsed(line)
            if entry is not None:
                yield f"{inode}-{offset}", entry, len(line)
    if wanted is not None:
        raise _gone()


def entries_at(files: AuditFiles, positions: list[str]) -> list[dict[str, Any]]:
    """The entries that begin at these positions, those left out where none begins.

    Raises: Invalid for a position that is none, OSError.
    """
    wanted = [_parsed(position) for position in positions]
    found = []
    for inode, fd in _opened(files) if wanted else ():
        for offset in (offset for of, offset in wanted if of == inode):
            if offset and os.pread(fd, 1, offset - 1) != b"\n":
                continue
            line = os.pread(fd, LONGEST, offset).partition(b"\n")[0]
            if (entry := parsed(line)) is not None:
                found.append(entry)
    return found


def lines_backwards(fd: int, end: int, block: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """The lines of an open file that lie before `end`, the last first, with where each begins; empty ones are left out.

    A line is held in memory whole, and beside it one block.
    """
    at, tail = end, [b""]  # what of a line has been read already, its end first
    while at > 0:
        size = min(block, at)
        at -= size
        first, *lines = os.pread(fd, size, at).split(b"\n")
        if lines:
            lines[-1] += b"".join(reversed(tail))
            offset = at + len(first) + sum(len(line) + 1 for line in lines)
            for line in reversed(lines):
                offset -= len(line)
                if line:
                    yield offset, line
                offset -= 1
            tail = [first]
        else:
            tail.append(first)
    if last := b"".join(reversed(tail)):
        yield 0, last


def parsed(line: bytes) -> dict[str, Any] | None:
    """The entry of a line, None where it is damaged."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _opened(files: AuditFiles) -> Iterator[tuple[int, int]]:
    """Inode and descriptor of each file, the newest first; the current one is opened before the list is made."""
    seen = set()
    for path in _newest_first(files):
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                inode = os.fstat(fd).st_ino
                if inode not in seen:
                    seen.add(inode)
                    yield inode, fd
            finally:
                os.close(fd)


def _newest_first(files: AuditFiles) -> Iterator[Path]:
    yield files.file
    yield from reversed(files.full())


def _parsed(position: str) -> tuple[int, int]:
    match = _POSITION.match(position)
    if match is None:
        raise _gone()
    return int(match[1]), int(match[2])


def _gone() -> Invalid:
    return Invalid(what="the place in the audit to go on from is not there (any more); please load the list again")
