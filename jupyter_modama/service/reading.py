"""Workers that read for people: a few per person, kept for a while, each used for one question at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from jupyter_modama.core.errors import Busy, Cancelled, ModamaError, Unreachable
from jupyter_modama.core.model import Actor, Progress
from jupyter_modama.keeper.client import KeeperKeys, Reader

A_PERSON = 3  # of the four that the keeper starts for one
IN_ALL = 60  # of its 64
KEPT_S = 120.0  # after that a group counts that somebody was put into
WAITED_S = 30.0
Key = tuple[int, str, str]  # an answer is shown to nobody but the one for whom it was read
Steps = Generator[Progress, None, dict[str, Any]]


@dataclass(slots=True, eq=False)
class _Worker:
    key: Key
    reader: Reader
    made: float
    is_new: bool = True


class Reading:
    """The workers of all people; used from threads."""

    def __init__(self, keys: KeeperKeys) -> None:
        self.keys = keys
        self._news = threading.Condition()
        self._idle: list[_Worker] = []  # the one that was used last is the last
        self._busy: Counter[int] = Counter()  # by uid
        self._closed = False

    def read(self, operation: str, wanted: Any, actor: Actor) -> dict[str, Any]:
        """What an operation answers that reads.

        Raises: what it raises, Unreachable, Busy.
        """
        steps = self.steps(operation, wanted, actor)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: dict[str, Any] = end.value
                return answer

    def steps(self, operation: str, wanted: Any, actor: Actor) -> Steps:
        """The same with how far it is; a kept worker that has ended meanwhile is replaced by a new one."""
        while True:
            worker = self._take(actor)
            try:
                done, answer = yield from self._driven(worker, operation, wanted)
            except BaseException as error:
                self._give_back(worker, works=isinstance(error, ModamaError) and not isinstance(error, Unreachable))
                raise
            self._give_back(worker, works=done)
            if done:
                return answer

    def _driven(
        self, worker: _Worker, operation: str, wanted: Any
    ) -> Generator[Progress, None, tuple[bool, dict[str, Any]]]:
        """The answer; or that there is none, since the worker had ended already."""
        try:
            steps = begun(worker.reader.do(operation, wanted))
        except Unreachable:
            if worker.is_new:
                raise
            return False, {}
        return True, (yield from steps)

    # taking and giving back ----------------------------------------------------------------------------------------

    def _take(self, actor: Actor) -> _Worker:
        """Raises: Busy, Unreachable, NotAllowed."""
        key = (actor.person.uid, actor.known_by, actor.on_behalf_of)
        deadline = time.monotonic() + WAITED_S
        while True:
            worker = self._kept_or_room(key, deadline)
            if worker is not None:
                return worker
            try:
                return _Worker(key, self.keys.read_as(actor), time.monotonic())
            except BaseException as error:
                self._left(key)
                if not isinstance(error, Busy) or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)  # one that has ended a moment ago is still counted by the keeper

    def _kept_or_room(self, key: Key, deadline: float) -> _Worker | None:
        """A worker that is kept, or room for a new one, which is counted then.

        Raises: Busy.
        """
        with self._news:
            while True:
                self._drop_old()
                if self._closed:
                    raise Unreachable(what="the service", why="it is being stopped; please try again in a moment")
                kept = [worker for worker in self._idle if worker.key == key]
                if kept:
                    self._idle.remove(kept[-1])
                    self._busy[key[0]] += 1
                    return kept[-1]
                if self._has_room(key[0]):
                    self._busy[key[0]] += 1
                    return None
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise Busy(what="reading for you")

    def _has_room(self, uid: int) -> bool:
        """Whether one more may be started; idle ones make room."""
        theirs = [worker for worker in self._idle if worker.key[0] == uid]
        if self._busy[uid] + len(theirs) >= A_PERSON:
            if not theirs:
                return False
            self._close(theirs[0])
        if self._busy.total() + len(self._idle) >= IN_ALL:
            if not self._idle:
                return False
            self._close(self._idle[0])
        return True

    def _give_back(self, worker: _Worker, *, works: bool) -> None:
        worker.is_new = False
        with self._news:
            if works and not self._closed:
                self._idle.append(worker)
            else:
                worker.reader.close()
        self._left(worker.key)

    def _left(self, key: Key) -> None:
        with self._news:
            self._busy[key[0]] -= 1
            if not self._busy[key[0]]:
                del self._busy[key[0]]
            self._news.notify_all()

    def _drop_old(self) -> None:
        limit = time.monotonic() - KEPT_S
        for worker in [worker for worker in self._idle if worker.made < limit]:
            self._close(worker)

    def tidy(self) -> None:
        """End those that are kept for too long; to be called now and then."""
        with self._news:
            self._drop_old()

    def _close(self, worker: _Worker) -> None:
        self._idle.remove(worker)
        worker.reader.close()

    def close(self) -> None:
        """End all that are kept, and take no further questions."""
        with self._news:
            self._closed = True
            for worker in list(self._idle):
                self._close(worker)
            self._news.notify_all()

    @property
    def counts(self) -> tuple[int, int]:
        """How many are busy, and how many are kept."""
        with self._news:
            return self._busy.total(), len(self._idle)


def begun(steps: Steps) -> Steps:
    """Steps of which the first has been taken already: what speaks against the work is raised here."""
    try:
        return _going_on(next(steps), steps)
    except StopIteration as end:
        return _over(end.value)


def _going_on(step: Progress, steps: Steps) -> Steps:
    try:
        while True:
            try:
                yield step
            except Cancelled as wish:
                step = steps.throw(wish)
            else:
                step = next(steps)
    except StopIteration as end:
        answer: dict[str, Any] = end.value
        return answer
    finally:
        steps.close()


def _over(answer: dict[str, Any]) -> Steps:
    yield from ()
    return answer
