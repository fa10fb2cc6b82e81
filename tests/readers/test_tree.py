"""Readers of a tree: metadata by a path of the tree, as the command line and the server ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jupyter_modama.core.errors import NotFound
from jupyter_modama.core.paths import TreePath
from jupyter_modama.readers import metadata_readers
from jupyter_modama.readers.tree import TreeReaders
from jupyter_modama.store.disk import DiskStore
from jupyter_modama.testing.em_files import write_dm4


@pytest.fixture
def readers(store: DiskStore, root: Path) -> Iterator[TreeReaders]:
    """Readers of a tree with one image in it."""
    folder = root / "adhoc" / "ä p"
    folder.mkdir(parents=True)
    tags = {"Microscope Info": {"Voltage": 300000.0}}
    write_dm4(folder / "image.dm4", (20, 30), "u2", [np.ones((20, 30))], scales=[(0.5, "nm")] * 2, tags=tags)
    (folder / "bad.dm4").write_bytes(b"no image at all")
    (folder / "link.dm4").symlink_to("image.dm4")
    opened = metadata_readers(store)
    yield opened
    opened.close()


def test_metadata_names_the_path_in_the_tree(readers: TreeReaders) -> None:
    found = readers.metadata(TreePath.parse("adhoc/ä p/image.dm4"))
    assert found.path == "adhoc/ä p/image.dm4"
    assert found.readable
    assert [(signal.kind, signal.shape) for signal in found.signals] == [("image", (20, 30))]
    assert [(f.value, f.unit) for f in found.fields if f.name == "beam energy"] == [("300", "kV")]


def test_unreadable_file_is_a_normal_answer(readers: TreeReaders, root: Path) -> None:
    """The reason is a sentence without the place of the tree on the disk."""
    found = readers.metadata(TreePath.parse("adhoc/ä p/bad.dm4"))
    assert not found.readable
    assert found.why
    assert str(root) not in found.why + found.path


def test_link_is_not_followed(readers: TreeReaders) -> None:
    found = readers.metadata(TreePath.parse("adhoc/ä p/link.dm4"))
    assert not found.readable
    assert "link" in found.why


def test_what_is_not_there_is_not_found(readers: TreeReaders) -> None:
    with pytest.raises(NotFound):
        readers.metadata(TreePath.parse("adhoc/ä p/gone.dm4"))


@pytest.mark.parametrize("module", ["jupyter_modama.readers", "jupyter_modama.readers.tree"])
def test_importing_the_readers_brings_nothing_heavy(module: str) -> None:
    """The server imports this; numpy and RosettaSciIO (GPL) are for the workers alone."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"numpy", "h5py", "rsciio", "dask", "PIL", "tornado", "jupyter_server"} & set(done.stdout.split())
