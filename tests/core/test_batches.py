"""Very many things in their order, with few of them held at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from jupyter_modama.core.batches import in_order


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 21, 40, 105])
def test_everything_comes_once_and_in_order(count: int) -> None:
    """Whatever the number is beside the size of a batch."""
    numbers = random.Random(count).sample(range(1000), count)  # noqa: S311
    found = [one for one in in_order(lambda: numbers, lambda one: one, most=10) if one is not None]
    assert found == sorted(numbers)


def test_few_are_held_and_it_is_told_that_it_goes_on() -> None:
    """And what was found first can be worked on before anything is looked for again."""
    looks: list[int] = []

    def look() -> Iterator[int]:
        looks.append(0)
        for one in range(100):
            looks[-1] += 1
            yield one

    steps = in_order(look, lambda one: -one, most=10, told_each=7)
    first = next(one for one in steps if one is not None)
    assert (first, looks) == (99, [100])
    rest = list(steps)
    assert rest.count(None) == 9 * (100 // 7)
    assert len(looks) == 10


def test_what_is_done_while_going_through_is_not_done_again() -> None:
    """Each thing gets a later key when it is done, as projects do that were looked at."""
    keys = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 0)
    done: list[str] = []
    for one in in_order(lambda: [n for n, at in keys.items() if at == 0], lambda one: (keys[one], one), most=4):
        if one is not None:
            keys[one] = 1
            done.append(one)
    assert done == sorted(keys)
