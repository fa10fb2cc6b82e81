"""What everybody pays at each start: the import of the server extension, the size of the sidebar."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Line, Skipped, interleaved, median, seconds

ROUNDS = 15
STATIC = Path(__file__).parents[2] / "jupyter_modama" / "_lab" / "static"
BARE = "import time, jupyter_server.serverapp, jupyter_server.extension.application; begin = time.perf_counter()"
OURS = """
import jupyter_modama
jupyter_modama._jupyter_server_extension_points()
import jupyter_modama.server.room, jupyter_modama.server.routes, jupyter_modama.server.handlers, jupyter_modama.site
"""
END = "print(time.perf_counter() - begin)"
PEER = "import time; begin = time.perf_counter(); import jupyter_server.serverapp, jupyter_server.extension.application"
BUNDLE_BYTES = 300_000


def importing() -> Iterator[Line]:
    """What the extension adds to a Jupyter server that has imported all of its own; compiled before, as pip does it."""
    with tempfile.TemporaryDirectory(prefix="modama-bench-pyc-") as compiled:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        works = {"ours": lambda: _told(env, BARE, OURS, END), "server": lambda: _told(env, PEER, END)}
        for work in works.values():
            work()
        found = interleaved(ROUNDS, works)
    mine, server = median(found["ours"]), median(found["server"])
    note = f"the fastest of {ROUNDS}: {seconds(min(found['ours']))}"
    yield Line(
        "import of the server extension", seconds(mine), f"{seconds(server)} jupyter_server itself", seconds(mine),
        "<= 150 ms", mine <= 0.15, note, found,
    )  # fmt: skip


def _told(env: dict[str, str], *lines: str) -> float:
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True, env=env)
    return float(done.stdout.split()[-1])


def bundle() -> Iterator[Line]:
    """All that a browser loads of the sidebar, gzipped file by file."""
    files = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css"}] if STATIC.is_dir() else []
    if not files:
        raise Skipped("the sidebar is not built here; please run `make setup`")
    size = sum(len(gzip.compress(path.read_bytes(), 6)) for path in files)
    note = f"{len(files)} files; {sum(path.stat().st_size for path in files) / 1000:.0f} kB unpacked"
    yield Line(
        "sidebar bundle, gzipped", f"{size / 1000:.0f} kB", "-", f"{size / 1000:.0f} kB", "<= 300 kB",
        size <= BUNDLE_BYTES, note,
    )  # fmt: skip
