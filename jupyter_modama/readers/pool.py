"""A pool of warm, limited worker processes that read files; a file that breaks one costs one preview."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from jupyter_modama.core.errors import Invalid, NotAllowed, NotFound, TimedOut, Unreachable, Unsupported, printable
from jupyter_modama.core.model import EntryMetadata
from jupyter_modama.readers import wire
from jupyter_modama.readers.formats import format_of
from jupyter_modama.readers.model import (
    CONTRASTS,
    FrameWish,
    Numbers,
    Preview,
    PreviewWish,
    metadata_from,
    numbers_from,
    preview_from,
)

Made = TypeVar("Made")
NONSENSE = "its reader answered something that makes no sense"
START_SECONDS = 60.0
IDLE_SECONDS = 900.0
QUEUE_TIMES = 12  # times the limit of one answer, that one waits for a free worker
LARGEST_PICTURE = 2048
# Everything else of our environment, tokens above all, is nothing to a reader of files.
KEPT = ("TZ", "LD_LIBRARY_PATH")
SET = {
    "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    # A file that an instrument is still writing, or one on a read-only file system, cannot be locked.
    "HDF5_USE_FILE_LOCKING": "FALSE", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip


class Gone(Exception):
    """The worker ended before it answered; the text says how."""


class Worker:
    """One process. Used by one thread at a time."""

    def __init__(self, memory_bytes: int, pixels: int) -> None:
        self.room = tempfile.mkdtemp(prefix="modama-reader-")
        arguments = [self.room, str(memory_bytes), str(pixels), str(IDLE_SECONDS)]
        environment = {key: os.environ[key] for key in KEPT if key in os.environ} | SET
        # The same packages that we have, wherever they come from; but never the current folder.
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parents[2]), *(p for p in sys.path if os.path.isabs(p))]
        )
        environment |= {"HOME": self.room, "TMPDIR": self.room}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jupyter_modama.readers.worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/", env=environment,
            start_new_session=True,
        )  # fmt: skip
        self.pipes = [pipe for pipe in (self.process.stdin, self.process.stdout) if pipe is not None]
        self.ready = False
        self.worn = False

    def ask(self, question: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """Raises: Gone, wire.Late."""
        asks, answers = (pipe.fileno() for pipe in self.pipes)
        try:
            if not self.ready:
                wire.receive(answers, time.monotonic() + START_SECONDS)
                self.ready = True
            wire.send(asks, {**question, "seconds": seconds})
            answer, blob = wire.receive(answers, time.monotonic() + seconds)
        except wire.Broken as error:
            raise Gone(str(error)) from error
        self.worn = bool(answer.get("last"))
        return answer, blob

    def alive(self) -> bool:
        return self.process.poll() is None and not self.worn

    def end(self) -> int:
        """Kill it, wait for it and remove its room; its return code."""
        with suppress(OSError):
            self.process.kill()
        code = self.process.wait()
        for pipe in self.pipes:
            with suppress(OSError):
                pipe.close()
        shutil.rmtree(self.room, ignore_errors=True)
        return code


class Pool:
    """Reads EM files in at most `workers` processes; safe for many threads, each of which waits for its answer."""

    def __init__(
        self, workers: int = 2, memory_bytes: int = 2 << 30, seconds: float = 10.0, pixels: int = 400_000_000
    ) -> None:
        self.memory_bytes, self.seconds, self.pixels = memory_bytes, seconds, pixels
        self._turns = threading.BoundedSemaphore(workers)
        self._guard = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False
        # The first one imports its readers while the user still looks for a file.
        with suppress(OSError):
            self._idle.append(Worker(memory_bytes, pixels))

    def metadata(self, path: Path) -> EntryMetadata:
        """What the file says of itself; one that cannot be read is a normal answer with `why`.

        Raises: NotFound, NotAllowed, Unreachable.
        """
        path = _absolute(path)
        try:
            found, _ = self._ask({"do": "metadata", "path": str(path)}, path)
        except (Unsupported, TimedOut) as error:
            why = str(error.facts.get("why") or error)
            return EntryMetadata(printable(str(path)), format_of(path.name, path.is_dir()).name, False, why)
        return replace(_made(metadata_from, path.name, found), path=printable(str(path)))

    def preview(self, path: Path, wish: PreviewWish | None = None) -> Preview:
        """The picture that is wished for.

        Raises: Invalid, Unsupported, TimedOut, NotFound, NotAllowed, Unreachable.
        """
        path, wish = _absolute(path), judged(wish or PreviewWish())
        found, png = self._ask({"do": "preview", "path": str(path), "wish": asdict(wish)}, path)
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise Unsupported(path=printable(path.name), why="its reader answered something that is no picture")
        return _made(preview_from, path.name, found, png)

    def frame(self, path: Path, wish: FrameWish | None = None) -> Numbers:
        """The numbers that are wished for.

        Raises: Invalid, Unsupported, TimedOut, NotFound, NotAllowed, Unreachable.
        """
        path, wish = _absolute(path), within_bounds(wish or FrameWish())
        found, data = self._ask({"do": "frame", "path": str(path), "wish": asdict(wish)}, path)
        return _made(numbers_from, path.name, found, data)

    def close(self) -> None:
        """End all workers; those at work break off."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for worker in idle:
            worker.end()
        for worker in busy:
            with suppress(OSError):
                worker.process.kill()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: dict[str, Any], path: Path) -> tuple[dict[str, Any], bytes]:
        name = printable(path.name)
        patience = QUEUE_TIMES * self.seconds
        if not self._turns.acquire(timeout=patience):
            raise TimedOut(what="waiting for a free reader of microscope files", limit_s=f"{patience:g}", path=name)
        try:
            worker = self._take()
            try:
                answer, blob = worker.ask(question, self.seconds)
            except wire.Late as error:
                what = f"reading {name}" if worker.ready else "starting a reader of microscope files"
                worker.end()
                limit = self.seconds if worker.ready else START_SECONDS
                raise TimedOut(what=what, limit_s=f"{limit:g}", path=name) from error
            except Gone as error:
                raise self._gone(worker, name) from error
            finally:
                self._give_back(worker)
        finally:
            self._turns.release()
        if "ok" in answer:
            return _checked(answer["ok"], name), blob
        raise _refusal(answer, name)

    def _take(self) -> Worker:
        with self._guard:
            if self._closed:
                raise Unreachable(what="the reader of microscope files", why="it is being stopped")
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    break
                worker.end()
            else:
                worker = self._started()
            self._busy.add(worker)
            return worker

    def _started(self) -> Worker:
        try:
            return Worker(self.memory_bytes, self.pixels)
        except OSError as error:
            raise Unreachable(
                what="the reader of microscope files", why=f"it did not start ({error.strerror})"
            ) from error

    def _give_back(self, worker: Worker) -> None:
        with self._guard:
            self._busy.discard(worker)
            if worker.alive() and not self._closed:
                self._idle.append(worker)
                return
        worker.end()

    def _gone(self, worker: Worker, name: str) -> Exception:
        started = worker.ready
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(1)
        code = worker.end()
        if self._closed:
            return Unreachable(what="the reader of microscope files", why="it is being stopped")
        if not started:
            return Unreachable(what="the reader of microscope files", why=f"it did not start (exit {code})")
        return Unsupported(path=name, why="its reader broke off on it; the file may be damaged or made to do so")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def judged(wish: PreviewWish) -> PreviewWish:
    """A wish within bounds. Raises: Invalid."""
    numbers = (wish.low, wish.high, wish.gamma)
    if wish.contrast not in CONTRASTS:
        raise Invalid(what=f"“{wish.contrast}” is no contrast; please take one of {', '.join(CONTRASTS)}")
    if not all(math.isfinite(n) for n in numbers) or not 0 <= wish.low < wish.high <= 100:
        raise Invalid(what="the percentiles of a preview are between 0 and 100, and low is below high")
    if not 0.05 <= wish.gamma <= 20:
        raise Invalid(what="the gamma of a preview is between 0.05 and 20")
    if not 16 <= wish.size <= LARGEST_PICTURE:
        raise Invalid(what=f"the size of a preview is between 16 and {LARGEST_PICTURE} pixels")
    if wish.signal < 0 or wish.frame < -1:
        raise Invalid(what="signals and frames count from 0; frame -1 is the central one")
    return wish


