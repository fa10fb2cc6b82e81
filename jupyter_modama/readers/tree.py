"""The readers as the core asks for them: by a path of the tree, with errors that name that path."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from jupyter_modama.core.errors import ModamaError, printable
from jupyter_modama.core.model import EntryKind, EntryMetadata
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.ports import Stat
from jupyter_modama.readers.pool import Pool

NO_FILE = "it is a link or a device, no ordinary file"


class Tree(Protocol):
    """What is needed of a store on a disk."""

    def stat(self, path: TreePath) -> Stat: ...

    def disk_path(self, path: TreePath) -> str | Path: ...


class TreeReaders:
    """Metadata of files of one tree; the worker starts when first needed, and ends with this process."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._pool: Pool | None = None
        self._guard = threading.Lock()

    def metadata(self, path: TreePath) -> EntryMetadata:
        """What the instrument wrote; a file that cannot be read is a normal answer. Raises: NotFound, NotAllowed."""
        if self.tree.stat(path).kind in {EntryKind.LINK, EntryKind.OTHER}:
            return EntryMetadata(path.shown, "", False, NO_FILE)
        file = Path(self.tree.disk_path(path))
        try:
            return replace(self._ready().metadata(file), path=path.shown)
        except ModamaError as error:
            return EntryMetadata(path.shown, "", False, printable(str(error)).replace(printable(str(file)), path.shown))

    def close(self) -> None:
        with self._guard:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _ready(self) -> Pool:
        with self._guard:
            if self._pool is None:
                self._pool = Pool(workers=1)
            return self._pool
