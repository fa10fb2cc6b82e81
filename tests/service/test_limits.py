"""How much one person may ask."""

from __future__ import annotations

import pytest

from jupyter_modama.core.errors import TooManyRequests
from jupyter_modama.service import limits
from jupyter_modama.service.limits import AtOnce, Limit


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(limits.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_one_person_asks_as_often_as_allowed_and_no_more(clock: Clock) -> None:
    """And keeps nobody else from asking."""
    limit = Limit(60, "you have asked too much")
    for _ in range(60):
        limit.count("alice")
    with pytest.raises(TooManyRequests, match="asked too much; please wait 1 s") as found:
        limit.count("alice")
    assert (found.value.status, found.value.facts["retry_after_s"]) == (429, 1)
    limit.count("bob")


def test_room_comes_back_one_by_one(clock: Clock) -> None:
    """A refused request counts for nothing, so that waiting as long as said is enough."""
    limit = Limit(6, "x")
    for _ in range(6):
        limit.count("alice")
    for _ in range(50):
        with pytest.raises(TooManyRequests) as found:
            limit.count("alice")
    clock.now += found.value.facts["retry_after_s"]
    limit.count("alice")
    with pytest.raises(TooManyRequests):
        limit.count("alice")
    clock.now += 3600
    for _ in range(6):
        limit.count("alice")
    with pytest.raises(TooManyRequests):
        limit.count("alice")


def test_many_names_use_up_no_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 10)
    limit = Limit(1, "x")
    for number in range(100):
        limit.count(str(number))
    assert len(limit._left) == 10
    with pytest.raises(TooManyRequests):
        limit.count("99")


def test_one_person_has_so_many_things_done_at_a_time(clock: Clock) -> None:
    """What has ended, however, makes room; others have room of their own."""
    at_once = AtOnce(2, "x")
    with at_once.of(1), at_once.of(1):
        with pytest.raises(TooManyRequests), at_once.of(1):
            pass
        with at_once.of(2):
            pass
    with pytest.raises(ValueError, match="broken"), at_once.of(1):
        raise ValueError("broken")
    with at_once.of(1), at_once.of(1):
        pass
    assert not at_once._open
