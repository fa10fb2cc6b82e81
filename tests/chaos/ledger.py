"""What was asked for during the storm, by whom, and what became of it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jupyter_modama.core.errors import tree as error_tree


class Outcome(StrEnum):
    """How an operation ended for the one who asked."""

    DONE = "done"
    REFUSED = "refused"  # in our own words, and nothing was begun
    FAILED = "failed"  # in our own words, and nobody knows what was done of it
    PROXY = "no part there"  # in the words of the hub or its proxy: the part was not running
    BROKEN = "connection broke"

    @property
    def is_answer(self) -> bool:
        return self in {Outcome.DONE, Outcome.REFUSED}


@dataclass(eq=False)
class Doing:
    """One operation while it is done, and afterwards."""

    who: str
    op: str
    wanted: dict[str, Any]
    way: str
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    outcome: Outcome | None = None
    code: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    job: str = ""
    hit_by: list[str] = field(default_factory=list)
    sets: list[tuple[str, str]] = field(default_factory=list)  # of which subject, which value it would make

    def __str__(self) -> str:
        return f"{self.who} {self.op} {self.wanted} by {self.way}: {self.outcome} {self.code} (hit by {self.hit_by})"


class Ledger:
    """All doings; used from many threads."""

    def __init__(self) -> None:
        self.all: list[Doing] = []
        self.lies: list[str] = []
        self.files: dict[str, int] = {}  # names of files that are whole on the disk, with their numbers
        self._open: set[Doing] = set()
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)

    def begin(self, doing: Doing) -> None:
        with self._guard:
            self.all.append(doing)
            self._open.add(doing)

    def end(self, doing: Doing, outcome: Outcome, code: str = "") -> None:
        with self._guard:
            doing.ended, doing.outcome, doing.code = time.monotonic(), outcome, code
            self._open.discard(doing)

    def strike(self, part: str) -> list[Doing]:
        """What is in flight at this moment, marked as hit."""
        with self._guard:
            hit = list(self._open)
            for doing in hit:
                doing.hit_by.append(part)
        return hit

    @property
    def in_flight(self) -> int:
        return len(self._open)

    def lie(self, text: str) -> None:
        with self._guard:
            self.lies.append(text)

    def numbers(self, count: int) -> int:
        """The first of some numbers that nobody else gets."""
        with self._guard:
            first = next(self._numbers)
            for _ in range(count - 1):
                next(self._numbers)
            return first

    def written(self, names: Iterable[str]) -> None:
        with self._guard:
            self.files.update((name, int(name.partition(".")[0])) for name in names)

    # what may be so at the end ---------------------------------------------------------------------------------------

    def possible(self, subject: str, at_first: str) -> set[str]:
        """The values that a subject may have now: what was done last, or what may have been done, as nobody knows."""
        rows = [(doing, value) for doing in self.all for about, value in doing.sets if about == subject]
        done = [(doing, value) for doing, value in rows if doing.outcome is Outcome.DONE]
        last = {value for doing, value in done if not any(other.begun > doing.ended for other, _ in done)}
        unsure = {value for doing, value in rows if doing.outcome not in {Outcome.DONE, Outcome.REFUSED}}
        return (last or {at_first}) | unsure

    def done(self, op: str) -> list[Doing]:
        return [doing for doing in self.all if doing.op == op and doing.outcome is Outcome.DONE]

    def counts(self) -> dict[str, Counter[str]]:
        """How all ended, and how those ended that a kill hit."""
        return {
            "all": Counter(str(doing.outcome) for doing in self.all),
            "hit": Counter(str(doing.outcome) for doing in self.all if doing.hit_by),
            "words": Counter(f"{doing.op.split()[0]} {doing.code}" for doing in self.all if doing.code),
        }


KNOWN = error_tree()
UNSURE = {"unreachable", "timed-out", "storage-error", "error"}


def judged(status: int, kind: str, body: bytes, way: str) -> tuple[Outcome, str, dict[str, Any]]:
    """How an answer is to be counted. Raises: AssertionError where it is none that may be given."""
    text = body.decode("utf-8", "replace")
    assert "Traceback (most" not in text, text[:2000]
    if kind == "application/problem+json":
        return judged_problem(json.loads(text), status)
    if status < 300:
        assert kind == "application/json", (kind, text[:500])
        return Outcome.DONE, "", json.loads(text)
    # The proxy's page of errors is the hub's own, and the hub answers for servers that are not there.
    assert status in {403, 404, 424, 429, 500, 502, 503, 504, 599} or 300 <= status < 400, (status, way, text[:500])
    return Outcome.PROXY, f"{way}-{status}", {"said": text[:300]}


def judged_problem(problem: dict[str, Any], status: int) -> tuple[Outcome, str, dict[str, Any]]:
    code = str(problem["type"]).removeprefix("urn:modama:")
    assert code in KNOWN, problem
    assert status in {0, problem["status"]}, (status, problem)
    assert problem["detail"], problem
    assert "unexpected" not in problem["detail"], problem
    return (Outcome.FAILED if code in UNSURE else Outcome.REFUSED), code, problem
