"""SHA-256 of many files on all cores, each through one descriptor."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.walk import opened_file

CHUNK = 1 << 20
BATCH_BYTES = 8 << 20
BATCH_FILES = 128
CORES = os.cpu_count() or 1
TOLD_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to hash, as a walk saw it."""

    path: TreePath
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file's hash with what the inode was when it was read, or why it could not be read."""

    path: TreePath
    sha256: str
    size_bytes: int
    modified_ns: int
    inode: int
    error: str = ""


def hash_files(
    top_fd: int, files: Sequence[Wanted], told: Callable[[int], None] | None = None
) -> Iterator[list[Hashed]]:
    """Hash files below an open folder; yields batches as they are done, in no order, and
    empty ones meanwhile.

    `told` hears from the threads how many more bytes were read. Stopping the iteration stops the threads.
    """
    stop = threading.Event()
    done: queue.Queue[list[Hashed] | BaseException] = queue.Queue()
    local = threading.local()

    def work(batch: list[Wanted]) -> None:
        if not hasattr(local, "buffer"):
            local.buffer = memoryview(bytearray(CHUNK))
        try:
            done.put([_hashed(top_fd, wanted, local.buffer, stop, told) for wanted in batch if not stop.is_set()])
        except BaseException as error:  # handed over to the one who iterates
            done.put(error)

    batches = list(_batches(files))
    with ThreadPoolExecutor(CORES, thread_name_prefix="modama-hash") as pool:
        try:
            for batch in batches:
                pool.submit(work, batch)
            left = len(batches)
            while left:
                try:
                    found = done.get(timeout=TOLD_EVERY_S)
                except queue.Empty:
                    yield []  # so that whoever iterates can tell how far it is, and stop
                    continue
                left -= 1
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _batches(files: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Large files alone and first, small ones together: no core is left with the largest at the end."""
    batch: list[Wanted] = []
    size = 0
    for wanted in sorted(files, key=lambda w: -w.size_bytes):
        batch.append(wanted)
        size += wanted.size_bytes
        if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _hashed(
    top_fd: int, wanted: Wanted, buffer: memoryview, stop: threading.Event, told: Callable[[int], None] | None
) -> Hashed:
    try:
        fd = opened_file(top_fd, wanted.path)
    except OSError as error:
        return Hashed(wanted.path, "", 0, 0, 0, error.strerror or str(error))
    try:
        status = os.fstat(fd)
        digest = hashlib.sha256()
        read = 0
        while not stop.is_set() and (count := os.readv(fd, [buffer])):
            digest.update(buffer[:count])
            read += count
            if told is not None:
                told(count)
        return Hashed(wanted.path, digest.hexdigest(), read, status.st_mtime_ns, status.st_ino)
    except OSError as error:
        return Hashed(wanted.path, "", 0, 0, 0, error.strerror or str(error))
    finally:
        os.close(fd)
