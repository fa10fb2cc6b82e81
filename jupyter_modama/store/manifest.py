"""The manifest of a session: `manifest-sha256.txt`, as GNU sha256sum writes it, so that `sha256sum -c` checks it.

A name that holds a backslash, a line feed or a carriage return has these escaped, and its line begins with a backslash.
Source: GNU coreutils, "md5sum invocation".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jupyter_modama.core.paths import TreePath

NAME = "manifest-sha256.txt"
_LINE = re.compile(rb"^(\\?)([0-9a-fA-F]{64}) [ *](.*)$", re.DOTALL)
_UNESCAPED = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


@dataclass(frozen=True, slots=True)
class Line:
    """A file (path from the session's folder) and its SHA-256; the size where it is known."""

    path: TreePath
    sha256: str
    size_bytes: int = -1


def written(lines: Iterable[Line]) -> bytes:
    """The text of a manifest, in the order of the paths' bytes."""
    rows = sorted((os.fsencode(line.path), line.sha256) for line in lines)
    return b"".join(_row(path, sha256) for path, sha256 in rows)


def _row(path: bytes, sha256: str) -> bytes:
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != path else b"") + sha256.encode() + b"  " + escaped + b"\n"


def read(text: bytes) -> Iterator[Line]:
    """The lines of a manifest.

    Raises: ValueError for a line that is none.
    """
    for number, row in enumerate(text.split(b"\n"), 1):
        if not row:
            continue
        match = _LINE.match(row)
        if not match:
            raise ValueError(f"line {number} is no line of a manifest")
        path = match[3]
        if match[1]:
            path = re.sub(rb"\\[\\nr]", lambda m: _UNESCAPED[m[0]], path)
        yield Line(TreePath(os.fsdecode(path)), match[2].decode().lower())


def sizes_written(lines: Iterable[Line]) -> bytes:
    """The sizes of the files, one JSON object a line."""
    return b"".join(
        json.dumps({"path": line.path, "bytes": line.size_bytes, "sha256": line.sha256}).encode() + b"\n"
        for line in sorted(lines, key=lambda line: os.fsencode(line.path))
    )


def sizes_read(text: bytes) -> dict[TreePath, int]:
    """The sizes by path; lines that cannot be read are passed over."""
    sizes = {}
    for row in text.splitlines():
        try:
            record = json.loads(row)
            sizes[TreePath(record["path"])] = int(record["bytes"])
        except (ValueError, KeyError, TypeError):
            continue
    return sizes


def links_written(prefix: str, links: Mapping[TreePath, str]) -> bytes:
    """The symbolic links below a folder of the session, one JSON object a line."""
    return b"".join(
        json.dumps({"path": f"{prefix}/{path}", "link": target}).encode() + b"\n"
        for path, target in sorted(links.items(), key=lambda item: os.fsencode(item[0]))
    )


def links_read(text: bytes) -> dict[TreePath, str]:
    """The symbolic links by path; lines that cannot be read are passed over."""
    links = {}
    for row in text.splitlines():
        if b'"link"' not in row:
            continue
        try:
            record = json.loads(row)
            links[TreePath(record["path"])] = str(record["link"])
        except (ValueError, KeyError, TypeError):
            continue
    return links
