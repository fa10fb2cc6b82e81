"""Files without a name: they take room on a disk for as long as they are open, and no crash leaves anything of them."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def nameless(folder: Path) -> int:
    """A descriptor of a new file in a folder, or, where that cannot be, among the system's temporary files.

    Raises: OSError.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _made(folder)
    return _made(None)


def _made(folder: Path | None) -> int:
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())
