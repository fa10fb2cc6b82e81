"""LiberTEM in a notebook: no port, and the same care for formats as in the page."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from running_libertem import ROOT

from jupyter_modama.core.errors import Unreachable
from jupyter_modama.libertem import environment, kernel
from jupyter_modama.libertem.context import context

IN_NOTEBOOK = """
import os, sys
from pathlib import Path
from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import kernel
from jupyter_modama.libertem.context import context, load

for path in sys.argv[1:]:
    try:
        data = load(Path(path))
        total = context().run_udf(dataset=data, udf=__import__("libertem.udf.sum", fromlist=["x"]).SumUDF())
        print(type(data).__name__, tuple(data.shape), int(total["intensity"].data.sum()))
    except ModamaError as error:
        print(type(error).__name__, error)
handles = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
held = {os.readlink(handle) for handle in handles if handle.is_symlink()}
kinds = [line.split() for kind in ("tcp", "tcp6", "udp") for line in open(f"/proc/self/net/{kind}").readlines()[1:]]
print("ports", [words[1] for words in kinds if f"socket:[{words[9]}]" in held])
print("once", context() is context(), type(context().executor).__name__)
"""


@pytest.mark.libertem
def test_data_sets_load_without_a_port(libertem: Path, tmp_path: Path) -> None:
    """Threads of the notebook's own process do the work."""
    np.save(tmp_path / "scan ä.npy", np.ones((2, 3, 8, 8), "u2"))
    (tmp_path / "plain.raw").write_bytes(b"\0" * 1000)
    (tmp_path / "image.tif").write_bytes(b"II")
    environment.prepare_cache(libertem.parent.parent, tmp_path / "cache")
    env = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "cache" / "numba")}
    paths = [str(tmp_path / name) for name in ("scan ä.npy", "plain.raw", "image.tif", "gone.npy")]
    command = [str(libertem), "-P", "-c", IN_NOTEBOOK, *paths]
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=100)
    told = [line for line in done.stdout.splitlines() if "magic string" not in line]  # LiberTEM's own chatter
    assert told == [
        "NPYDataSet (2, 3, 8, 8) 384",
        "Unsupported plain.raw cannot be shown: it does not say its shape; "
        "please give dtype=, nav_shape= and sig_shape=",
        "Unsupported image.tif cannot be shown: LiberTEM does not read images of this kind. "
        "HyperSpy reads it: use “Open in notebook”",
        "NotFound there is no gone.npy that you can see; it may have been renamed or removed",
        "ports []",
        "once True ConcurrentJobExecutor",
    ], done.stderr


@pytest.mark.skipif("libertem" in metadata.packages_distributions(), reason="LiberTEM is installed here")
def test_missing_libertem_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the kernel has no LiberTEM, the error says which one has, or how to get it."""
    monkeypatch.setenv("MODAMA_LIBERTEM_VENV", str(tmp_path))
    with pytest.raises(Unreachable, match="pip install libertem"):
        context()
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    kernel.make(tmp_path)
    with pytest.raises(Unreachable, match=f"choose the kernel “{kernel.SHOWN}”"):
        context()