def within_bounds(wish: FrameWish) -> FrameWish:
    """The wish, if it can be fulfilled. Raises: Invalid."""
    if not 16 <= wish.size <= LARGEST_PICTURE:
        raise Invalid(what=f"the size of a frame's numbers is between 16 and {LARGEST_PICTURE} a side")
    if wish.signal < 0 or wish.frame < -1:
        raise Invalid(what="signals and frames count from 0; frame -1 is the central one")
    if min(wish.left, wish.top, wish.width, wish.height) < 0:
        raise Invalid(what="left, top, width and height of a part of a frame are not below 0")
    return wish


def _checked(found: Any, name: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Unsupported(path=name, why=NONSENSE)
    return found


def _made(build: Callable[..., Made], name: str, *answer: Any) -> Made:
    """What an answer stands for; a worker that a file has taken over could answer anything."""
    try:
        return build(*answer)
    except (KeyError, TypeError, ValueError) as error:
        raise Unsupported(path=printable(name), why=NONSENSE) from error


def _refusal(answer: dict[str, Any], name: str) -> Exception:
    why = str(answer.get("why", ""))
    if answer.get("error") == "not-found":
        return NotFound(what=f"file {name}")
    if answer.get("error") == "not-allowed":
        return NotAllowed(what=f"you may not read {name} ({why}); its owner can give you the right to", path=name)
    return Unsupported(path=name, why=why)
