"""How much one person may ask: so many requests a minute, which come back one by one, and so many at a time."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_modama.core.errors import TooManyRequests

REMEMBERED = 10_000
MINUTE_S = 60.0


class Limit:
    """So many a minute, for each name on its own; used from the event loop only."""

    def __init__(self, a_minute: int, what: str) -> None:
        self.a_minute, self.what = a_minute, what
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, and when that was

    def count(self, name: str, how_many: int = 1) -> None:
        """Count a request.

        Raises: TooManyRequests, which counts nothing.
        """
        left = self._now(name) - how_many
        if left < 0:
            wait = math.ceil(-left * MINUTE_S / self.a_minute)
            raise TooManyRequests(what=self.what, retry_after_s=max(1, wait), limit=self.a_minute)
        self._left[name] = left, time.monotonic()
        self._left.move_to_end(name)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def check(self, name: str) -> None:
        """Raises: TooManyRequests where nothing is left."""
        if self._now(name) < 1:
            self.count(name)

    def _now(self, name: str) -> float:
        left, then = self._left.get(name, (float(self.a_minute), 0.0))
        return min(float(self.a_minute), left + (time.monotonic() - then) * self.a_minute / MINUTE_S)


class AtOnce:
    """How much of what one person asks is done at a time; used from the event loop only."""

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what = most, what
        self._open: Counter[int] = Counter()

    @contextmanager
    def of(self, uid: int) -> Iterator[None]:
        """While the block runs. Raises: TooManyRequests, so that nobody keeps all threads waiting for themselves."""
        if self._open[uid] >= self.most:
            raise TooManyRequests(what=self.what, retry_after_s=1, limit=self.most)
        self._open[uid] += 1
        try:
            yield
        finally:
            self._open[uid] -= 1
            if not self._open[uid]:
                del self._open[uid]
