"""The manifest of a session: `manifest-sha256.txt`, as GNU sha256sum writes it, so that `sha256sum -c` checks it.

A name that holds a backslash, a line feed or a carriage return has these escaped, and its line begins with a backslash.
Source: GNU coreutils, "md5sum invocation".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class Entries:
    """What the manifest's own syntax cannot say, by path from the session: sizes, where links point to, folders.

    There are no folders, not even raw, in what was written before they were kept.
    """

    sizes: dict[TreePath, int] = field(default_factory=dict)
    links: dict[TreePath, str] = field(default_factory=dict)
    folders: set[TreePath] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A manifest as it is read, with the SHA-256 of its own text and of the text of the entries."""

    lines: dict[TreePath, Line]
    entries: Entries
    sha256: str
    entries_sha256: str


def entries_written(
    prefix: TreePath, lines: Iterable[Line], links: Mapping[TreePath, str], folders: Collection[TreePath]
) -> bytes:
    """Files, and the links and folders below the folder `prefix` of the session: one JSON object a line."""
    files = sorted(lines, key=lambda line: os.fsencode(line.path))
    rows: list[dict[str, object]] = [{"path": x.path, "bytes": x.size_bytes, "sha256": x.sha256} for x in files]
    rows += [{"path": prefix / path, "link": links[path]} for path in sorted(links, key=os.fsencode)]
    rows += [{"path": prefix / path if path else prefix, "folder": True} for path in sorted(folders, key=os.fsencode)]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def entries_read(text: bytes) -> Entries:
    """The entries of a text; lines that cannot be read are passed over."""
    found = Entries()
    for row in text.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            record = json.loads(row)
            path = TreePath(record["path"])
            if "link" in record:
                found.links[path] = str(record["link"])
            elif "folder" in record:
                found.folders.add(path)
            else:
                found.sizes[path] = int(record["bytes"])
    return found
