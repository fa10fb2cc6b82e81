"""Open in LiberTEM, until every tab shows the data set: ours through a real Jupyter server, beside the stock server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment
from tests.bench.measure import Line, Samples, Skipped, median, seconds, timed
from tests.bench.places import RAW, temporary_tree
from tests.bench.servers import server

COLD_ROUNDS, WARM_ROUNDS = 3, 7
SHAPE = (16, 16, 128, 128)
STOCK = Path(__file__).with_name("stock_libertem.py")


def opening() -> Iterator[Line]:
    """Cold: the first file after the Jupyter server has started. Warm: a further one. Both are 8 MB, of one format."""
    try:
        python = environment.find()
    except ModamaError as missing:
        raise Skipped(str(missing)) from missing
    import numpy as np

    cold: Samples = []
    warm: Samples = []
    stock: list[dict[str, Samples]] = []
    with temporary_tree("libertem") as root:
        for number in range(WARM_ROUNDS + 1):
            np.save(root / RAW / f"scan_{number}.npy", np.full(SHAPE, number, "u2"))
        without = ""
        for _ in range(COLD_ROUNDS):
            _ours(root, cold, warm)
            if not without:
                without = _stock(python, root / RAW, stock)
    peers = {name: [value for run in stock for value in run[name]] for name in ("cold", "warm")}
    for name, mine, limit in (("cold", cold, 12.0), ("warm", warm, 1.0)):
        told = f"{seconds(median(peers[name]))} stock server and Dask" if stock else "-"
        value = median(mine)
        note = without or "peer: libertem-server 0.16.0, connect, detect and load by REST, in a network of its own"
        note += f"; {value / median(peers[name]):.2f}x of it" if stock else ""
        yield Line(
            f"open in LiberTEM, {name}", seconds(value), told, seconds(value), f"<= {limit:.0f} s", value <= limit,
            note, {"ours": mine, "stock": peers[name]},
        )  # fmt: skip


def _ours(root: Path, cold: Samples, warm: Samples) -> None:
    with server(root, MODAMA_LIBERTEM_VENV=str(environment.folder())) as running:
        connection = running.connect()
        for number in range(WARM_ROUNDS + 1):
            path = f"{RAW}/scan_{number}.npy"
            took = timed(lambda path=path: connection.call("libertem.open", path=path))  # type: ignore[misc]
            (warm if number else cold).append(took)


def _stock(python: Path, raw: Path, found: list[dict[str, Samples]]) -> str:
    """Run the stock server where nobody else can reach its open ports; why not, where that is not possible."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return (
            "the stock server was left out: its open ports need a network of their own, which root can make (unshare)"
        )
    own = tempfile.mkdtemp(prefix="modama-bench-stock-")
    command = ["unshare", "--net", "--fork", "--kill-child", sys.executable, str(STOCK), str(python.parent), str(raw)]
    try:
        env = environment.minimal_environment(Path(own)) | {"NUMBA_CACHE_DIR": f"{own}/numba", "HOME": own}
        environment.prepare_cache(python.parent.parent, Path(own))
        done = subprocess.run(command, env=env, cwd=own, check=False, capture_output=True, text=True, timeout=240)
        if done.returncode:
            return f"the stock server was left out: {(done.stderr.strip().splitlines() or ['it ended'])[-1]}"
        found.append(json.loads(done.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return "the stock server was left out: it took more than four minutes"
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return ""
