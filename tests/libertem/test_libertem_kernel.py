"""The kernel in LiberTEM's environment is found by the server, and finds our package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from running_libertem import Jupyter

from jupyter_modama.libertem import kernel


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """What an environment looks like from outside."""
    made = tmp_path / "venv ä #&%'"
    (made / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return made


def found(manager: Any) -> dict[str, Any]:
    """The kernel's description as Jupyter reads it."""
    return manager.get_kernel_spec(kernel.KERNEL).to_dict()  # type: ignore[no-any-return]


@pytest.mark.libertem
def test_server_offers_the_kernel(server: Jupyter) -> None:
    """It is in the list that the launcher and the menu are made of."""
    status, text = server.get("api/kernelspecs")
    assert status == 200
    assert json.loads(text)["kernelspecs"][kernel.KERNEL]["spec"]["display_name"] == kernel.SHOWN


def test_environment_made_later_is_found(venv: Path) -> None:
    """A server that ran while LiberTEM was installed needs no restart."""
    manager = KernelSpecManager()
    kernel.offer(manager, venv)
    assert kernel.KERNEL not in manager.find_kernel_specs()
    kernel.make(venv)
    assert kernel.is_made(venv)
    assert found(manager)["argv"][0] == str(venv / "bin" / "python")


def test_only_our_package_is_added(venv: Path) -> None:
    """No path entry that would bring Jupyter's packages in."""
    kernel.make(venv)
    folder = next(venv.glob("lib/*/site-packages"))
    assert [entry.name for entry in folder.iterdir()] == ["jupyter_modama"]
    assert (folder / "jupyter_modama" / "libertem" / "kernel.py").samefile(kernel.__file__)


def test_package_that_moved_is_linked_again(venv: Path) -> None:
    """Jupyter in a new virtual environment; the old one is gone."""
    kernel.make(venv)
    link = next(venv.glob("lib/*/site-packages/jupyter_modama"))
    link.unlink()
    link.symlink_to("/nowhere/jupyter_modama")
    assert not kernel.is_made(venv)
    kernel.offer(KernelSpecManager(), venv)
    assert kernel.is_made(venv)


def test_offering_twice_and_to_a_gateway_changes_nothing(venv: Path) -> None:
    """Each folder is searched once; a manager without folders is left as it is."""
    manager, gateway = KernelSpecManager(), object()
    kernel.offer(manager, venv)
    kernel.offer(manager, venv)
    kernel.offer(gateway, venv)
    assert manager.kernel_dirs.count(str(kernel.kernels(venv))) == 1
    assert not (venv / "modama").exists()


def test_environment_that_one_may_not_look_at_is_no_hindrance(tmp_path: Path) -> None:
    """The server starts with the other kernels. Here the system refuses the name; of a closed folder it does, too."""
    manager = KernelSpecManager()
    kernel.offer(manager, tmp_path / ("x" * 300))
    assert "python3" in manager.find_kernel_specs()


def test_description_is_whole_or_old(venv: Path) -> None:
    """What lies beside the file after a kill is no description, and no hindrance."""
    kernel.make(venv)
    folder = kernel.kernels(venv) / kernel.KERNEL
    before = json.loads((folder / "kernel.json").read_text("utf-8"))
    kernel.make(venv)
    assert json.loads((folder / "kernel.json").read_text("utf-8")) == before
    assert sorted(entry.name for entry in folder.iterdir()) == ["kernel.json", "logo-svg.svg"]
