"""What others notice: Jupyter's own `GET api/status` while slow calls of ours are in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from tests.bench.measure import Line, Samples, median, ratio, seconds, timed
from tests.bench.places import RAW, SESSION, empty_files, temporary_tree
from tests.bench.servers import Server, server

ENTRIES, CALLS, ASKED = 300_000, 20, 200
PEER_ENTRIES = 2_000


def status() -> Iterator[Line]:
    """The median and the 95th percentile of 200 answers, idle and with 20 slow calls in flight all the time."""
    with temporary_tree("loop") as root:
        empty_files(root / RAW, ENTRIES)
        few = root / SESSION / "few"
        few.mkdir()
        empty_files(few, PEER_ENTRIES)
        with server(root) as running:
            idle = _answers(running)
            with _in_flight(running, CALLS, _slow) as done:
                busy = _answers(running)
            calls = len(done)
            with _in_flight(running, CALLS, _contents):
                peer = _answers(running)
    note = (
        f"95 %: idle {seconds(_high(idle))}, busy {seconds(_high(busy))}; {calls} listings of {ENTRIES:,} entries were "
        f"answered meanwhile; peer: {CALLS} listings of {PEER_ENTRIES:,} entries by the Contents API in flight"
    )
    yield Line(
        f"api/status with {CALLS} slow calls in flight", f"{seconds(median(busy))} (idle {seconds(median(idle))})",
        f"{seconds(median(peer))} with the Contents API's", ratio(median(busy) / median(idle)), "<= 2x",
        median(busy) <= 2 * median(idle), note, {"idle": idle, "busy": busy, "contents": peer},
    )  # fmt: skip


def _answers(running: Server, asked: int = ASKED) -> Samples:
    connection = running.connect()
    connection.get("/api/status")
    found = []
    for _ in range(asked):
        found.append(timed(lambda: connection.get("/api/status")))
        time.sleep(0.01)
    connection.close()
    return found


def _high(samples: Samples) -> float:
    return sorted(samples)[int(len(samples) * 0.95)]


@contextmanager
def _in_flight(running: Server, count: int, call: Callable[[Server, int, int], object]) -> Iterator[list[int]]:
    """Keep so many calls in flight; answers a list that grows with each that is done."""
    stop = threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        turn = 0
        while not stop.is_set():
            with suppress(OSError):
                call(running, number, turn)
                done.append(number)
            turn += 1

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join(120)


def _slow(running: Server, number: int, turn: int) -> None:
    # another filter each time, so that no listing of before can be used
    connection = running.connect()
    connection.call("folder.list", path=RAW, filter=f"*{turn % 10}*{number}", limit=200)
    connection.close()


def _contents(running: Server, number: int, turn: int) -> None:
    connection = running.connect()
    connection.get(f"/api/contents/{quote(SESSION)}/few?content=1")
    connection.close()
