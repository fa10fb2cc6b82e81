"""How far long work is, on stderr: a bar in a terminal, plain lines elsewhere; and Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from jupyter_modama.core.model import Job
from jupyter_modama.shell.tables import size, text_of

BAR = 24
TENTHS = 10


class Bar:
    """Told of every change of a job; draws what is new."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.job: Job | None = None
        self._last: tuple[str, int] = ("", -1)
        self._drawn = 0

    def __call__(self, job: Job) -> None:
        self.job = job
        if not job.phase:
            return
        if self.terminal:
            self._draw(line_of(job, bar=True))
            return
        step = (job.phase, job.done * TENTHS // job.total if job.total else 0)
        if step != self._last:
            self._last = step
            self._write(line_of(job, bar=False) + "\n")

    def _draw(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + line + " " * max(0, self._drawn - len(line)))
        self._drawn = len(line)

    def clear(self) -> None:
        """Leave the line as it was found."""
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def say(self, sentence: str) -> None:
        self.clear()
        self._write(sentence + "\n")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more; the work goes on


def line_of(job: Job, *, bar: bool) -> str:
    """A job in one line."""
    parts = [text_of(job.phase)]
    if job.total:
        share = min(1.0, job.done / job.total)
        if bar:
            full = round(share * BAR)
            parts.append("[" + "#" * full + "." * (BAR - full) + "]")
        parts.append(f"{share:4.0%}")
    if job.unit == "bytes":
        parts.append(f"{size(job.done)} of {size(job.total)}" if job.total else size(job.done))
    elif job.done or job.total:
        parts.append(f"{job.done:,} of {job.total:,} {job.unit}" if job.total else f"{job.done:,} {job.unit}")
    if job.message:
        parts.append(text_of(job.message))
    return "  ".join(parts)


@contextmanager
def cancelled_by_ctrl_c(bar: Bar, cancel: Callable[[str], object]) -> Iterator[None]:
    """The first Ctrl-C asks the job to stop where it is safe; the second stops this program at once."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked or bar.job is None:
            raise KeyboardInterrupt
        asked = True
        bar.say("Stopping at the next safe step; Ctrl-C again stops at once.")
        cancel(bar.job.id)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        bar.clear()
