"""A data tree with one session that holds real files, as a notebook finds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import jupyter_modama as modama
from jupyter_modama.notebook import tree
from jupyter_modama.notebook.things import Session
from jupyter_modama.testing import trees

AWKWARD = "mässig #1 100% &'x"


@pytest.fixture(autouse=True)
def own_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MODAMA_ROOT names the tree; what was opened is closed after the test."""
    monkeypatch.setenv("MODAMA_ROOT", str(root))
    yield
    while tree._open:
        tree._open.pop()[1].close()
    trees.clear(root)


@pytest.fixture
def session(own_tree: None) -> Session:
    """An open session with three files in raw and one in a folder below it; all names are awkward."""
    tree.the_tree().do("project.create", name=AWKWARD, title="<b>bold</b> & more")
    session = modama.project(f"adhoc/{AWKWARD}").create_session("2024-11-12 ä #&%'", title="<script>alert(1)</script>")
    for number in (10, 2, 1):
        np.save(session.raw / f"frame-{number} ä #&%'.npy", np.full((4, 6), number, "u2"))
    (session.raw / "sub [1]").mkdir()
    np.save(session.raw / "sub [1]" / "scan [x]*.npy", np.ones((2, 3, 8, 8), "u2"))
    return session
