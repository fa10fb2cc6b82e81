"""Going through very many things in an order, without having them all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Of = TypeVar("Of")
MOST = 20_000
TOLD_EACH = 500


def in_order(
    look: Callable[[], Iterable[Of]], key: Callable[[Of], Any], most: int = MOST, told_each: int = TOLD_EACH
) -> Iterator[Of | None]:
    """What `look` finds, the smallest key first; now and then None, while it is being looked for.

    At most twice `most` are held. `look` is called anew after each `most`; what it finds then at or before the last key
    is left out, so that nothing comes twice, and something that moved back there waits for the next time.
    """
    last: list[Any] = []
    while True:
        found: list[Of] = []
        dropped = False
        for number, one in enumerate(look(), 1):
            if number % told_each == 0:
                yield None
            if last and key(one) <= last[0]:
                continue
            found.append(one)
            if len(found) >= 2 * most:
                found.sort(key=key)
                del found[most:]
                dropped = True
        found.sort(key=key)
        dropped = dropped or len(found) > most
        if dropped:
            last = [key(found[most - 1])]  # before it is worked on, which can change it
        yield from found[:most]
        if not dropped:
            return
