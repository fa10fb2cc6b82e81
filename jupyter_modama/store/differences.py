"""What changed between two seals: their lists of entries, read side by side, so that a million files take no memory.

Both lists are in the order of the paths' bytes, files before links, as `manifest.entries_written` has them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jupyter_modama.core.paths import TreePath

NEW, CHANGED, MISSING = "new", "changed", "missing"
KINDS = (NEW, CHANGED, MISSING)
NAMED = 10
FILES, LINKS = 0, 1


class Row(NamedTuple):
    """A file with its SHA-256, or a link with where it points to."""

    rank: int
    path: bytes
    content: str


END = Row(LINKS + 1, b"", "")  # after every other


@dataclass(slots=True)
class Differences:
    """How many files and links are new, changed, missing since an earlier seal, and the first of each.

    `unknown` says why that cannot be said.
    """

    sealed_at: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    first: dict[str, list[TreePath]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    unknown: str = ""


class Entries:
    """The rows of a list of entries, as they are read; `sha256` of all its bytes when all have been."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self._sum = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()

    def __iter__(self) -> Iterator[Row]:
        """Raises: ValueError for a line that is none of ours, or not where it should be."""
        last = (FILES, b"")
        for line in self._lines:
            self._sum.update(line)
            row = _row(line)
            if row is None:
                continue
            if row[:2] <= last:
                raise ValueError("it is not in its order")
            last = row[:2]
            yield row


def _row(line: bytes) -> Row | None:
    """A file or a link; None for a folder. Raises: ValueError."""
    try:
        record = json.loads(line)
        if "folder" in record:
            return None
        path = os.fsencode(str(record["path"]))
        return Row(LINKS, path, str(record["link"])) if "link" in record else Row(FILES, path, str(record["sha256"]))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("it is no list of entries") from error


def differences(old: Iterable[Row], new: Iterable[Row]) -> Iterator[tuple[str, TreePath]]:
    """What is new, changed or missing, in the order of the lists."""
    olds, news = iter(old), iter(new)
    then, now = next(olds, END), next(news, END)
    while (then, now) != (END, END):
        if then[:2] < now[:2]:
            yield MISSING, _path(then)
            then = next(olds, END)
        elif now[:2] < then[:2]:
            yield NEW, _path(now)
            now = next(news, END)
        else:
            if then.content != now.content:
                yield CHANGED, _path(now)
            then, now = next(olds, END), next(news, END)


def _path(row: Row) -> TreePath:
    return TreePath(os.fsdecode(row.path))


def told(seal: dict[str, Any], old: Iterable[bytes], new: Iterable[bytes], found: Differences) -> Iterator[bytes]:
    """The lines of the list of what changed; `found` is filled on the way.

    Raises: ValueError where the old list is not what the old seal says it was.
    """
    then = Entries(old)
    for kind, path in differences(then, Entries(new)):
        found.counts[kind] += 1
        if len(found.first[kind]) < NAMED:
            found.first[kind].append(path)
        yield json.dumps({"what": kind, "path": path}).encode() + b"\n"
    if then.sha256 != seal.get("entries_sha256"):
        raise ValueError("it is not the one that was written then")


def unknown(sealed_at: str, why: object) -> Differences:
    """What is said where an old list cannot be read."""
    return Differences(sealed_at, unknown=f"the list of its files cannot be used: {why}")
