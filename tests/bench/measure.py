"""Times of us and of a peer in turns, and what is made of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Samples = list[float]


class Skipped(Exception):
    """A row cannot be measured here; the sentence says why."""


@dataclass(frozen=True)
class Line:
    """One line of the table. `value` is what the budget speaks of: a ratio to the peer, seconds, or bytes."""

    what: str
    ours: str
    peer: str
    value: str
    budget: str
    met: bool | None  # None: reported, without a budget of its own
    note: str = ""
    samples: Mapping[str, Samples] = field(default_factory=dict)


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def interleaved(
    rounds: int, works: Mapping[str, Callable[[], object]], before: Callable[[str], object] | None = None
) -> dict[str, Samples]:
    """Seconds of each work in each round; the order turns with the rounds, so that load from outside meets all alike.

    `before(name)` prepares each run outside its time. A work that answers a float has measured itself.
    """
    found: dict[str, Samples] = {name: [] for name in works}
    names = list(works)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if before is not None:
                before(name)
            begin = time.perf_counter()
            answer = works[name]()
            took = time.perf_counter() - begin
            found[name].append(answer if isinstance(answer, float) else took)
    return found


def median(samples: Samples) -> float:
    return statistics.median(samples)


def seconds(value: float) -> str:
    """Seconds for people."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.1f} ms" if value < 0.1 else f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def rate(bytes_per_second: float) -> str:
    return f"{bytes_per_second / 1e6:,.0f} MB/s"


def ratio(value: float) -> str:
    return f"{value:.2f}x" if value >= 0.1 else f"1/{1 / value:.0f}"


@contextmanager
def closing_later(*undo: Callable[[], object]) -> Iterator[None]:
    """Do what undoes a row's traces, whatever happens."""
    try:
        yield
    finally:
        for step in undo:
            step()
