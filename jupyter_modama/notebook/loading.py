"""Data of a file in place, never as a copy: as a lazy HyperSpy signal or as a LiberTEM data set."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_modama.core.errors import Invalid, ModamaError, Unreachable, Unsupported, from_os, printable
from jupyter_modama.core.model import EntryDetails, EntryKind
from jupyter_modama.core.paths import TreePath
from jupyter_modama.notebook.tree import Tree
from jupyter_modama.readers.formats import Format, format_of

WITH = ("hyperspy", "libertem")
HOW = "load it with with_='libertem'"


def load(tree: Tree, path: TreePath, with_: str = "", **given: Any) -> Any:
    """See `jupyter_modama.load`."""
    details: EntryDetails = tree.do("entry.show", path=path.shown, path_b64=path.b64)
    is_folder = details.entry.kind is EntryKind.FOLDER
    if details.entry.kind not in {EntryKind.FILE, EntryKind.FOLDER}:
        raise Unsupported(path=path.shown, why="it is a link or a device, no ordinary file")
    known = format_of(path.name, is_folder)
    if (with_ or _suited(known)) not in WITH:
        raise Invalid(what=f"with_={with_!r} is not known; possible are {' and '.join(map(repr, WITH))}")
    if (with_ or _suited(known)) == "libertem":
        from jupyter_modama.libertem import context

        return context.load(tree.disk(path), **given)
    if is_folder and not known.folder:
        raise Unsupported(path=path.shown, why="it is a folder; please give one of its files")
    return signal(tree.disk(path), path.shown, known, **given)


def _suited(known: Format) -> str:
    """HyperSpy, which reads images, spectra and scans; LiberTEM for the formats that only it reads."""
    return "libertem" if known.libertem and not known.hyperspy else "hyperspy"


def signal(file: Path, shown: str, known: Format, **given: Any) -> Any:
    """A file as a lazy HyperSpy signal, or a list of them where it holds several.

    Raises: Unsupported, NotAllowed, Unreachable where HyperSpy is not installed.
    """
    if known.name and not known.hyperspy:
        why = f"HyperSpy does not read it ({known.note or known.name})" + (f"; {HOW}" if known.libertem else "")
        raise Unsupported(path=shown, why=why)
    if importlib.util.find_spec("hyperspy") is None:
        why = "it is not installed for this notebook; please run `%pip install hyperspy` and restart the kernel"
        raise Unreachable(what="HyperSpy", why=why)
    if not os.access(file, os.R_OK):
        raise from_os(PermissionError(13, "Permission denied"), f"reading {shown}")
    import hyperspy.api as hs

    with _said(shown, known):
        try:
            return hs.load(file, **{"lazy": True, **given})  # a Path: as text, * and [ ] in a name would be a pattern
        except NotImplementedError:  # some small formats have no lazy form
            return hs.load(file, **{**given, "lazy": False})


@contextmanager
def _said(shown: str, known: Format) -> Iterator[None]:
    """Whatever a reader raises becomes a sentence; warnings about other readers' optional parts are not shown."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    except ModamaError:
        raise
    except Exception as error:  # what a reader raises on a damaged file is anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        why = f"HyperSpy says: {printable(first)[:300]}" + (f"; perhaps {HOW} helps" if known.libertem else "")
        raise Unsupported(path=shown, why=why) from error
