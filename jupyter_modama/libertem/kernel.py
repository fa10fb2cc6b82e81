"""The notebook kernel in LiberTEM's environment, where `load` gives LiberTEM data sets and HyperSpy signals alike.

The kernel's description lies in the environment, and the server extension shows Jupyter the way there: it appears with
the environment and goes with it.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

KERNEL = "modama-libertem"
SHOWN = "MODAMA: LiberTEM and HyperSpy"
PACKAGE = Path(__file__).parents[1]
LOGO = Path(__file__).with_name("libertem.svg")


def kernels(venv: Path) -> Path:
    """The folder that Jupyter is to search; `share/jupyter/kernels` has a `python3` that is none of ours."""
    return venv / "modama" / "kernels"


def is_made(venv: Path) -> bool:
    """Whether a notebook can be started with it: described, and our package found by it."""
    links = list(_links(venv))
    return (kernels(venv) / KERNEL / "kernel.json").is_file() and bool(links) and all(_is_ours(link) for link in links)


def make(venv: Path) -> None:
    """Describe the kernel, and let its Python find this package, alone of all that is installed beside it.

    A link to the package, since a path entry would bring Jupyter's other packages in among LiberTEM's pins.
    Disk: written beside and renamed, so that a kernel that starts meanwhile finds the old or the new.
    """
    for link in _links(venv):
        if not _is_ours(link):
            _replace(link, lambda part: part.symlink_to(PACKAGE))
    file = kernels(venv) / KERNEL / "kernel.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    logo = LOGO.read_bytes()
    _replace(file.with_name("logo-svg.svg"), lambda part: part.write_bytes(logo))
    text = json.dumps(_described(venv), indent=1)
    _replace(file, lambda part: part.write_text(text, encoding="utf-8"))


def offer(manager: Any, venv: Path) -> None:
    """Let a server's kernel manager find the kernel, now or as soon as the environment is made.

    Our package may have moved since (another virtual environment of Jupyter): the link is renewed where we may write.
    A manager that has no folders (kernels behind a gateway) is left alone.
    """
    folders = getattr(manager, "kernel_dirs", None)
    if folders is None:
        return
    with contextlib.suppress(OSError):  # whoever may not look there, or not write, has the other kernels all the same
        if (kernels(venv) / KERNEL).is_dir() and not is_made(venv):
            make(venv)
    if str(kernels(venv)) not in folders:
        manager.kernel_dirs = [*folders, str(kernels(venv))]


def _described(venv: Path) -> dict[str, Any]:
    """The kernel.json."""
    return {
        "argv": [str(venv / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": SHOWN,
        "language": "python",
        "metadata": {"debugger": True},
    }


def _links(venv: Path) -> list[Path]:
    """Where our package is to appear: in each `site-packages`, of which there is one."""
    return [folder / PACKAGE.name for folder in (venv / "lib").glob("python3*/site-packages")]


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and link.resolve() == PACKAGE.resolve()


def _replace(path: Path, write: Any) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    write(part)
    part.rename(path)
