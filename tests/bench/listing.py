"""Folders: the first page of 100,000 entries, further pages of 1,000,000."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.bench.measure import Line, interleaved, median, ratio, seconds, timed
from tests.bench.places import RAW, empty_files, temporary_tree
from tests.bench.servers import Connection, server

FIRST, LARGE = 100_000, 1_000_000
ROUNDS, PAGES = 9, 60


def first_page() -> Iterator[Line]:
    """The first 200 of 100,000, asked for as if for the first time: a file comes and goes before each request."""
    with temporary_tree("listing") as root:
        folder = root / RAW
        empty_files(folder, FIRST)
        with server(root) as running:
            ours = running.connect()

            def ask() -> None:
                page = ours.call("folder.list", path=RAW, limit=200)
                assert page["total"] == FIRST, page["total"]
                assert len(page["items"]) == 200, len(page["items"])

            def listdir() -> None:
                assert len(sorted(os.listdir(folder))) == FIRST

            ask()
            found = interleaved(ROUNDS, {"ours": ask, "listdir": listdir}, lambda name: _changed(folder))
            again = median([timed(ask) for _ in range(ROUNDS)])
            contents = timed(lambda: running.connect().get(f"/api/contents/{quote(RAW)}?content=1"))
    mine, plain = median(found["ours"]), median(found["listdir"])
    note = "peer: GET api/contents of the same server, measured once, since it takes that long"
    yield Line(
        "first page of 100,000 entries, over HTTP", seconds(mine), f"{seconds(contents)} Jupyter's Contents API",
        ratio(mine / contents), "<= 1/200", mine <= contents / 200, note, {**found, "contents": [contents]},
    )  # fmt: skip
    note = f"ours is with HTTP, rights and 200 stats; asked again, the folder unchanged: {seconds(again)}"
    yield Line(
        "the same", seconds(mine), f"{seconds(plain)} os.listdir + sort", ratio(mine / plain), "<= 2x",
        mine <= 2 * plain, note, found,
    )  # fmt: skip


def _changed(folder: Path) -> None:
    """Let the folder move on, so that no listing of before can be used."""
    fresh = folder / "arriving.tmp"
    fresh.touch()
    fresh.unlink()


def further_pages() -> Iterator[Line]:
    """Pages anywhere in a pinned listing of 1,000,000."""
    with temporary_tree("pages") as root:
        empty_files(root / RAW, LARGE)
        with server(root) as running:
            connection = running.connect()
            page: dict[str, Any] = {}
            first = timed(lambda: page.update(connection.call("folder.list", path=RAW, limit=200)))
            took = [_further(connection, page["cursor"]) for _ in range(PAGES)]
    worst = sorted(took)[int(PAGES * 0.95)]
    yield Line(
        "further page of 1,000,000 entries, over HTTP", seconds(median(took)), "-", seconds(median(took)), "<= 50 ms",
        median(took) <= 0.05, f"95 % within {seconds(worst)}; the first page took {seconds(first)}", {"ours": took},
    )  # fmt: skip


def _further(connection: Connection, cursor: str) -> float:
    start = random.randrange(0, LARGE - 200)  # noqa: S311
    return timed(lambda: connection.call("folder.list", path=RAW, limit=200, cursor=cursor, start=start))
