"""The manifest of a session: `manifest-sha256.txt`, as GNU sha256sum writes it, so that `sha256sum -c` checks it.

A name that holds a backslash, a line feed or a carriage return has these escaped, and its line begins with a backslash.
Source: GNU coreutils, "md5sum invocation".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store.hashing import Hashes

NAME = "manifest-sha256.txt"
LONGEST_LINE = 1 << 17  # bytes: a path and the target of a link, each byte of them as six
_LINE = re.compile(rb"^(\\?)([0-9a-fA-F]{64}) [ *](.*)$", re.DOTALL)
_UNESCAPED = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


def written(prefix: TreePath, hashed: Hashes) -> Iterator[bytes]:
    """The lines of the manifest of files below the folder `prefix`, in the order of the paths' bytes."""
    above = _above(prefix)
    for row in hashed.rows:
        path, _, sha256 = row.split(b"\0")
        yield _row(above + path, sha256)


def _above(prefix: TreePath) -> bytes:
    return os.fsencode(prefix) + b"/" if prefix else b""


def _row(path: bytes, sha256: bytes) -> bytes:
    if b"\\" not in path and b"\n" not in path and b"\r" not in path:
        return sha256 + b"  " + path + b"\n"
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"\\" + sha256 + b"  " + escaped + b"\n"


def read(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Path and SHA-256 of each line of a manifest.

    Raises: ValueError for a line that is none.
    """
    for number, line in enumerate(lines, 1):
        if line == b"\n":
            continue
        yield parsed(line.removesuffix(b"\n"), number)


def parsed(line: bytes, number: int = 0) -> tuple[bytes, bytes]:
    """Path and SHA-256 of one line without its end.

    Raises: ValueError.
    """
    match = _LINE.match(line)
    if not match:
        raise ValueError(f"line {number} is no line of a manifest")
    path = match[3]
    if match[1]:
        path = re.sub(rb"\\[\\nr]", lambda m: _UNESCAPED[m[0]], path)
    return path, match[2].lower()


def entries_written(prefix: TreePath, hashed: Hashes, links: Rows, folders: Rows) -> Iterator[bytes]:
    """Files, and the links and folders below the folder `prefix` of the session: one JSON object a line."""
    above = os.fsdecode(_above(prefix))
    for row in hashed.rows:
        path, seen, sha256 = row.split(b"\0")
        size = int(seen.partition(b" ")[0])
        yield _json({"path": above + os.fsdecode(path), "bytes": size, "sha256": sha256.decode()})
    for row in links:
        path, _, target = row.partition(b"\0")
        yield _json({"path": above + os.fsdecode(path), "link": os.fsdecode(target)})
    for row in folders:
        path = row[:-1]
        yield _json({"path": above + os.fsdecode(path) if path else prefix, "folder": True})


def _json(record: dict[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"


class Recorded:
    """A manifest as it was read, and what its own syntax cannot say: sizes, where links point to, folders.

    Paths are from the session. There are no folders, not even raw, in what was written before they were kept.
    """

    def __init__(self, rows: Callable[[], Rows] = Rows) -> None:
        self.lines, self.sizes, self.links, self.folders = rows(), rows(), rows(), rows()
        self.sha256 = self.entries_sha256 = ""

    def read_lines(self, lines: Iterable[bytes]) -> None:
        """Read the manifest. Raises: ValueError for a line that is none."""
        total = hashlib.sha256()
        for path, sha256 in read(_summed(lines, total.update)):
            self.lines.put(path + b"\0" + sha256)
        self.sha256 = total.hexdigest()

    def read_entries(self, lines: Iterable[bytes]) -> None:
        """Read the entries; lines that cannot be read are passed over."""
        total = hashlib.sha256()
        for line in _summed(lines, total.update):
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                record = json.loads(line)
                path = TreePath(record["path"])
                if "link" in record:
                    self.links.add(path, os.fsencode(str(record["link"])))
                elif "folder" in record:
                    self.folders.add(path)
                else:
                    self.sizes.add(path, b"%d" % int(record["bytes"]))
        self.entries_sha256 = total.hexdigest()


def _summed(lines: Iterable[bytes], told: Callable[[bytes], object]) -> Iterator[bytes]:
    for line in lines:
        told(line)
        yield line


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, what is longer than any of ours in pieces."""
    while line := file.readline(LONGEST_LINE):
        yield line
