"""In which sessions somebody may ask for an unseal, so that nobody has to look through a whole tree for that.

A file of the process that alone changes a managed tree. It is only a memory: whoever reads it looks at the records of
the sessions, it may be deleted at any time, and each night it is made anew. It can name too many sessions, not too few.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store import records
from jupyter_modama.store.beneath import FOLDER

LARGEST = 64 << 20


class DiskRequestBook:
    """Kept in a file, or nowhere: then it always has to be made anew."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._meanwhile: set[TreePath] = set()  # noted since it was last begun to make it anew

    def sessions(self) -> tuple[TreePath, ...] | None:
        """Sessions in which somebody may ask; None where that is not known."""
        with self._guard:
            found = self._read()
        return None if found is None else tuple(sorted(found))

    @contextmanager
    def noting(self, *sessions: TreePath) -> Iterator[None]:
        """Have sessions in the list before the block begins, which makes it so."""
        with self._guard:
            self._add(set(sessions))
            yield

    def follow(self, old: TreePath, new: TreePath) -> None:
        """Have the sessions below a folder in the list with the path too that they will have."""
        with self._guard:
            known = (self._read() or set()) | self._meanwhile
            self._add({TreePath(f"{new}{path[len(old) :]}") for path in known if path.below(old)})

    def renew(self, sessions: Iterator[TreePath | None]) -> Iterator[None]:
        """Make it anew of the sessions that are found; a step for each None among them."""
        with self._guard:
            self._meanwhile = set()
        found: set[TreePath] = set()
        for session in sessions:
            if session is None:
                yield
            else:
                found.add(session)
        with self._guard:
            self._write(found | self._meanwhile)

    def _add(self, sessions: set[TreePath]) -> None:
        self._meanwhile |= sessions
        found = self._read()
        if found is not None and not sessions <= found:
            self._write(found | sessions)

    def _read(self) -> set[TreePath] | None:
        if self._file is None:
            return None
        try:
            with self._file.open("rb") as file:
                said = json.loads(file.read(LARGEST))
            return {TreePath(os.fsdecode(bytes.fromhex(path))) for path in said}
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def _write(self, sessions: set[TreePath]) -> None:
        """What cannot be written is made anew, rather than that something is missing."""
        if self._file is None:
            return
        text = json.dumps([os.fsencode(path).hex() for path in sorted(sessions)])
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
