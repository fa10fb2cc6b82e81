"""What importing costs: the core brings nothing with it, and imports point down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "tornado",
    "jupyter_server",
    "jupyter_core",
    "jupyterlab",
    "jupyterhub",
    "fastapi",
    "starlette",
    "pydantic",
    "msgspec",
    "traitlets",
    "numpy",
    "h5py",
    "rsciio",
    "hyperspy",
    "libertem",
    "PIL",
    "dask",
    "asyncio",
)


def brought_by(statement: str) -> set[str]:
    """The top-level modules that a statement brings into a new process."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(m for m in sys.modules if m not in before))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    [
        "jupyter_modama",
        "jupyter_modama.core.operations",
        "jupyter_modama.store.disk",
        "jupyter_modama.runner",
        "jupyter_modama.client",
        "jupyter_modama.cli",
        "jupyter_modama.keeper.__main__",
        "jupyter_modama.keeper.worker",
    ],
)
def test_core_and_store_bring_the_standard_library_only(module: str) -> None:
    """No web framework, no Jupyter, no numpy."""
    brought = brought_by(f"import {module}")
    assert not brought & set(HEAVY)
    assert brought - set(sys.stdlib_module_names) == {"jupyter_modama"}


def test_importing_the_package_is_light() -> None:
    """Neither the disk nor the operations come before somebody asks for them."""
    code = "import jupyter_modama; print([m for m in sys.modules if m.startswith('jupyter_modama.')])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not {"core.operations", "store.disk", "runner", "server"} & {
        name.strip(" '[]\n").removeprefix("jupyter_modama.") for name in done.stdout.split(",")
    }


def test_imports_point_down() -> None:
    """The contracts of the project's configuration hold."""
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed")
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("not a checkout of the project")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
