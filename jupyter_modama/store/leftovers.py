"""What a crash left in folders of the tree under names that were to be there for a moment: gone an hour later."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress

from jupyter_modama.core.layout import RECORDS
from jupyter_modama.store import changes, manifest
from jupyter_modama.store.beneath import FOLDER

_COPY = re.compile(r"^\..+\.[0-9a-f]{8}$")  # as records.replacing names them
_OF_MANIFEST = re.compile(rf"^\.{re.escape(manifest.NAME)}\.[0-9a-f]{{8}}$")


def clear(folder: int, trusted: Callable[[int], bool]) -> None:
    """Clear away what was being made or removed in an open folder, and copies of what was being replaced there.

    In the folder itself people have names of their own, so that only the manifest's count; in our records all do.
    Raises: OSError.
    """
    changes.clear_leftovers(folder)
    _clear_copies(folder, _OF_MANIFEST, trusted)
    with suppress(OSError):
        box = os.open(RECORDS, FOLDER, dir_fd=folder)
        try:
            found = os.fstat(box)
            if trusted(found.st_uid) and not found.st_mode & 0o022:
                _clear_copies(box, _COPY, trusted)
        finally:
            os.close(box)


def _clear_copies(folder: int, names: re.Pattern[str], trusted: Callable[[int], bool]) -> None:
    for name in filter(names.match, os.listdir(folder)):
        with suppress(OSError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if trusted(found.st_uid) and time.time() - found.st_mtime > changes.FORGOTTEN_S:
                os.unlink(name, dir_fd=folder)
