"""In which folders something waits, by a key, so that nobody has to look through a whole tree for that.

Sessions with requests to unseal are such a book, and projects with invitations, by address. A file of the process that
alone changes a managed tree. It is only a memory: whoever reads it looks at the records of the folders, it may be
deleted at any time, and each night it is made anew. It can name too many folders, not too few.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Noted
from jupyter_modama.store import records
from jupyter_modama.store.beneath import FOLDER

LARGEST = 64 << 20


class DiskPathBook:
    """Kept in a file, or nowhere: then it always has to be made anew."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._renewing = 0
        self._meanwhile: set[Noted] = set()  # noted since it was last begun to make it anew

    def paths(self, key: str = "") -> tuple[TreePath, ...] | None:
        """Folders in which something may wait for a key; None where that is not known."""
        with self._guard:
            found = self._read()
        return None if found is None else tuple(sorted(path for one, path in found if one == key))

    @contextmanager
    def noting(self, path: TreePath, key: str = "") -> Iterator[None]:
        """Have a folder in the list before the block begins, which makes it so."""
        with self._guard:
            self._add({(key, path)})
            yield

    def follow(self, old: TreePath, new: TreePath) -> None:
        """Have what is below a folder in the list with the path too that it will have."""
        with self._guard:
            known = (self._read() or set()) | self._meanwhile
            self._add({(key, TreePath(f"{new}{path[len(old) :]}")) for key, path in known if path.below(old)})

    def renew(self, found: Iterator[Noted | None]) -> Iterator[None]:
        """Make it anew of what is found; a step for each None among that."""
        with self._guard:
            if not self._renewing:  # what another one still needs is not forgotten
                self._meanwhile = set()
            self._renewing += 1
        rows: set[Noted] = set()
        try:
            for row in found:
                if row is None:
                    yield
                else:
                    rows.add(row)
            with self._guard:
                self._write(rows | self._meanwhile)
        finally:
            with self._guard:
                self._renewing -= 1

    def _add(self, rows: set[Noted]) -> None:
        self._meanwhile |= rows
        found = self._read()
        if found is not None and not rows <= found:
            self._write(found | rows)

    def _read(self) -> set[Noted] | None:
        if self._file is None:
            return None
        try:
            with self._file.open("rb") as file:
                said = json.loads(file.read(LARGEST))
            return {(str(key), TreePath(os.fsdecode(bytes.fromhex(path)))) for key, path in said}
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def _write(self, rows: set[Noted]) -> None:
        """What cannot be written is made anew, rather than that something is missing."""
        if self._file is None:
            return
        text = json.dumps([[key, os.fsencode(path).hex()] for key, path in sorted(rows)])
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self._file.parent, FOLDER)
            try:
                records.replace(folder, self._file.name, text.encode(), 0o600)
            finally:
                os.close(folder)
        except OSError:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
