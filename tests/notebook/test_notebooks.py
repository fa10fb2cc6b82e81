"""The notebooks run as they are, in a real kernel, on data that the demo makes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_modama.core.errors import ModamaError
from jupyter_modama.libertem import environment, kernel
from jupyter_modama.testing import trees

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
Notebook = nbformat.NotebookNode


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The demo's storage, as MODAMA_ROOT."""
    storage = tmp_path / "storage ä #&%'"
    subprocess.run([sys.executable, "-m", "jupyter_modama.demo", "make", str(storage)], check=True, cwd=ROOT)
    monkeypatch.setenv("MODAMA_ROOT", str(storage))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield storage
    trees.clear(storage)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the notebook lies."""
    made = tmp_path / "notebooks"
    made.mkdir()
    return made


def run(notebook: Notebook, folder: Path, name: str = "python3") -> Notebook:
    """The notebook with its outputs; kernels are found as the server extension lets Jupyter find them."""
    specs = KernelSpecManager()
    kernel.offer(specs, environment.folder())
    manager = AsyncKernelManager(kernel_name=name, kernel_spec_manager=specs)
    client = NotebookClient(notebook, km=manager, timeout=100, resources={"metadata": {"path": str(folder)}})
    client.owns_km = True  # ends the kernel, and closes what it was reached by
    client.execute(env=os.environ.copy())
    return notebook


def output(notebook: Notebook, source: str) -> str:
    """What a cell whose code holds `source` printed and answered."""
    cell = next(c for c in notebook.cells if c.cell_type == "code" and source in c.source)
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "".join(texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python3", pytest.param(kernel.KERNEL, marks=pytest.mark.libertem)])
def test_quickstart_runs_and_keeps_what_it_promises(
    demo: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture is there, the virtual detector is right, the sealed file is refused, the checksums match."""
    if name == kernel.KERNEL:
        monkeypatch.delenv("PYTHONPATH")  # the kernel finds the package by itself
        needs_libertem()
    done = run(nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4), folder, name)
    assert "grain-boundary-4dstem" in output(done, "modama.projects()")
    assert any("image/png" in o.get("data", {}) for c in done.cells if c.cell_type == "code" for o in c.outputs)
    assert "sealed" in output(done, "mine.seal(")
    assert "that should not" not in output(done, "one more frame") or os.geteuid() == 0
    assert "sealed" in output(done, "one more frame")
    assert "checksums match" in output(done, "mine.verify()")
    made = next(demo.rglob("one-reflection.npy"))
    blo = next(made.parents[1].glob("raw/*.blo"))
    assert np.array_equal(np.load(made), independent_detector(blo))
    assert np.load(made).std() > 0
    by_libertem = output(done, 'with_="libertem"')
    if name == kernel.KERNEL:
        assert float(by_libertem.split("above:")[1].split()[0]) > 0.999
    else:
        assert kernel.SHOWN in by_libertem or "not installed" in by_libertem or importlib.util.find_spec("libertem")


def needs_libertem() -> None:
    """Where `MODAMA_LIBERTEM_VENV` is set the environment has to be there."""
    try:
        environment.find()
    except ModamaError as missing:
        if os.environ.get("MODAMA_LIBERTEM_VENV"):
            raise
        pytest.skip(str(missing))


def independent_detector(blo: Path) -> Any:
    """The detector's sum from the file's bytes: a header says where the frames begin, six bytes stand before each."""
    raw = blo.read_bytes()
    data, size, nx, ny = (int.from_bytes(raw[a:b], "little") for a, b in ((12, 16), (20, 22), (24, 26), (26, 28)))
    frames = np.frombuffer(raw, "u1", offset=data)[: ny * nx * (size * size + 6)]
    frames = frames.reshape(ny, nx, size * size + 6)[..., 6:].reshape(ny, nx, size, size)
    frames = frames.astype(float)
    difference = frames[:, :4].sum((0, 1)) - frames[:, -4:].sum((0, 1))
    row, column = divmod(int(difference.argmax()), size)
    inside = [
        (y, x) for y in range(size) for x in range(size) if (y - row) ** 2 + (x - column) ** 2 <= (size // 10) ** 2
    ]
    return sum(frames[:, :, y, x] for y, x in inside)


def test_an_error_in_a_notebook_is_a_sentence(demo: Path, folder: Path) -> None:
    """The line of the cell and what to do, without our own calls."""
    source = 'import jupyter_modama as modama\n\nmodama.project("adhoc/nobody")'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with pytest.raises(CellExecutionError):
        run(notebook, folder)
    shown = notebook.cells[0].outputs[-1]
    assert shown.ename == "NotFound"
    assert "\n".join(shown.traceback).startswith('line 3: modama.project("adhoc/nobody")\nNotFound: there is no')
    assert len(shown.traceback) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_committed(path: Path) -> None:
    """Outputs would hold paths of somebody's machine, and differ each time."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS]
