"""How far long work is, in one line that is written over; needs no widgets."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from jupyter_modama.core.errors import printable
from jupyter_modama.core.model import Job, JobState

EVERY_S = 0.25
BAR = 24
UNITS = ("B", "kB", "MB", "GB", "TB")


class Line:
    """Told of every change of a job; quiet for work that is over before anybody could read it."""

    def __init__(self, doing: str, stream: TextIO | None = None) -> None:
        self.doing = doing
        self.stream = stream or sys.stdout
        self._begun = self._written = time.monotonic()
        self._width = 0

    def __call__(self, job: Job) -> None:
        now = time.monotonic()
        if job.state is JobState.RUNNING and job.phase and now - self._written >= EVERY_S:
            self._written = now
            self._write(line_of(job))

    def _write(self, text: str) -> None:
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._width:
            told = "stopped" if kind else f"done in {time.monotonic() - self._begun:.1f} s"
            self._write(f"{self.doing}: {told}")
            self.stream.write("\n")


def line_of(job: Job) -> str:
    """A job in one line."""
    words = [printable(job.phase)]
    if job.total:
        share = min(1.0, job.done / job.total)
        words.append("█" * round(share * BAR) + "░" * (BAR - round(share * BAR)) + f" {share:4.0%}")
    if job.unit == "bytes":
        words.append(size(job.done) + (f" of {size(job.total)}" if job.total else ""))
    else:
        words.append(f"{job.done:,}" + (f" of {job.total:,} {job.unit}" if job.total else f" {job.unit}"))
    if job.message:
        words.append(printable(job.message))
    return "  ".join(words)


def size(count: int | None) -> str:
    """Bytes for people; nothing where they are not counted."""
    if count is None:
        return ""
    number, unit = float(count), UNITS[0]
    for unit in UNITS:
        if number < 1000 or unit == UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
