"""SHA-256 of many files on all cores, each through one descriptor.

Large files are hashed by threads, which hashlib lets run side by side; small ones by processes, since there the time
goes into the interpreter, of which only one thread runs at a time.
"""

from __future__ import annotations

import hashlib
import math
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from jupyter_modama.core.frozen import frozen
from jupyter_modama.core.paths import TreePath
from jupyter_modama.core.rows import Rows
from jupyter_modama.store.beneath import FILE, open_beneath

CHUNK = 1 << 20
SMALL = 1 << 18
BATCH_BYTES = 8 << 20
BATCH_FILES = 256
MANY = 1000  # small files that make processes worth starting
WAITING = 8  # batches that are done and not taken yet, for each thread
LARGEST = 1 << 63
CORES = len(os.sched_getaffinity(0))


@frozen
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


class Hashes:
    """What was hashed: a row a file, with size, time of the last change and SHA-256, empty if it was not read."""

    def __init__(self, rows: Callable[[], Rows] = Rows) -> None:
        self.rows = rows()
        self.size_bytes = 0
        self.unread: Hashed | None = None  # the first of those that could not be read

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, one: Hashed) -> None:
        if one.error and self.unread is None:
            self.unread = one
        self.size_bytes += one.size_bytes
        self.rows.add(one.path, b"%d %d\0%s" % (one.size_bytes, one.modified_ns, one.sha256.encode()))

    def seen(self) -> Iterator[bytes]:
        """The rows as `look` has them."""
        return (row.rpartition(b"\0")[0] for row in self.rows)

    def sums(self) -> Iterator[bytes]:
        """The rows with the checksums only."""
        return (b"\0".join(row.split(b"\0")[::2]) for row in self.rows)


Told = Callable[[int], None]
Done = queue.Queue[list[Hashed] | BaseException | None]


def hash_files(
    top_fd: int, files: Iterable[Wanted], told: Told | None = None, rows: Callable[[], Rows] = Rows
) -> Iterator[list[Hashed]]:
    """Hash files below an open folder; yields batches as they are done, in no order.

    `files` is gone through twice, and best comes folder by folder. `told` hears from the threads how many more bytes
    were read. Where nothing is done for a moment an empty batch comes, so that the one who iterates can look up.
    Stopping the iteration stops the threads.
    """
    stop = threading.Event()
    large, small = rows(), 0
    for wanted in files:
        if wanted.size_bytes > SMALL:
            large.put(b"%020d\0%s" % (LARGEST - wanted.size_bytes, os.fsencode(wanted.path)))
        else:
            small += 1
    waiting = _Shared(_batches(files, large))
    crew = [_Hand(top_fd, stop, told, helped=small >= MANY) for _ in range(_hands(len(large), small))]
    done: Done = queue.Queue(WAITING * len(crew))
    with ThreadPoolExecutor(len(crew), thread_name_prefix="modama-hash") as pool:
        try:
            for hand in crew:
                pool.submit(hand.work, waiting, done)
            yield from _taken(done, len(crew))
        finally:
            stop.set()
            for hand in crew:
                hand.leave()


def _hands(large: int, small: int) -> int:
    return min(CORES, large + math.ceil(small / BATCH_FILES)) or 1


def _taken(done: Done, working: int) -> Iterator[list[Hashed]]:
    """What comes from those who work, until each has said that there is no more."""
    while working:
        try:
            found = done.get(timeout=0.25)
        except queue.Empty:
            yield []
            continue
        if isinstance(found, BaseException):
            raise found
        if found is None:
            working -= 1
        else:
            yield found


class _Shared:
    """Batches that several take from."""

    def __init__(self, batches: Iterator[list[Wanted]]) -> None:
        self._batches = batches
        self._guard = threading.Lock()

    def next(self) -> list[Wanted] | None:
        with self._guard:
            return next(self._batches, None)


def _batches(files: Iterable[Wanted], large: Rows) -> Iterator[list[Wanted]]:
    """Large files alone and first, so that no core is left with the largest at the end; then small ones by folder."""
    for row in large:
        size, _, path = row.partition(b"\0")
        yield [Wanted(TreePath(os.fsdecode(path)), LARGEST - int(size))]
    batch: list[Wanted] = []
    size_bytes = 0
    for wanted in files:
        if wanted.size_bytes > SMALL:
            continue
        batch.append(wanted)
        size_bytes += wanted.size_bytes
        if size_bytes >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


class _Hand:
    """One of those who work side by side: a thread, and for small files a process of its own."""

    def __init__(self, top_fd: int, stop: threading.Event, told: Told | None, *, helped: bool) -> None:
        self.top_fd, self.stop, self.told, self.helped = top_fd, stop, told, helped
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = memoryview(bytearray(CHUNK))

    def work(self, waiting: _Shared, done: Done) -> None:
        """Take batches until there are none."""
        try:
            while not self.stop.is_set() and (batch := waiting.next()) is not None:
                if self.helped and batch[0].size_bytes <= SMALL:
                    self._tell(done, self._by_process(batch))
                else:
                    self._tell(done, self._all_here(batch))
            self._tell(done, None)
        except BaseException as error:  # handed over to the one who iterates
            self._tell(done, error)
        finally:
            self.leave()

    def _tell(self, done: Done, what: list[Hashed] | BaseException | None) -> None:
        """Hand over as soon as there is room, or never where nobody asks any more."""
        while not self.stop.is_set():
            with suppress(queue.Full):
                done.put(what, timeout=0.25)
                return

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
