"""Folders to measure in: made quickly, removed whatever state they are in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_modama.core.model import Site
from jupyter_modama.store import protect
from jupyter_modama.store.disk import DiskStore

SESSION = "adhoc/bench/2024-11-12-bench"
RAW = f"{SESSION}/raw"


@contextmanager
def temporary_tree(name: str) -> Iterator[Path]:
    """The root of a data tree with one session, removed afterwards, sealed files too."""
    root = Path(tempfile.mkdtemp(prefix=f"modama-bench-{name}-"))
    (root / RAW).mkdir(parents=True)
    try:
        yield root
    finally:
        thaw(root)
        shutil.rmtree(root, ignore_errors=True)
        if root.exists():
            print(f"note: {root} could not be removed whole")


def thaw(folder: Path) -> None:
    """Make everything below a folder removable again."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            for _ in protect.unprotect(fd, 0o755):
                pass
    finally:
        os.close(fd)


@contextmanager
def store_of(root: Path) -> Iterator[DiskStore]:
    """A store with state and cache of its own."""
    own = Path(tempfile.mkdtemp(prefix="modama-bench-state-"))
    store = DiskStore(Site(root=str(root)), state=own / "state", cache=own / "cache")
    try:
        yield store
    finally:
        store.close()
        shutil.rmtree(own, ignore_errors=True)


def empty_files(folder: Path, count: int) -> None:
    """Make so many empty files in one folder."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number in range(count):
            os.mknod(f"frame_{number * 7919 % count:07d}.dm4", 0o644, dir_fd=fd)
    finally:
        os.close(fd)


def small_files(folder: Path, count: int, size: int, per_folder: int = 100) -> None:
    """Make so many files of so many bytes, a hundred in a folder."""
    content = os.urandom(size)
    for first in range(0, count, per_folder):
        below = folder / f"block_{first // per_folder:05d}"
        below.mkdir()
        for number in range(first, min(first + per_folder, count)):
            with open(below / f"frame_{number:07d}.dm4", "wb", buffering=0) as file:
                file.write(number.to_bytes(8, "big") + content[8:])


def large_file(path: Path, size: int) -> None:
    """Make a file of so many bytes, without repetition within a megabyte, and leave it in the page cache."""
    block = os.urandom(1 << 20)
    with open(path, "wb", buffering=0) as file:
        for _ in range(size >> 20):
            file.write(block)
