"""SHA-256 of many files on all cores, each through one descriptor.

Large files are hashed by threads, which hashlib lets run side by side; small ones by processes, since there the time
goes into the interpreter, of which only one thread runs at a time.
"""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jupyter_modama.core.paths import TreePath
from jupyter_modama.store.beneath import FILE, open_beneath

CHUNK = 1 << 20
SMALL = 1 << 18
BATCH_BYTES = 8 << 20
BATCH_FILES = 256
MANY = 1000  # small files that make processes worth starting
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to hash, as a walk saw it."""

    path: TreePath
    size_bytes: int


class Hashed(NamedTuple):
    """A file's hash with what the inode was when it was read, or why it could not be read."""

    path: TreePath
    sha256: str
    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int
    error: str = ""


Told = Callable[[int], None]


def hash_files(top_fd: int, files: Sequence[Wanted], told: Told | None = None) -> Iterator[list[Hashed]]:
    """Hash files below an open folder; yields batches as they are done, in no order.

    `told` hears from the threads how many more bytes were read. Where nothing is done for a moment an empty batch
    comes, so that the one who iterates can look up. Stopping the iteration stops the threads.
    """
    stop = threading.Event()
    waiting: queue.SimpleQueue[list[Wanted]] = queue.SimpleQueue()
    done: queue.Queue[list[Hashed] | BaseException] = queue.Queue()
    left = 0
    for batch in _batches(files):
        waiting.put(batch)
        left += 1
    small = sum(w.size_bytes <= SMALL for w in files)
    crew = [_Hand(top_fd, stop, told, helped=small >= MANY) for _ in range(min(CORES, left) or 1)]
    with ThreadPoolExecutor(len(crew), thread_name_prefix="modama-hash") as pool:
        try:
            for hand in crew:
                pool.submit(hand.work, waiting, done)
            while left:
                try:
                    found = done.get(timeout=0.25)
                except queue.Empty:
                    yield []
                    continue
                if isinstance(found, BaseException):
                    raise found
                left -= 1
                yield found
        finally:
            stop.set()
            for hand in crew:
                hand.leave()


def _batches(files: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Large files alone and first, so that no core is left with the largest at the end; then small ones by folder."""
    large = [w for w in files if w.size_bytes > SMALL]
    yield from ([w] for w in sorted(large, key=lambda w: -w.size_bytes))
    batch: list[Wanted] = []
    size = 0
    for wanted in sorted((w for w in files if w.size_bytes <= SMALL), key=lambda w: w.path):
        batch.append(wanted)
        size += wanted.size_bytes
        if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Hand:
    """One of those who work side by side: a thread, and for small files a process of its own."""

    def __init__(self, top_fd: int, stop: threading.Event, told: Told | None, *, helped: bool) -> None:
        self.top_fd, self.stop, self.told, self.helped = top_fd, stop, told, helped
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = memoryview(bytearray(CHUNK))

    def work(self, waiting: queue.SimpleQueue[list[Wanted]], done: queue.Queue[list[Hashed] | BaseException]) -> None:
        """Take batches until there are none."""
        try:
            while not self.stop.is_set():
                try:
                    batch = waiting.get_nowait()
                except queue.Empty:
                    return
                if self.helped and batch[0].size_bytes <= SMALL:
                    found = self._by_process(batch)
                else:
                    found = self._all_here(batch)
                done.put(found)
        except BaseException as error:  # handed over to the one who iterates
            done.put(error)
        finally:
            self.leave()

    def leave(self) -> None:
        """End the process, if there is one."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError, ValueError):
                    pipe.close()

    def _by_process(self, batch: list[Wanted]) -> list[Hashed]:
        if self.process is None:
            self.process = _started(self.top_fd)
        asking, answering = self.process.stdin, self.process.stdout
        if asking is None or answering is None:
            return self._all_here(batch)
        try:
            asking.write(b"".join(os.fsencode(w.path) + b"\0" for w in batch))
            asking.flush()
            lines = [answering.readline() for _ in batch]
        except OSError:
            lines = [b""]
        if not all(lines):  # it was killed: what it did not do is done here
            self.helped = False
            return self._all_here(batch)
        found = [_read(wanted, line) for wanted, line in zip(batch, lines, strict=True)]
        if self.told is not None:
            self.told(sum(h.size_bytes for h in found))
        return found

    def _all_here(self, batch: list[Wanted]) -> list[Hashed]:
        return [self._here(wanted) for wanted in batch if not self.stop.is_set()]

    def _here(self, wanted: Wanted) -> Hashed:
        try:
            fd = open_beneath(self.top_fd, wanted.path, FILE)
        except OSError as error:
            return _failed(wanted, error)
        try:
            status = os.fstat(fd)
            if wanted.size_bytes > CHUNK:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            digest = hashlib.sha256()
            read = 0
            while not self.stop.is_set() and (count := os.readv(fd, [self.buffer])):
                digest.update(self.buffer[:count])
                read += count
                if self.told is not None:
                    self.told(count)
            return Hashed(wanted.path, digest.hexdigest(), read, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        except OSError as error:
            return _failed(wanted, error)
        finally:
            os.close(fd)


def _started(top_fd: int) -> subprocess.Popen[bytes]:
    """A process that hashes below an open folder, which it inherits."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("hasher.py")), str(top_fd)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(top_fd,),
    )


def _read(wanted: Wanted, line: bytes) -> Hashed:
    if line.startswith(b"!"):
        return Hashed(wanted.path, "", 0, 0, 0, 0, line[2:].decode(errors="replace").strip())
    sha256, size, modified, changed, inode = line.split()
    return Hashed(wanted.path, sha256.decode(), int(size), int(modified), int(changed), int(inode))


def _failed(wanted: Wanted, error: OSError) -> Hashed:
    return Hashed(wanted.path, "", 0, 0, 0, 0, error.strerror or str(error))
